"""From ranks to values: what the sorted scores prove, once the ranks are known. No argument is checked here."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from certiqa.certificate.interval import Interval, Origin
from certiqa.statistics.statements import (
    Confidence,
    Deployed,
    Side,
    fixed_interval_radius,
    interval_ranks,
    median_rank,
    median_ranks,
    rank_radius,
)

__all__ = ["Evidence"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Evidence:
    """The sorted scores with all that turns ranks into bounds.

    Attributes:
        scores: (n,) float64; NaN marks a failed forward, the worst score on either side.
        sigma: of the noise.
        side: which ends are asked for.
        slack: total-variation slack of the noise.
        output_range: the enforced range, or None.
    """

    scores: Floats
    sigma: float
    side: Side
    slack: float
    output_range: tuple[float, float] | None

    @property
    def n(self) -> int:
        """Number of scores."""
        return len(self.scores)

    @cached_property
    def ascending(self) -> Floats:
        """Scores from low to high, failures as the lowest: for lower ends."""
        return np.sort(np.where(np.isnan(self.scores), -np.inf, self.scores))

    @cached_property
    def ascending_high(self) -> Floats:
        """Scores from low to high, failures as the highest: for upper ends."""
        return np.sort(np.where(np.isnan(self.scores), np.inf, self.scores))

    @property
    def printed(self) -> float:
        """The ceil(n/2)-th smallest score."""
        return self.low(median_rank(self.n))[0]

    def low(self, k: int) -> tuple[float, Origin]:
        """X_(k) as a lower end; where there is none, that of the range, or -infinity."""
        value = float(self.ascending[k - 1]) if k >= 1 else -math.inf
        if value > -math.inf:
            return value, "rank"
        return (self.output_range[0], "range") if self.output_range else (-math.inf, "unbounded")

    def high(self, k: int) -> tuple[float, Origin]:
        """X_(k) as an upper end; where there is none, that of the range, or infinity."""
        value = float(self.ascending_high[k - 1]) if k <= self.n else math.inf
        if value < math.inf:
            return value, "rank"
        return (self.output_range[1], "range") if self.output_range else (math.inf, "unbounded")

    def interval(
        self, eps: float, confidence: Confidence, deployed: Deployed | None, alpha: float, simultaneous: bool
    ) -> Interval:
        """Containment, or with ``deployed`` the interval of a printed score."""
        r = eps / self.sigma
        k_lower, k_upper = interval_ranks(self.n, r, confidence.attacked, self.side, self.slack, deployed)
        lower, lower_from = self.low(k_lower)
        upper, upper_from = self.high(k_upper)
        return Interval(
            lower=lower,
            upper=upper,
            eps=eps,
            alpha=alpha,
            statement="deployed" if deployed else "containment",
            simultaneous=simultaneous,
            lower_rank=k_lower if lower_from == "rank" else None,
            upper_rank=k_upper if upper_from == "rank" else None,
            lower_from="not asked" if self.side == "upper" else lower_from,
            upper_from="not asked" if self.side == "lower" else upper_from,
        )

    def reference(self, confidence: Confidence, deployed: Deployed | None) -> tuple[float, float]:
        """What a change is measured from: the printed score, or an interval of the true median."""
        if deployed:
            return self.printed, self.printed
        low, high = median_ranks(self.n, confidence.median, self.slack)
        return self.low(low)[0], self.high(high)[0]

    def tau(self, interval: Interval, confidence: Confidence, deployed: Deployed | None) -> float:
        """Drift, or with ``deployed`` the change of a printed score, from the interval at the same eps."""
        if deployed and not math.isfinite(self.printed):
            return math.inf
        low, high = self.reference(confidence, deployed)
        rise, fall = interval.upper - low, high - interval.lower
        return max(0.0, *{"both": (rise, fall), "upper": (rise,), "lower": (fall,)}[self.side])

    def radius(self, tau: float, confidence: Confidence, deployed: Deployed | None) -> float:
        """The largest eps whose :meth:`tau` is at most the one given, by a search among the ranks."""
        if deployed and not math.isfinite(self.printed):
            return 0.0
        low, high = self.reference(confidence, deployed)
        radii = []
        if self.side != "lower":
            rank = int(np.count_nonzero(self.ascending_high - low <= tau))  # the highest X_(k) within reach
            free = self.output_range is not None and self.output_range[1] - low <= tau
            head = deployed.high_complement - self.slack if deployed else 0.5
            radii.append(math.inf if free else self.rank_radius(self.n + 1 - rank, confidence, head))
        if self.side != "upper":
            rank = 1 + int(np.count_nonzero(high - self.ascending > tau))  # the lowest X_(k) within reach
            free = self.output_range is not None and high - self.output_range[0] <= tau
            head = deployed.low - self.slack if deployed else 0.5
            radii.append(math.inf if free else self.rank_radius(rank, confidence, head))
        return max(0.0, min(radii))

    def rank_radius(self, k: int, confidence: Confidence, percentile: float = 0.5) -> float:
        """The largest eps at which X_(k) bounds from below; -infinity if k is no rank."""
        if k > self.n:
            return -math.inf
        return self.sigma * rank_radius(k, self.n, confidence.attacked, self.slack, percentile)

    def radius_around(self, center: float, tau: float, alpha: float) -> float:
        """The largest eps at which the median stays in [center - tau, center + tau], both fixed beforehand."""
        low, high = center - tau, center + tau
        lower_free = self.side == "upper" or (self.output_range is not None and self.output_range[0] >= low)
        upper_free = self.side == "lower" or (self.output_range is not None and self.output_range[1] <= high)
        if lower_free and upper_free:
            return math.inf
        side: Side = "upper" if lower_free else "lower" if upper_free else "both"
        below = int(np.count_nonzero(self.ascending < low))
        above = int(np.count_nonzero(self.ascending_high > high))
        return self.sigma * fixed_interval_radius(below, above, self.n, alpha, side, self.slack)
