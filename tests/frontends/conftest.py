"""A front end of three numbers whose medians are known, and ways to spoil it."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest
import torch

from certiqa.frontends.base import digest_of


@dataclass(frozen=True)
class Means:
    """The mean of each channel, over sqrt(3): linear, L = 1 / sqrt(3HW), attained by a constant."""

    name: ClassVar[str] = "means"
    smallest: ClassVar[int] = 4
    factor: float = 1.0

    @property
    def digest(self):
        return digest_of(self.to_dict())

    def output_shape(self, height, width):
        return (3,)

    def lipschitz(self, height, width):
        return 1 / np.sqrt(3 * height * width) * (1 + 1e-12)

    def rounding(self, height, width):
        return height * width * 2.0**-53

    def __call__(self, values):
        return self.factor * values.mean((1, 2)) / np.sqrt(3)

    def of_tensor(self, images):
        return self.factor * images.mean((2, 3)) / 3**0.5

    def words(self, height, width):
        return "the means of the channels"

    def to_dict(self):
        return {"name": self.name, "factor": self.factor}


class Head(torch.nn.Module):
    """100 <w, z>, in double precision: under noise Gaussian with a known median and SD."""

    output_range = (-1000.0, 1000.0)
    range_enforced = False
    lower_better = False

    def __init__(self):
        super().__init__()
        self.register_buffer("w", torch.tensor([0.6, -0.8, 0.0], dtype=torch.float64))

    def forward(self, numbers):
        return 100 * numbers.double() @ self.w


class Metric(torch.nn.Module):
    """A metric that declares its front end."""

    name = "means-metric"
    certified_sigma = 0.003
    certified_n = 500
    lower_better = False

    def __init__(self, front_end=None):
        super().__init__()
        self.front_end, self.head = front_end or Means(), Head()

    def forward(self, images):
        return self.head(self.front_end.of_tensor(images))


@pytest.fixture
def means():
    return Means


@pytest.fixture
def head():
    return Head().eval()


@pytest.fixture
def metric():
    return Metric().eval()


@pytest.fixture(scope="session")
def image():
    return torch.from_numpy(np.random.default_rng(8).integers(0, 256, (3, 30, 41), dtype=np.uint8))
