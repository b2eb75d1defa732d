"""Input policies: their words, and the operator norm of a resize."""

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate

from certiqa.metrics.policy import AnySize, CropGrid, Resized


def stretch(policy, height, width, rounds=400):
    """The norm of the whole two-dimensional map by power iteration with autograd: from below."""
    size = policy.size_after(height, width)
    x = torch.rand(1, 1, height, width, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for _ in range(rounds):
        x = (x / x.norm()).requires_grad_()
        y = interpolate(x, size=size, mode=policy.mode, antialias=policy.antialias, align_corners=False)
        (back,) = torch.autograd.grad(y.square().sum() / 2, x)
        x, gain = back, float(y.detach().norm())
    return gain


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize(("size", "target"), [((24, 31), (9, 12)), ((16, 16), (16, 16)), ((12, 10), (17, 25))])
def test_the_norm_is_that_of_the_map(mode, antialias, size, target):
    policy = Resized(*target, None, mode, antialias)
    norm, seen = policy.operator_norm(*size), stretch(policy, *size)
    assert seen <= norm * (1 + 1e-9)
    assert seen == pytest.approx(norm, rel=5e-3)


def test_norms_that_are_known():
    assert Resized(20, 30, None, "bilinear", True).operator_norm(20, 30) == pytest.approx(1)
    nearest = Resized(256, 256, None, "bilinear", False)
    assert nearest.operator_norm(512, 512) == pytest.approx(0.5)  # the mean of each 2 x 2 block
    assert Resized(384, 512, None, "bilinear", True).operator_norm(768, 1024) == pytest.approx(0.5, abs=0.01)
    assert Resized(224, 224, None, "bilinear", True).operator_norm(768, 1024) == pytest.approx(0.256, abs=0.01)


def test_the_shorter_side():
    policy = Resized(None, None, 224, "bicubic", True)
    assert policy.size_after(500, 400) == (280, 224)
    assert Resized(10, 20, None, "bicubic", True).size_after(500, 400) == (10, 20)
    assert policy.operator_norm(500, 400) < 0.7


def test_words():
    assert str(AnySize(32)) == "any size from 32x32"
    assert str(CropGrid(224, 20, 224)) == "20 crops of 224x224, from 224x224"
    assert str(CropGrid(224, None, 224)) == "a grid of crops of 224x224, from 224x224"
    assert str(Resized(None, None, 224, "bicubic", True)) == "resized to shorter side 224 (bicubic, antialias)"
    assert str(Resized(498, 664, None, "bilinear", False)) == "resized to 498x664 (bilinear)"
    assert np.isfinite(Resized(8, 8, None, "bicubic", True).operator_norm(64, 9))
