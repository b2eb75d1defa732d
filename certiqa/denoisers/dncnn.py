"""DnCNN: a plain chain of 3x3 convolutions that predicts the noise."""

from __future__ import annotations

from itertools import pairwise
from typing import final

from torch import Tensor, nn

from certiqa.denoisers.network import DenoiserNetwork

__all__ = ["DnCNN"]


@final
class DnCNN(DenoiserNetwork):
    """A chain of ``depth`` 3x3 convolutions with ReLU between them, at full resolution, without BatchNorm.

    Multiply-accumulates per pixel of the presets (:func:`certiqa.denoisers.macs.mac_per_pixel` counts them):
    "dncnn-small" 38880, "dncnn-17" 556416 (depth and width of the paper).

    Args:
        depth: number of convolutions, at least 2.
        width: channels between them.
        conditioned: whether sigma is given to the network; the paper's is blind.

    Source: Zhang et al. 2017 (arXiv 1608.03981), whose BatchNorm is left out: it ties the images of a training batch
    together, and folds into the convolutions afterwards.

    >>> import torch
    >>> from certiqa.denoisers import DnCNNConfig, build
    >>> build(DnCNNConfig(depth=3, width=8, conditioned=False), seed=0)(torch.rand(2, 3, 17, 30), 0.12).shape
    torch.Size([2, 3, 17, 30])
    """

    def __init__(self, *, depth: int, width: int, conditioned: bool = True) -> None:
        super().__init__(1, conditioned=conditioned)
        sizes = [3 + conditioned, *[width] * (depth - 1), 3]
        layers: list[nn.Module] = []
        for a, b in pairwise(sizes):
            layers += [nn.Conv2d(a, b, 3, padding=1), nn.ReLU()]
        self.chain = nn.Sequential(*layers[:-1])

    def noise(self, images: Tensor) -> Tensor:
        """(B, 3 or 4, H, W) -> (B, 3, H, W)."""
        out: Tensor = self.chain(images)
        return out
