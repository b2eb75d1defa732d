"""The four statements of a certificate, as ranks of the sorted scores.

Notation: n scores, r = eps/sigma, slack = total-variation distance between the noise drawn and an exact Gaussian,
h(x) the true (n = infinity) smoothed median at x.

* **containment** (A): for all ||delta|| <= eps, h(x+delta) lies in [X_(lower), X_(upper)].
* **drift** (B): for all ||delta|| <= eps, |h(x+delta) - h(x)| <= tau, from A and a confidence interval of h(x).
* **deployed** (C): the score that is *printed* at x+delta, an n'-sample median with fresh noise, lies in the interval
  except with probability beta over that fresh noise. (Derived for certiqa; not in the literature.)
* **radius** (D): the largest eps whose certified change is at most tau.

Everything here is exact binomial arithmetic on ranks; no score is looked at.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from scipy import special

from certiqa.statistics.bands import LARGEST_N, one_sided_local_level
from certiqa.statistics.percentile import shifted_level, shifted_radius
from certiqa.statistics.ranks import (
    clopper_pearson_upper,
    hit_level,
    lower_rank,
    miss_level,
    miss_probability,
    smallest_n,
)

__all__ = [
    "Confidence",
    "Deployed",
    "Side",
    "Statement",
    "band_confidence",
    "fixed_interval_radius",
    "interval_ranks",
    "median_rank",
    "median_ranks",
    "rank_radius",
    "single_confidence",
    "smallest_n_for",
]

Side = Literal["both", "upper", "lower"]
Statement = Literal["containment", "drift", "deployed"]
SIDES: tuple[str, ...] = get_args(Side)
STATEMENTS: tuple[str, ...] = get_args(Statement)

_MEDIAN_SHARE = 0.1  # of alpha, for the median's bound in a one-sided band


@dataclass(frozen=True)
class Confidence:
    """The failure probability of each rank, such that all ranks a statement uses fail with at most alpha in all.

    Attributes:
        attacked: for the rank(s) that bound the score under attack.
        median: for the rank(s) that bound the median at x itself.
    """

    attacked: float
    median: float


def single_confidence(alpha: float, side: Side, statement: Statement) -> Confidence:
    """For ONE eps fixed before sampling: alpha over the events that can make the statement false, in equal parts.

    Containment and deployed: one event per side. Drift: always two. tau = max(U - m_lo, m_hi - L) is too small only if
    the larger one of the true rise and the true fall exceeds it, and which one that is, is fixed by f and x; if it is
    the rise, then U or m_lo has failed, if it is the fall, L or m_hi.

    >>> single_confidence(1e-3, "both", "containment").attacked
    0.0005
    """
    events = 2 if side == "both" or statement == "drift" else 1
    return Confidence(alpha / events, alpha / events)


def band_confidence(n: int, alpha: float, side: Side) -> Confidence:
    """For all eps at once, and all statements at once: the equal-local-level band.

    Two-sided: a one-sided band at alpha/2 for each side, rather than the two-sided band at alpha. The latter couples
    the sides through one uniform sample, but a failed score is the lowest for one side and the highest for the other;
    halving alpha needs no coupling, and costs alpha^2/4. One-sided: the band of that side at 0.9 alpha, and the
    median's opposite bound at 0.1 alpha.
    """
    if side == "both":
        local = one_sided_local_level(n, alpha / 2)
        return Confidence(local, local)
    return Confidence(one_sided_local_level(n, (1 - _MEDIAN_SHARE) * alpha), _MEDIAN_SHARE * alpha)


def median_rank(n: int) -> int:
    """The rank that is printed as the smoothed median of n scores: ceil(n/2), the lower median.

    >>> median_rank(1000), median_rank(1001)
    (500, 501)
    """
    return (n + 1) // 2


@dataclass(frozen=True)
class Deployed:
    """The percentiles between which a printed n'-sample median lies, except with probability beta.

    Attributes:
        low: q_lo, so that P[printed < Q_(q_lo)] <= share of beta.
        high_complement: 1 - q_hi.
    """

    low: float
    high_complement: float

    @classmethod
    def of(cls, n: int, beta: float, side: Side = "both") -> Deployed:
        """The head start of a median printed from ``n`` fresh scores with failure probability ``beta``.

        >>> round(-float(special.ndtri(Deployed.of(1000, 1e-3).low)), 3)
        0.132
        """
        k = median_rank(n)
        part = beta / 2 if side == "both" else beta
        return cls(hit_level(k, n, part) * (1 - 1e-12), hit_level(n + 1 - k, n, part) * (1 - 1e-12))


def interval_ranks(
    n: int, r: float, a: float, side: Side = "both", slack: float = 0.0, deployed: Deployed | None = None
) -> tuple[int, int]:
    """Ranks (k_l, k_u) of statement A, or of C with ``deployed``; 0 and n+1 stand for "no rank: not bounded".

    Args:
        n: number of scores.
        r: eps / sigma, >= 0.
        a: failure probability of one rank (:class:`Confidence`).
        side: "upper" bounds only from above (an attack that raises the score), "lower" only from below.
        slack: total-variation slack of the noise.
        deployed: the percentiles of the printed score.

    >>> interval_ranks(1000, 1.0, 5e-4)
    (122, 879)
    """
    lower, upper = interval_levels(r, slack, deployed)
    k_lower = lower_rank(n, lower, a) if side != "upper" else 0
    k_upper = n + 1 - lower_rank(n, upper, a) if side != "lower" else n + 1
    return k_lower, k_upper


def interval_levels(r: float, slack: float = 0.0, deployed: Deployed | None = None) -> tuple[float, float]:
    """The level of the lower bound, and the complement of the level of the upper bound.

    The slack enters once for x, and for a printed score once more for the noise drawn at x+delta.
    """
    low, high = (0.5, 0.5) if deployed is None else (deployed.low - slack, deployed.high_complement - slack)
    return (shifted_level(r, low, slack) if low > 0 else 0.0), (shifted_level(r, high, slack) if high > 0 else 0.0)


def median_ranks(n: int, a: float, slack: float = 0.0) -> tuple[int, int]:
    """Ranks of an interval for the true median at x; each end fails with probability at most ``a``."""
    k = lower_rank(n, 0.5 - slack, a)
    return k, n + 1 - k


def rank_radius(k: int, n: int, a: float, slack: float = 0.0, percentile: float = 0.5) -> float:
    """The largest r at which X_(k) still is a lower bound: the inverse of :func:`interval_ranks` in r.

    By symmetry also the largest r at which X_(n+1-k) is an upper bound. -inf if not even a head start would do.

    >>> round(rank_radius(122, 1000, 5e-4), 2)
    1.0
    """
    if k < 1 or percentile <= 0:
        return -math.inf
    return shifted_radius(miss_level(k, n, a), percentile, slack)


def smallest_n_for(
    r: float, alpha: float, side: Side, *, simultaneous: bool, statement: Statement = "containment", slack: float = 0.0
) -> int | None:
    """The smallest n whose ranks for r exist; None if no n up to ten million would do.

    >>> smallest_n_for(3.0, 1e-3, "both", simultaneous=False)
    5627
    """
    level, _ = interval_levels(r, slack)
    if not simultaneous:
        n = smallest_n(level, single_confidence(alpha, side, statement).attacked)
        return n if n is None or n <= 10_000_000 else None

    def enough(n: int) -> bool:
        return miss_probability(1, n, level) <= band_confidence(n, alpha, side).attacked

    low, high = 0, 1
    while not enough(high):
        low, high = high, 2 * high
        if high > 10_000_000:
            return None
    # Around n = LARGEST_N the level drops to Bonferroni's; below and above it "enough" is monotone.
    if low < LARGEST_N < high and enough(LARGEST_N):
        high = LARGEST_N
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def fixed_interval_radius(
    below: int, above: int, n: int, alpha: float, side: Side = "both", slack: float = 0.0
) -> float:
    """Statement D for an interval fixed before sampling: the largest r for which h(x+delta) stays inside it.

    Clopper-Pearson upper bounds of P[f < t_lo] and P[f > t_hi] at alpha/2 each (alpha for one side); 0 if any is >= 1/2

    Args:
        below: number of scores < t_lo (failed scores counted in).
        above: number of scores > t_hi (failed scores counted in).
        n: number of scores.
        alpha: failure probability.
        side: the side(s) that count.
        slack: total-variation slack of the noise.

    >>> round(fixed_interval_radius(0, 0, 1000, 1e-3), 3)
    2.429
    """
    counts = {"both": (below, above), "lower": (below,), "upper": (above,)}[side]
    radii = []
    for count in counts:
        p = clopper_pearson_upper(count, n, alpha / len(counts)) * (1 + 1e-12) + slack
        radii.append(0.0 if p >= 0.5 else float(-special.ndtri(p)) * (1 - 1e-12))
    return min(radii)
