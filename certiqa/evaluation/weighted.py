"""Correlations of weighted samples, many weightings at once; behind the gate, nothing is checked.

A bootstrap resample is the sample with whole-number weights: how often each image was drawn. So ranks need no new
sorting, and thousands of resamples are a few matrix products. A weighting whose statistic is not defined (all weight on
images with one score) gives NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from certiqa.metrics.pairs import Floats

__all__ = ["Statistic", "Weights", "kendall", "pearson", "root_mean_square", "spearman"]

Weights = npt.NDArray[np.unsignedinteger[Any]]
Statistic = Callable[[Weights], Floats]
"""(R, n) weights -> (R,) values."""

_CHUNK = 1 << 21  # numbers in a temporary matrix
_FLAT = 1e-13  # a variance below this share of the whole sample's is that of equal values, rounded


def pearson(x: Floats, y: Floats) -> Statistic:
    """The linear correlation."""
    x, y = (x - x.mean()) / x.std(), (y - y.mean()) / y.std()
    moments = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=1)

    def value(weights: Weights) -> Floats:
        total, sx, sy, sxx, syy, sxy = np.concatenate([rows @ moments for _, rows in _chunks(weights)]).T
        mx, my = sx / total, sy / total
        return _ratio(sxy / total - mx * my, sxx / total - mx * mx, syy / total - my * my, _FLAT)

    return value


def spearman(x: Floats, y: Floats) -> Statistic:
    """The linear correlation of the ranks; equal values share the mean of their ranks."""
    first, second = _Ranks(x), _Ranks(y)

    def chunk(rows: Floats) -> Floats:
        a, b = first.centred(rows), second.centred(rows)
        wa = rows * a
        return _ratio((wa * b).sum(1), (wa * a).sum(1), (rows * b * b).sum(1), 1e-9)

    return lambda weights: np.concatenate([chunk(rows) for _, rows in _chunks(weights)])


def kendall(x: Floats, y: Floats) -> Statistic:
    """Kendall's tau-b."""
    first, second = _Ranks(x), _Ranks(y)
    n = len(x)

    def value(weights: Weights) -> Floats:
        surplus = np.zeros(len(weights))  # concordant pairs less discordant ones, each pair twice
        step = max(1, _CHUNK // n)
        for start in range(0, n, step):
            block = slice(start, start + step)
            agree = np.sign(x[:, None] - x[None, block]) * np.sign(y[:, None] - y[None, block])
            agree = agree.astype(np.float32)  # the products below are whole numbers under 2^24: exact
            for where, rows in _chunks(weights, np.float32):
                surplus[where] += ((rows @ agree).astype(np.float64) * rows[:, block]).sum(1)
        untied = [np.concatenate([ranks.untied(rows) for _, rows in _chunks(weights)]) for ranks in (first, second)]
        return _ratio(surplus / 2, untied[0], untied[1], 0.0)

    return value


def root_mean_square(errors: Floats) -> Statistic:
    """The square root of the mean square."""
    squares = errors * errors

    def value(weights: Weights) -> Floats:
        sums = np.concatenate([np.stack([rows @ squares, rows.sum(1)]) for _, rows in _chunks(weights)], axis=1)
        return np.asarray(np.sqrt(sums[0] / sums[1]), np.float64)

    return value


class _Ranks:
    """The order of one variable, and its equal values."""

    def __init__(self, values: Floats) -> None:
        self.order = np.argsort(values, kind="stable")
        ordered = values[self.order]
        self.starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
        self.group = np.searchsorted(ordered[self.starts], values)

    def _totals(self, rows: Floats) -> Floats:
        return np.add.reduceat(rows[:, self.order], self.starts, axis=1)

    def centred(self, rows: Floats) -> Floats:
        """Ranks less their mean: (R, n)."""
        totals = self._totals(rows)
        middle = np.cumsum(totals, axis=1) - totals / 2
        ranks: Floats = (middle - rows.sum(1, keepdims=True) / 2)[:, self.group]
        return ranks

    def untied(self, rows: Floats) -> Floats:
        """The number of pairs with different values: (R,)."""
        total, totals = rows.sum(1), self._totals(rows)
        return np.asarray((total * total - (totals * totals).sum(1)) / 2, np.float64)


def _ratio(top: Floats, a: Floats, b: Floats, floor: float) -> Floats:
    """top / sqrt(a b) within [-1, 1]; NaN where a or b is not above the floor."""
    defined = (a > floor) & (b > floor)
    bottom = np.sqrt(np.where(defined, a * b, 1.0))
    return np.where(defined, np.clip(top / bottom, -1.0, 1.0), np.nan)


def _chunks(weights: Weights, kind: type = np.float64) -> Iterator[tuple[slice, Any]]:
    """The rows as floats, as many at a time as fit, and where they are."""
    step = max(1, _CHUNK // weights.shape[1])
    for start in range(0, len(weights), step):
        where = slice(start, start + step)
        yield where, weights[where].astype(kind)
