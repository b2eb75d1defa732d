"""The exponential moving average of weights, which every training here keeps in the same way."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

__all__ = ["follow"]


@torch.no_grad()
def follow(means: Iterable[Tensor], values: Iterable[Tensor], ema: float, number: int) -> None:
    """Let the averages follow the values, in place, after the ``number``-th step, from 0.

    The factor is ``ema``, and in early steps a smaller one, so that the average does not remember the start.
    """
    keep = min(ema, (1 + number) / (10 + number))
    for mean, value in zip(means, values, strict=True):
        mean.lerp_(value, 1 - keep)
