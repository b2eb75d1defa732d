"""Small images with structure, and a differentiable toy metric, for the training of denoisers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from certiqa.denoisers.pictures import TrainingImage


class Sharpness(nn.Module):
    """100 times the mean absolute difference of neighbours, weighted: a metric that gradients pass."""

    name, lower_better = "sharpness", False

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(100.0))

    def forward(self, images):
        return self.weight * (images[..., 1:] - images[..., :-1]).square().add(1e-4).sqrt().mean((1, 2, 3))


def waves(index: int, height: int = 56, width: int = 48) -> np.ndarray:
    """uint8 (3, H, W): a sum of waves and an edge, another one for every index."""
    rng = np.random.default_rng(index)
    y, x = np.mgrid[:height, :width]
    fx, fy, phase = rng.uniform(0.02, 0.12, 3), rng.uniform(0.02, 0.12, 3), rng.uniform(0, 6, 3)
    plane = [0.5 + 0.3 * np.sin(2 * np.pi * (a * x + b * y) + c) for a, b, c in zip(fx, fy, phase, strict=True)]
    picture = np.stack(plane) + 0.2 * (x > rng.integers(10, width - 10))
    return np.rint(255 * picture.clip(0, 1)).astype(np.uint8)


@pytest.fixture(scope="session")
def waves_images():
    return tuple(TrainingImage(waves(i), f"waves {i}", float(i % 7) / 3 - 1, i % 2) for i in range(80))


@pytest.fixture
def sharpness():
    return Sharpness().eval()
