"""Left to right."""

from __future__ import annotations

from typing import final

from torch import Tensor

from certiqa.purifications.base import Purification
from certiqa.purifications.card import PurificationCard

__all__ = ["Flip"]


@final
class Flip(Purification):
    """The mirror image. It helps against attacks made without it, and against no other.

    Args:
        metric: (B,3,H,W) RGB in [0,1] -> (B,).

    Source: the purifications of the field's benchmark, Guardians of Image Quality (ICML 2025).

    >>> import torch
    >>> Flip(lambda x: x[:, 0, 0, 0])(torch.tensor([0.0, 1.0]).expand(1, 3, 2, 2))
    tensor([1.])
    """

    purification = PurificationCard(
        "flip", "left to right", "exactly", False, {}, "Guardians of Image Quality (ICML 2025)"
    )

    def purify(self, images: Tensor) -> Tensor:
        """Mirrored at the vertical axis."""
        return images.flip(-1)
