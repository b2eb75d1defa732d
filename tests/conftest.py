"""What the tests share: toy models of known laws, small pictures, certificates made from given scores, real data."""

from __future__ import annotations

import dataclasses
import random
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

import certiqa

ROOT = Path(__file__).resolve().parents[1]


def exact(images):
    """An integer for every image, by integer arithmetic: the same bits whatever the batch, kernel or thread."""
    grey = (255 * images.double()).round().long().flatten(1)
    return (grey * (1 + torch.arange(grey.shape[1]) % 7)).sum(1).double()


def mean(images):
    return images.mean((1, 2, 3))


class Linear(nn.Module):
    """<w, x>: the model that attains the theorem's bound."""

    def __init__(self, weight):
        super().__init__()
        self.weight = nn.Parameter(weight.clone())

    def forward(self, images):
        return (images * self.weight).sum((1, 2, 3))


class Wrapped(nn.Module):
    """A function as a module."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, images):
        return self.function(images)


class Network(nn.Module):
    """A small convolutional network with BatchNorm; its scores have both signs and lie around zero."""

    def __init__(self, seed=0):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 16, 3, 2), nn.ReLU(), nn.Flatten(2)
        )
        self.head = nn.Linear(16, 1)
        for parameter in self.parameters():
            parameter.data = 0.3 * torch.randn(parameter.shape, generator=generator)

    def forward(self, images):
        return self.head(self.body(images).mean(2))


class Counter:
    """Stands in for a noise: sample i of any picture is an image that holds nothing but i."""

    name, assumption, sigma, key = "counter", "none", 0.1, (0, 0)

    def noisy(self, pixels, start, count, *, clip):
        return torch.arange(start, start + count, dtype=torch.float64).view(-1, 1, 1, 1).expand(-1, *pixels.shape)

    def tv_slack(self, dimension):
        return 0.0


@pytest.fixture(scope="session")
def toys():
    return SimpleNamespace(
        exact=exact, mean=mean, Linear=Linear, Wrapped=Wrapped, Network=Network, Counter=Counter, states=states
    )


def states():
    """Every global random state, as something that can be compared."""
    version, keys, *rest = np.random.get_state()  # noqa: NPY002
    return torch.get_rng_state().numpy().tobytes(), version, keys.tobytes(), rest, random.getstate()


@pytest.fixture(scope="session")
def picture():
    """uint8 (3, 12, 16), all grey levels."""
    values = np.random.Generator(np.random.Philox(key=5)).integers(0, 256, (3, 12, 16), dtype=np.uint8)
    return torch.from_numpy(values)


@pytest.fixture(scope="session")
def made(picture):
    """made(scores, **fields): a certificate of these scores, without sampling them."""
    template = certiqa.certify(mean, picture, 0.1, n=10, seed=1)

    def make(scores, **fields):
        values = np.array(scores, dtype=np.float64)
        values.setflags(write=False)
        return dataclasses.replace(template, scores=values, **fields)

    return make


@pytest.fixture
def one_thread():
    """Many small tensor operations: on a busy machine threads make them slower."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def shared_data():
    """The folder of real images beside the project; tests that need it carry the marker ``shared``."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real images of ../shared/data are not here")
    return folder


NORRIS_Y = [
    0.1, 338.8, 118.1, 888.0, 9.2, 228.1, 668.5, 998.5, 449.1, 778.9, 559.2, 0.3, 0.1, 778.1, 668.8, 339.3,
    448.9, 10.8, 557.7, 228.3, 998.0, 888.8, 119.6, 0.3, 0.6, 557.6, 339.3, 888.0, 998.5, 778.9, 10.2, 117.6,
    228.9, 668.4, 449.2, 0.2,
]  # fmt: skip
NORRIS_X = [
    0.2, 337.4, 118.2, 884.6, 10.1, 226.5, 666.3, 996.3, 448.6, 777.0, 558.2, 0.4, 0.6, 775.5, 666.9, 338.0,
    447.5, 11.6, 556.0, 228.1, 995.8, 887.6, 120.2, 0.3, 0.3, 556.8, 339.1, 887.2, 999.0, 779.0, 11.1, 118.3,
    229.2, 669.1, 448.9, 0.5,
]  # fmt: skip


@pytest.fixture
def norris():
    """NIST StRD, Norris, x and y. Certified: R2 .999993745883712, line -.262323073774029 + 1.00211681802045 x."""
    return NORRIS_X, NORRIS_Y
