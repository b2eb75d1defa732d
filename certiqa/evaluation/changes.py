"""How far scores moved: RMSE, gains, changes, with intervals over contents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from certiqa.evaluation.averages import mean, median
from certiqa.evaluation.bootstrap import LEAST_CONTENTS, Resamples, bootstrap_of
from certiqa.evaluation.correlation import Estimate
from certiqa.evaluation.weighted import Statistic, root_mean_square
from certiqa.metrics.pairs import Floats

__all__ = ["Changes", "changes_of", "estimate_of"]


@dataclass(frozen=True)
class Changes:
    """The change of every image's score, summed up; all figures are in units of the score.

    A gain is after less before, whatever the metric's direction: positive where the number rose. A maximum has no
    bootstrap interval: the resamples cannot see beyond the sample.

    Attributes:
        rmse: the root of the mean squared change.
        mean_gain: the mean of after less before.
        median_gain: its median.
        max_gain: its largest value.
        min_gain: its smallest value (the deepest fall, if negative).
        mean_change: the mean of |after less before|.
        max_change: the largest |after less before|.
    """

    rmse: Estimate
    mean_gain: Estimate
    median_gain: Estimate
    max_gain: float
    min_gain: float
    mean_change: Estimate
    max_change: float

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        found = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {name: one.to_dict() if isinstance(one, Estimate) else one for name, one in found.items()}


def estimate_of(statistic: Statistic, sample: Resamples, confidence: float) -> Estimate:
    """The statistic of the sample with its BCa interval over contents; none for fewer than 10 of them."""
    if sample.contents < LEAST_CONTENTS:
        once = np.ones((1, sample.drawn.shape[1]), np.uint8)
        return Estimate(float(statistic(once)[0]), None)
    found = bootstrap_of(statistic, sample)
    return Estimate(found.observed, found.interval(confidence))


def changes_of(before: Floats, after: Floats, sample: Resamples, confidence: float) -> Changes:
    """The figures of two finite (n,) arrays; nothing is checked.

    >>> sample = Resamples.of(2, resamples=100)
    >>> found = changes_of(np.array([1.0, 2.0]), np.array([4.0, 1.0]), sample, 0.95)
    >>> found.mean_gain.value, found.mean_change.value, found.max_gain, found.min_gain
    (1.0, 2.0, 3.0, -1.0)
    """
    gain = after - before
    return Changes(
        rmse=estimate_of(root_mean_square(gain), sample, confidence),
        mean_gain=estimate_of(mean(gain), sample, confidence),
        median_gain=estimate_of(median(gain), sample, confidence),
        max_gain=float(gain.max()),
        min_gain=float(gain.min()),
        mean_change=estimate_of(mean(np.abs(gain)), sample, confidence),
        max_change=float(np.abs(gain).max()),
    )
