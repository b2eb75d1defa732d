"""A small U-Net: most of its work is done at a half to a sixteenth of the resolution."""

from __future__ import annotations

from itertools import pairwise
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional

from certiqa.denoisers.network import DenoiserNetwork

__all__ = ["Residual", "UNet"]


class Residual(nn.Module):
    """x + ReLU(conv3x3(x)): (B, C, H, W) -> (B, C, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        return features + functional.relu(self.conv(features))


def _blocks(channels: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(Residual(channels) for _ in range(count)))


class _Up(nn.Module):
    """Twice the resolution by 1x1 convolution and pixel shuffle: (B, C, H, W) -> (B, C', 2H, 2W)."""

    def __init__(self, channels_in: int, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in, 4 * channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        return functional.pixel_shuffle(self.conv(features), 2)


@final
class UNet(DenoiserNetwork):
    """A U-Net after a pixel unshuffle; skip connections are sums; ReLU; no normalisation.

    With ``unshuffle`` u and L + 1 ``widths``, level l works on maps of 1/(u 2^l) of the resolution: ``down`` blocks on
    the way down, ``middle`` blocks at the lowest level, ``up`` blocks on the way up (one number a level, the finest
    first). A block is x + ReLU(conv3x3(x)). Between levels: a 2x2 convolution of stride 2 down, a 1x1 convolution with
    pixel shuffle up.

    Multiply-accumulates per pixel of the presets (:func:`certiqa.denoisers.macs.mac_per_pixel` counts them):
    "unet-small" 8104, "unet-medium" 32840.

    Args:
        unshuffle: 1, 2 or 4: how many pixels a side go into one position of the finest level.
        widths: channels of the levels, the finest first.
        down: blocks of the levels but the lowest, on the way down.
        middle: blocks of the lowest level.
        up: blocks of the levels but the lowest, on the way up.
        conditioned: whether sigma is given to the network.

    Source: Ronneberger et al. 2015 (arXiv 1505.04597); the noise-level map of FFDNet (arXiv 1710.04026).

    >>> from certiqa.denoisers import UNetConfig, build
    >>> net = build(UNetConfig(unshuffle=2, widths=(8, 16), down=(0,), middle=1, up=(1,)), seed=0)
    >>> net(torch.rand(2, 3, 17, 30), 0.12).shape
    torch.Size([2, 3, 17, 30])
    """

    def __init__(
        self,
        *,
        unshuffle: int,
        widths: tuple[int, ...],
        down: tuple[int, ...],
        middle: int,
        up: tuple[int, ...],
        conditioned: bool = True,
    ) -> None:
        super().__init__(unshuffle * 2 ** (len(widths) - 1), conditioned=conditioned)
        self.unshuffle = unshuffle
        self.stem = nn.Conv2d(3 * unshuffle**2 + conditioned, widths[0], 3, padding=1)
        self.down = nn.ModuleList(_blocks(width, count) for width, count in zip(widths[:-1], down, strict=True))
        self.shrink = nn.ModuleList(nn.Conv2d(a, b, 2, stride=2) for a, b in pairwise(widths))
        self.middle = _blocks(widths[-1], middle)
        self.grow = nn.ModuleList(_Up(b, a) for a, b in pairwise(widths))
        self.up = nn.ModuleList(_blocks(width, count) for width, count in zip(widths[:-1], up, strict=True))
        self.tail = nn.Conv2d(widths[0], 3 * unshuffle**2, 3, padding=1)

    def noise(self, images: Tensor) -> Tensor:
        """(B, 3 or 4, H, W), sides multiples of ``multiple`` -> (B, 3, H, W)."""
        u = self.unshuffle
        features = functional.pixel_unshuffle(images[:, :3], u)
        if self.conditioned:
            features = torch.cat((features, images[:, 3:, ::u, ::u]), dim=1)
        features = functional.relu(self.stem(features))
        skips = []
        for blocks, shrink in zip(self.down, self.shrink, strict=True):
            features = blocks(features)
            skips.append(features)
            features = functional.relu(shrink(features))
        features = self.middle(features)
        for blocks, grow, skip in zip(reversed(self.up), reversed(self.grow), reversed(skips), strict=True):
            features = blocks(grow(features) + skip)
        return functional.pixel_shuffle(self.tail(features), u)
