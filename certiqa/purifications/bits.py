"""Fewer bits."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from certiqa.purifications.base import Purification
from certiqa.purifications.card import PurificationCard, whole
from certiqa.purifications.through import straight_through

__all__ = ["BitDepth"]


@final
class BitDepth(Purification):
    """Round every intensity to one of 2^bits equally spaced levels; the gradient passes unchanged (straight-through).

    Args:
        metric: (B,3,H,W) RGB in [0,1] -> (B,).
        bits: from 1 to 8.

    Source: Xu et al. 2018, feature squeezing (arXiv 1704.01155).

    >>> import torch
    >>> BitDepth(lambda x: x.mean((1, 2, 3)), bits=1)(torch.full((1, 3, 8, 8), 0.7))
    tensor([1.])
    """

    purification = PurificationCard(
        "bits",
        "fewer bits per colour",
        "by a surrogate",
        False,
        {"bits": whole(4, 1, 8)},
        "Xu et al. 2018, feature squeezing (arXiv 1704.01155)",
    )

    def purify(self, images: Tensor) -> Tensor:
        """Round to the nearest level."""
        steps = 2 ** self.options["bits"] - 1
        value = (images.detach().clamp(0, 1) * steps).round() / steps
        return straight_through(value, images) if torch.is_grad_enabled() and images.requires_grad else value
