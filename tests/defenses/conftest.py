"""Small rated pictures and small metrics for the training of defences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from certiqa.training.pictures import ImagePool, TrainingImage


class Smooth(nn.Module):
    """Two convolutions and tanh: twice differentiable everywhere, scores around 50."""

    name, lower_better, output_range, range_enforced, min_size = "smooth", False, (0.0, 100.0), True, 8

    def __init__(self, seed=0, dtype=torch.float32):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.body = nn.Sequential(
            nn.Conv2d(3, 6, 3, 2, padding=1), nn.Tanh(), nn.Conv2d(6, 8, 3, 2, padding=1), nn.Tanh()
        )
        self.head = nn.Linear(8, 1)
        for parameter in self.parameters():
            parameter.data = 0.4 * torch.randn(parameter.shape, generator=generator)
        self.to(dtype)

    def forward(self, images):
        return 100 * torch.sigmoid(self.head(self.body(images).mean((2, 3))).squeeze(1))


class WithNorm(Smooth):
    """The same with BatchNorm and dropout: its train mode ties images together and draws random numbers."""

    name = "withnorm"

    def __init__(self, seed=0, dtype=torch.float32):
        super().__init__(seed, dtype)
        layers = list(self.body)
        self.body = nn.Sequential(*layers[:1], nn.BatchNorm2d(6), *layers[1:], nn.Dropout(0.3)).to(dtype)


def waves(index: int, height: int = 40, width: int = 36) -> np.ndarray:
    """uint8 (3, H, W): waves whose frequency grows with index % 10, so there is something to learn."""
    rng = np.random.default_rng(index)
    y, x = np.mgrid[:height, :width]
    frequency = 0.02 + 0.03 * (index % 10)
    planes = [0.5 + 0.35 * np.sin(2 * np.pi * frequency * (x + y) + rng.uniform(0, 6)) for _ in range(3)]
    return np.rint(255 * np.stack(planes).clip(0, 1)).astype(np.uint8)


@pytest.fixture(scope="session")
def rated():
    """80 pictures whose human score falls with their frequency."""
    return tuple(TrainingImage(waves(i), f"waves {i}", 90.0 - 8.0 * (i % 10)) for i in range(80))


@pytest.fixture(scope="session")
def pool(rated):
    return ImagePool(rated, 32)


@pytest.fixture
def smooth():
    return Smooth().eval()


@pytest.fixture
def kinds():
    return {"smooth": Smooth, "withnorm": WithNorm}


@pytest.fixture
def pictures():
    """pictures(count): float64 (B, 3, 12, 16) with texture."""

    def make(count=3, seed=0, dtype=torch.float64, size=(12, 16)):
        generator = torch.Generator().manual_seed(seed)
        return 0.1 + 0.8 * torch.rand(count, 3, *size, generator=generator, dtype=dtype)

    return make
