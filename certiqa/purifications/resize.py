"""Down and up again."""

from __future__ import annotations

import math
from typing import final

from torch import Tensor
from torch.nn import functional

from certiqa.purifications.base import Purification
from certiqa.purifications.card import PurificationCard, number

__all__ = ["Resize"]


@final
class Resize(Purification):
    """Antialiased bilinear resize to a share of the size, then back to the size that it had.

    Args:
        metric: (B,3,H,W) RGB in [0,1] -> (B,).
        scale: of both sides, in (0.05, 1).

    Source: Guo et al. 2018, input transformations (arXiv 1711.00117).

    >>> import torch
    >>> Resize(lambda x: x.mean((1, 2, 3)), scale=0.5)(torch.full((1, 3, 8, 8), 0.25))
    tensor([0.2500])
    """

    purification = PurificationCard(
        "resize",
        "resize down, antialiased, and up again",
        "exactly",
        False,
        {"scale": number(0.5, 0.05, 1.0)},
        "Guo et al. 2018, input transformations (arXiv 1711.00117)",
    )

    def purify(self, images: Tensor) -> Tensor:
        """Both ways are linear maps whose rows sum to 1: the range is kept."""
        height, width = images.shape[-2:]
        size = round(height * self.options["scale"]), round(width * self.options["scale"])
        small = functional.interpolate(images, size=size, mode="bilinear", antialias=True, align_corners=False)
        large = functional.interpolate(small, size=(height, width), mode="bilinear", align_corners=False)
        return self._clipped(large)

    def _least(self, metric_least: int) -> int:
        return max(metric_least, math.ceil(2.5 / float(self.options["scale"])))
