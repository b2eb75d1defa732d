"""Feature maps to vectors: a statistic of every channel, over the cells of a pyramid of grids."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["POOLS", "Pool", "pooled_width", "pyramid_pool"]

Pool = Literal["avg", "max", "min", "std", "maxmin", "meanstd"]

_Cell = tuple[int, int]


def _avg(features: Tensor, cell: _Cell) -> Tensor:
    return functional.avg_pool2d(features, cell)


def _max(features: Tensor, cell: _Cell) -> Tensor:
    return functional.max_pool2d(features, cell)


def _min(features: Tensor, cell: _Cell) -> Tensor:
    return -functional.max_pool2d(-features, cell)


def _std(features: Tensor, cell: _Cell) -> Tensor:
    """Root of the variance; where that is not above 0 the value is 0, and so is the gradient, which would be nan."""
    variance = _avg(features.square(), cell) - _avg(features, cell).square()
    spread = variance > 0
    return torch.where(spread, torch.where(spread, variance, 1.0).sqrt(), 0.0)


POOLS: dict[str, tuple[Callable[[Tensor, _Cell], Tensor], ...]] = {
    "avg": (_avg,),
    "max": (_max,),
    "min": (_min,),
    "std": (_std,),
    "maxmin": (_max, _min),
    "meanstd": (_avg, _std),
}
"""The statistics by name; the published checkpoints use "avg"."""


def pooled_width(channels: int, levels: int, pool: Pool) -> int:
    """Length of what :func:`pyramid_pool` gives for one image.

    >>> pooled_width(1024, 2, "maxmin")
    10240
    """
    return channels * len(POOLS[pool]) * sum(level**2 for level in range(1, levels + 1))


def pyramid_pool(features: Tensor, levels: int = 1, pool: Pool = "avg") -> Tensor:
    """(B, C, H, W) -> (B, :func:`pooled_width`): level by level, 1x1, 2x2, ... cells of equal, rounded-down size.

    A map has exactly level x level cells if its sides are at least levels^2, which is the caller's to see to; the rows
    and columns that rounding leaves over are not looked at.

    >>> pyramid_pool(torch.arange(16.0).view(1, 1, 4, 4), levels=2, pool="max")
    tensor([[15.,  5.,  7., 13., 15.]])
    """
    height, width = features.shape[-2:]
    parts = []
    for level in range(1, levels + 1):
        cell = (height // level, width // level)
        statistics = [statistic(features, cell) for statistic in POOLS[pool]]
        parts.append(torch.cat(statistics, dim=1).flatten(1))
    return torch.cat(parts, dim=1)
