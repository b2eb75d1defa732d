"""Models of known answers, and what several files of this room need."""

from __future__ import annotations

import dataclasses
import io
from dataclasses import dataclass
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
import torch
from PIL import Image

import certiqa
from certiqa import attacks
from certiqa.data.images import read_image


def generator(seed):
    return torch.Generator().manual_seed(seed)


def noise(*shape, seed=0, low=0.0, high=1.0):
    return low + (high - low) * torch.empty(shape).uniform_(generator=generator(seed))


def on_grid(*shape, seed=0, low=0, high=256):
    """uint8 pixels."""
    draw = np.random.Generator(np.random.Philox(key=seed))
    return torch.from_numpy(draw.integers(low, high, shape, dtype=np.uint8))


class Quadratic(torch.nn.Module):
    """-|x - centre|^2, or with ``bowl`` the same upside down: the best point of a ball is known."""

    def __init__(self, centre, bowl=False):
        super().__init__()
        self.register_buffer("centre", centre)
        self.sign = 1.0 if bowl else -1.0

    def forward(self, images):
        return self.sign * (images - self.centre).square().sum((1, 2, 3))


class Smooth(torch.nn.Module):
    """A small smooth network, whose images do not hang together."""

    def __init__(self, seed=0):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 6, 3)
        self.weight = torch.nn.Parameter(noise(6, seed=seed, low=-1.0))
        self.conv.weight.data = noise(*self.conv.weight.shape, seed=seed + 1, low=-0.5, high=0.5)
        self.conv.bias.data = noise(6, seed=seed + 2, low=-0.1, high=0.1)
        self.calls = 0

    def forward(self, images):
        self.calls += 1
        return 100 * (torch.tanh(self.conv(images)).mean((2, 3)) * self.weight).sum(1)


@dataclass(frozen=True, kw_only=True)
class Returns(attacks.Attack):
    """An attack that returns whatever it is told to."""

    name: ClassVar[str] = "returns"
    what: object = dataclasses.field(default=None, compare=False)

    def run(self, problem):
        return self.what(problem) if callable(self.what) else self.what


@pytest.fixture(scope="session")
def help_():
    return SimpleNamespace(
        generator=generator, noise=noise, on_grid=on_grid, Quadratic=Quadratic, Smooth=Smooth, Returns=Returns
    )


@pytest.fixture(scope="session")
def builtin():
    return certiqa.metrics.load("builtin", "cpu")


@pytest.fixture(scope="session")
def crop():
    """crop(name, height, width): uint8 (3,H,W), from the middle of a sample photograph."""

    def cut(name, height=65, width=73):
        pixels = read_image(certiqa.samples.path(name)).pixels
        top, left = (pixels.shape[1] - height) // 2, (pixels.shape[2] - width) // 2
        return torch.from_numpy(pixels[:, top : top + height, left : left + width].copy())

    return cut


@pytest.fixture(scope="session")
def jpeg():
    """The real codec, (B,3,H,W) in [0, 1] -> the same."""

    def compress(images, quality=75):
        coded = []
        for one in images:
            buffer = io.BytesIO()
            pixels = (255 * one.detach()).round().to(torch.uint8).permute(1, 2, 0).numpy()
            Image.fromarray(pixels).save(buffer, format="JPEG", quality=quality)
            coded.append(torch.from_numpy(np.asarray(Image.open(buffer)).copy()).permute(2, 0, 1).float() / 255)
        return torch.stack(coded)

    return compress


@pytest.fixture(scope="session")
def patterns(builtin, crop):
    """Universal patterns of the built-in metric, by objective."""
    train = [crop(name, 96, 96) for name in ("astronaut", "chelsea", "rocket", "coffee")]
    return {
        aim: attacks.train_uap(builtin, train, aim, amplitude=0.03, size=64, epochs=10) for aim in ("raise", "lower")
    }


@pytest.fixture(autouse=True)
def _one_thread(one_thread):
    """Small tensors: one thread."""
