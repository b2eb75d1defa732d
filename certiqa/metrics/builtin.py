"""The built-in metric: a small no-reference quality network, trained from scratch on human scores.

>>> import torch
>>> from certiqa.metrics.builtin import load_builtin
>>> metric = load_builtin()
>>> metric(torch.rand(2, 3, 64, 96)).shape
torch.Size([2])
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib import resources
from itertools import pairwise
from typing import ClassVar

import torch
from safetensors.torch import load as parse_safetensors
from torch import Tensor, nn
from torch.nn import functional

from certiqa.errors import WeightsError

__all__ = ["BuiltinMetric", "load_builtin"]

MIN_SIZE = 32
"""Smallest height and width: every feature map down to 1/32 of the resolution has a full cell to look at."""

WEIGHTS_FILE = "builtin.safetensors"
WEIGHTS_SHA256 = "cb7149fec4aa7f5a76494a25fb6e38e362d04c85424ebb6754438b8dabc3c618"
"""Of the packaged file; benchmarks/results/builtin_validation.json belongs to the same bytes."""

_SPREAD_FLOOR = 1e-4
"""Added to a variance before its square root, so that the gradient of a flat image is finite."""


class _Residual(nn.Module):
    """x + ReLU(conv3x3(x)): (B, C, H, W) -> (B, C, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        return features + functional.relu(self.conv(features))


class _Stage(nn.Module):
    """Halve the resolution, then look again: (B, C, H, W) -> (B, C', H/2, W/2), rounded up."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.down = nn.Conv2d(channels_in, channels, 3, stride=2, padding=1)
        self.residual = _Residual(channels)

    def forward(self, features: Tensor) -> Tensor:
        out: Tensor = self.residual(functional.relu(self.down(features)))
        return out


class BuiltinMetric(nn.Module):
    """Quality of images as (B,) scores in [0, 100], higher is better.

    ``forward(images)`` takes (B, 3, H, W) floating-point RGB in [0, 1], H and W at least ``min_size`` and
    otherwise free. A strided stem and four residual stages give feature maps at 1/8, 1/16, 1/32 and 1/64
    of the resolution; the mean and the standard deviation of every channel over the image feed a two-layer head.

    Guarantees, for any weights: every finite score lies in [0, 100], because it is 100 times a sigmoid; a score
    depends on its own image only; ``train()`` and ``eval()`` agree, there being no BatchNorm and no dropout; no random
    number is drawn. The pooling and the head are computed in float32 at least, also under autocast, and so are the
    scores. The size and the range of the images are the caller's to check.

    0.47 GMAC for a 512x512 image. Trained by benchmarks/train_builtin.py on LIVE In the Wild and AGIQA-3K, on windows
    of 256 and 480 pixels: the score of a much smaller image is an extrapolation. No noise was added in training.
    """

    name: ClassVar[str] = "builtin"
    output_range: ClassVar[tuple[float, float]] = (0.0, 100.0)
    range_enforced: ClassVar[bool] = True
    lower_better: ClassVar[bool] = False
    min_size: ClassVar[int] = MIN_SIZE

    def __init__(
        self, stem: tuple[int, int] = (16, 32), stages: tuple[int, ...] = (48, 96, 128, 160), hidden: int = 64
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, stem[0], 3, stride=2),
            nn.ReLU(),
            nn.Conv2d(stem[0], stem[1], 3, stride=2, padding=1),
            nn.ReLU(),
        )
        widths = (stem[1], *stages)
        self.stages = nn.ModuleList(_Stage(a, b) for a, b in pairwise(widths))
        self.head = nn.Sequential(nn.Linear(2 * sum(stages), hidden), nn.ReLU(), nn.Linear(hidden, 1))

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) RGB in [0, 1] -> (B,) scores in [0, 100]."""
        features = self.stem(images)
        pooled = []
        for stage in self.stages:
            features = stage(features)
            pooled.append(_mean_and_spread(features))
        return self._score(torch.cat(pooled, dim=1))

    def _score(self, pooled: Tensor) -> Tensor:
        """(B, 2 * channels) statistics -> (B,) scores, in the statistics' own precision."""
        with torch.autocast(pooled.device.type, enabled=False):
            for layer in self.head:
                if isinstance(layer, nn.Linear):
                    pooled = functional.linear(pooled, layer.weight.to(pooled), layer.bias.to(pooled))
                else:
                    pooled = layer(pooled)
            return 100 * torch.sigmoid(pooled.squeeze(1))


def _mean_and_spread(features: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, 2C): each channel's mean and standard deviation over the image, float32 at least.

    By raw moments, whose memory order fits channels-last convolutions: many times faster than ``torch.var_mean`` here.
    """
    pixels = features.permute(0, 2, 3, 1).flatten(1, 2)
    pixels = pixels.to(torch.promote_types(pixels.dtype, torch.float32))
    mean = pixels.mean(dim=1)
    variance = (pixels.square().mean(dim=1) - mean.square()).clamp_min(0)
    return torch.cat((mean, (variance + _SPREAD_FLOOR).sqrt()), dim=1)


def _weights_bytes() -> bytes:
    return resources.files("certiqa.metrics").joinpath("weights", WEIGHTS_FILE).read_bytes()


def _verified_weights() -> Mapping[str, Tensor]:
    """The packaged tensors, once their bytes are known to be the published ones; else WeightsError."""
    content = _weights_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != WEIGHTS_SHA256:
        raise WeightsError(
            f"The packaged weights {WEIGHTS_FILE!r} must have sha256 {WEIGHTS_SHA256}. Got {found} instead: "
            "the file was changed or damaged; reinstall certiqa."
        )
    return parse_safetensors(content)


def load_builtin(device: torch.device | str | None = None) -> BuiltinMetric:
    """The built-in metric with its packaged weights: eval mode, parameters frozen, on ``device`` (None: the CPU).

    The global random state is left as it was. Raises WeightsError when the packaged file is not the published one.
    """
    tensors = _verified_weights()
    with torch.device("meta"):
        metric = BuiltinMetric()
    metric.load_state_dict(tensors, assign=True)
    for parameter in metric.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return metric.to(device or "cpu").requires_grad_(False).eval()
