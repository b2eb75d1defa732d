"""Median blur and Gaussian blur."""

from __future__ import annotations

import math
from typing import final

import torch
from torch import Tensor
from torch.nn import functional

from certiqa.purifications.base import Purification
from certiqa.purifications.card import PurificationCard, number, whole

__all__ = ["GaussianBlur", "MedianBlur"]


@final
class MedianBlur(Purification):
    """The median of each square window, channel by channel; borders are mirrored.

    Args:
        metric: (B,3,H,W) RGB in [0,1] -> (B,).
        size: side of the window in pixels, odd, from 3 to 15.

    Source: Xu et al. 2018, feature squeezing (arXiv 1704.01155).

    >>> import torch
    >>> image = torch.zeros(1, 3, 5, 5)
    >>> image[..., 2, 2] = 1
    >>> MedianBlur(lambda x: x.amax((1, 2, 3)))(image)
    tensor([0.])
    """

    purification = PurificationCard(
        "median",
        "median blur",
        "exactly",
        False,
        {"size": whole(3, 3, 15, odd=True)},
        "Xu et al. 2018, feature squeezing (arXiv 1704.01155)",
    )

    def purify(self, images: Tensor) -> Tensor:
        """The median of size x size shifted copies."""
        size, (height, width) = self.options["size"], images.shape[-2:]
        padded = functional.pad(images, [size // 2] * 4, mode="reflect")
        shifted = [padded[..., y : y + height, x : x + width] for y in range(size) for x in range(size)]
        return torch.stack(shifted).median(dim=0).values

    def _least(self, metric_least: int) -> int:
        return max(metric_least, int(self.options["size"]) // 2 + 1)


@final
class GaussianBlur(Purification):
    """Convolution with a Gaussian, cut at three standard deviations; borders are mirrored.

    Args:
        metric: (B,3,H,W) RGB in [0,1] -> (B,).
        sigma: standard deviation in pixels, in (0, 10].

    Source: the purifications of the field's benchmark, Guardians of Image Quality (ICML 2025).

    >>> import torch
    >>> GaussianBlur(lambda x: x.mean((1, 2, 3)), sigma=1)(torch.full((1, 3, 8, 8), 0.25))
    tensor([0.2500])
    """

    purification = PurificationCard(
        "blur",
        "Gaussian blur",
        "exactly",
        False,
        {"sigma": number(1.0, 0.0, 10.0, high_included=True)},
        "Guardians of Image Quality (ICML 2025)",
    )

    @property
    def _reach(self) -> int:
        return math.ceil(3 * float(self.options["sigma"]))

    def purify(self, images: Tensor) -> Tensor:
        """Separable convolution."""
        from kornia.filters import gaussian_blur2d

        side, sigma = 2 * self._reach + 1, self.options["sigma"]
        found: Tensor = gaussian_blur2d(images, (side, side), (sigma, sigma), "reflect")
        return self._clipped(found)

    def _least(self, metric_least: int) -> int:
        return max(metric_least, self._reach + 1)
