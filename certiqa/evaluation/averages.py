"""Means, quantiles and spreads of weighted samples, many weightings at once: what the bootstrap needs of scores.

The companions of :mod:`certiqa.evaluation.weighted`; behind the gate, nothing is checked.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from certiqa.evaluation.weighted import Statistic, Weights
from certiqa.metrics.pairs import Floats

__all__ = ["mean", "median", "spread", "upper_quantile"]

_ROWS = 256  # resamples in a temporary matrix


def mean(values: Floats, where: npt.NDArray[np.bool_] | None = None) -> Statistic:
    """The mean of the values (of those with ``where``); NaN for a weighting that leaves none of them.

    >>> mean(np.array([1.0, 2.0, np.inf]), np.array([True, True, False]))(np.array([[1, 1, 1], [0, 2, 5]], np.uint8))
    array([1.5, 2. ])
    """
    kept = np.ones(len(values), bool) if where is None else where
    table = np.stack([np.where(kept, values, 0.0), kept.astype(np.float64)], axis=1)

    def value(weights: Weights) -> Floats:
        sums = np.concatenate([part.astype(np.float64) @ table for part in _parts(weights)])
        some = sums[:, 1] > 0
        return np.where(some, sums[:, 0] / np.where(some, sums[:, 1], 1.0), np.nan)

    return value


def median(values: Floats) -> Statistic:
    """The median; halfway between the two middle values of an even number. Infinite values take part.

    >>> median(np.array([3.0, 1.0, np.inf]))(np.array([[1, 1, 1], [1, 1, 0], [0, 0, 2]], np.uint8))
    array([ 3.,  2., inf])
    """
    order = np.argsort(values, kind="stable")
    ascending = values[order]

    def part(weights: Weights) -> Floats:
        seen = np.cumsum(weights[:, order].astype(np.int64), axis=1)
        total = seen[:, -1:]
        low = ascending[(seen <= (total - 1) // 2).sum(1)]
        high = ascending[(seen <= total // 2).sum(1)]
        found: Floats = np.where(low == high, low, (low + high) / 2)
        return found

    return lambda weights: np.concatenate([part(rows) for rows in _parts(weights)])


def upper_quantile(values: Floats, share: float) -> Statistic:
    """The quantile, the higher of two neighbours where it falls between (np.quantile's "higher"). Infinite values take
    part.

    >>> upper_quantile(np.array([3.0, 1.0, np.inf]), 0.5)(np.array([[1, 1, 1], [1, 1, 0], [0, 2, 2]], np.uint8))
    array([ 3.,  3., inf])
    """
    order = np.argsort(values, kind="stable")
    ascending = values[order]

    def part(weights: Weights) -> Floats:
        seen = np.cumsum(weights[:, order].astype(np.int64), axis=1)
        place = np.ceil((seen[:, -1:] - 1) * share - 1e-9)  # 0.9 of 10 is the ninth, whatever the arithmetic says
        found: Floats = ascending[(seen <= place).sum(1)]
        return found

    return lambda weights: np.concatenate([part(rows) for rows in _parts(weights)])


def spread(values: Floats) -> Statistic:
    """The standard deviation (divisor n - 1) of finite values, two at least; 0 where all weight is on equal values.

    >>> spread(np.array([1.0, 3.0, 5.0]))(np.array([[1, 1, 1], [2, 2, 0], [0, 3, 0]], np.uint8)).round(3)
    array([2.   , 1.155, 0.   ])
    """
    x = values - values.mean()
    table = np.stack([np.ones_like(x), x, x * x], axis=1)
    floor = 1e-13 * float((x * x).max(initial=0.0))

    def value(weights: Weights) -> Floats:
        total, first, second = np.concatenate([part.astype(np.float64) @ table for part in _parts(weights)]).T
        squares = second - first * first / total
        found: Floats = np.sqrt(np.where(squares > floor, squares, 0.0) / np.maximum(total - 1, 1))
        return found

    return value


def _parts(weights: Weights) -> list[Weights]:
    return [weights[start : start + _ROWS] for start in range(0, len(weights), _ROWS)]
