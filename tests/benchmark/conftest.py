"""A tiny metric, and configs of it that take seconds."""

import copy

import pytest
import torch

from certiqa.benchmark.config import Config
from certiqa.benchmark.running import run

BASE = {
    "name": "tiny",
    "seed": 3,
    "sigmas": [0.1],
    "resamples": 100,
    "data": [{"name": "distorted-samples"}],
    "metric": [{"name": "toy"}],
    "defence": [
        {"name": "undefended"},
        {"name": "softened", "metric": "softer"},
        {"name": "JPEG", "purify": ["jpeg:quality=50"]},
        {"name": "MS", "smooth": True},
        {"name": "MS small", "smooth": True, "sigmas": [0.05, 0.2], "resolution": 64},
    ],
    "agreement": {"images": 12, "draws": 2},
    "certificates": {"images": 3, "n": 120, "at": ["0.5 sigma", "linf:1/255"]},
    "attacks": {"images": 2, "names": ["fgsm", "pgd:steps=2"], "budgets": ["l2:0.08"], "samples": 1, "fresh": 50,
                "levels": 1},
    "examples": {"images": 1, "thumbnails": True},
}  # fmt: skip


class Toy(torch.nn.Module):
    """Contrast, squashed: falls with blur; its range is enforced."""

    name, lower_better, output_range, range_enforced = "toy", False, (0.0, 100.0), True

    def __init__(self, gain=30.0):
        super().__init__()
        self.gain = torch.nn.Parameter(torch.tensor(gain), requires_grad=False)

    def forward(self, x):
        steps = (x[..., 1:] - x[..., :-1]).square().mean((1, 2, 3))
        return 100 * torch.tanh(self.gain * steps)


@pytest.fixture
def given():
    """The config as plain values, to be changed."""
    return copy.deepcopy(BASE)


@pytest.fixture
def config(given):
    return Config.of(given)


def toys():
    return {"toy": Toy().eval(), "softer": Toy(10.0).eval()}


@pytest.fixture
def models():
    return toys()


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """(folder, what came of it): the tiny config, run once without a break. Not to be changed."""
    folder = tmp_path_factory.mktemp("finished")
    return folder, run(Config.of(copy.deepcopy(BASE)), folder, models=toys())
