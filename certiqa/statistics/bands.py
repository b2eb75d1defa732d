"""All eps from one sample: the equal-local-level (ELL) band of the order statistics.

Per-eps ranks hold for ONE eps fixed before looking. For a curve, a radius, or an eps chosen afterwards, all ranks must
hold together. With U_(1) <= ... <= U_(N) uniform order statistics and local level a'::

    P[ Beta_{a'}(k, N+1-k) <= U_(k) <= Beta_{1-a'}(k, N+1-k)  for all k ] = 1 - alpha

Since X_(k) = Q_{U_(k)}, every statement of the form "X_(k) <= Q_p" or "X_(k) >= Q_p" whose exact rank was computed at
the local level a' then holds at once, for every p. So a simultaneous band needs one number: :func:`local_level`.

The crossing probability is a banded dynamic programme over a Poisson process, conditioned on its N points at the end
(Moscovich 2023, "Fast calculation of p-values for one-sided Kolmogorov-Smirnov type statistics"; equal local levels:
Gontscharuk, Landwehr and Finner 2016; Weine, McPeek and Abney 2023).
Instead of 1 - P[stay inside], which cancels, the mass that leaves is summed: small alpha keep their digits.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from functools import lru_cache
from importlib import resources

import numpy as np
import numpy.typing as npt
from scipy import special

from certiqa.statistics.ranks import hit_level

__all__ = ["boundaries", "crossing_probability", "local_level", "one_sided_local_level"]

Floats = npt.NDArray[np.float64]

LARGEST_N = 100_000
_EXACT_UP_TO = 300  # below, the local level is solved for on the spot; above, it is read off the shipped table
_SAFETY = 0.995  # lowers the interpolated local level; tests bound the interpolation error by far less


def boundaries(n: int, local: float) -> tuple[Floats, Floats]:
    """Limits of U_(1..n) at local level ``local``: the lower ones, and the complements 1 - upper (exact near 0).

    Rounded inwards by 1e-12 relative, so that the ranks computed at ``local`` stay within them.
    """
    k = np.arange(1, n + 1, dtype=np.float64)
    lower = np.asarray(special.betaincinv(k, n + 1 - k, local), np.float64)
    wrong = np.abs(special.betainc(k, n + 1 - k, lower) / local - 1) > 1e-9  # see miss_level
    lower[wrong] = [hit_level(int(i), n, local) for i in k[wrong]]
    lower = np.minimum(lower * (1 + 1e-12), 1.0)
    return lower, lower[::-1].copy()


def crossing_probability(lower: Floats, above: Floats) -> float:
    """P[ not (lower_k <= U_(k) <= 1 - above_k for all k) ] for n uniform order statistics.

    Exact up to rounding (relative error below 1e-9 for n <= 10^5); what the truncated Poisson kernels drop is counted
    as crossing, so that the value errs on the safe side.

    Args:
        lower: n non-decreasing lower limits in [0, 1].
        above: complements of n non-decreasing upper limits, in [0, 1]. (1 - 1e-17 would round to "no limit".)

    >>> import numpy as np
    >>> round(crossing_probability(np.array([0.1, 0.1]), np.array([0.0, 0.0])), 6)  # P[min U < 0.1] = 1 - 0.9^2
    0.19
    """
    n = len(lower)
    times, left = np.concatenate([lower, 1.0 - above]), np.concatenate([1.0 - lower, above])  # from 0, and to 1
    k_of = np.concatenate([np.arange(1, n + 1), np.arange(1, n + 1)])
    is_upper = np.concatenate([np.zeros(n, bool), np.ones(n, bool)])
    # At equal times the lower limits come first: a count may not have jumped yet.
    order = np.lexsort((is_upper, -left, times))
    times, left, k_of, is_upper = times[order], left[order], k_of[order], is_upper[order]
    most = np.where(is_upper, np.cumsum(~is_upper), k_of - 1)  # largest count allowed at each time
    least = np.cumsum(is_upper)  # smallest count allowed at each time
    steps = np.where(times < 0.5, np.diff(times, prepend=0.0), -np.diff(left, prepend=1.0))
    kernels = _poisson_kernels(n * np.maximum(steps, 0.0))

    mass = np.ones(1)
    first = 0  # the count that mass[0] belongs to
    left_time: list[int] = []
    left_count: list[Floats] = []
    left_mass: list[Floats] = []
    for step in range(2 * n):
        mass = np.convolve(mass, kernels[step])
        high = int(most[step]) + 1 - first
        if high < len(mass):
            high = max(high, 0)
            left_time.append(step)
            left_count.append(np.arange(first + high, first + len(mass), dtype=np.float64))
            left_mass.append(mass[high:])
            mass = mass[:high]
        low = int(least[step]) - first
        if low > 0:
            left_time.append(step)
            left_count.append(np.arange(first, first + min(low, len(mass)), dtype=np.float64))
            left_mass.append(mass[:low])
            mass = mass[low:]
            first += low
        if len(mass) == 0:
            return 1.0
    rest = np.repeat(n * left[np.array(left_time, int)], [len(c) for c in left_count])
    count, lost = np.concatenate(left_count), np.concatenate(left_mass)
    return float(min(1.0, np.sum(lost * _bridge(rest, count, n)) + 2 * n * 1e-24 * math.sqrt(2 * math.pi * n)))


def _bridge(rest: Floats, count: Floats, n: int) -> Floats:
    """P[ N(1) = n | N(t) = count ] / P[ N(1) = n ] for a Poisson process of rate n, with rest = n (1 - t)."""
    missing = n - count
    possible = missing >= 0
    log = (
        special.xlogy(np.where(possible, missing, 0), rest) - rest - special.gammaln(np.where(possible, missing, 0) + 1)
    )
    log -= special.xlogy(n, n) - n - special.gammaln(n + 1)
    return np.where(possible, np.exp(log), 0.0)


def _poisson_kernels(rates: Floats) -> list[Floats]:
    """Poisson probabilities of each rate, cut where the tail is below 1e-24."""
    longest = max(24, math.ceil(float(rates.max()) + 12 * math.sqrt(float(rates.max())) + 40))
    j = np.arange(longest, dtype=np.float64)
    kernels: list[Floats] = []
    for block in np.array_split(rates, max(1, len(rates) * longest // 4_000_000)):
        rate = block[:, None]
        table = np.exp(special.xlogy(j, rate) - rate - special.gammaln(j + 1))
        # beyond j >= 2*rate the tail is below twice its first term
        small = (table < 5e-25) & (j >= 2 * rate)
        lengths = np.where(small.any(1), small.argmax(1), longest)
        kernels.extend(row[:length] for row, length in zip(table, np.maximum(lengths, 1), strict=True))
    return kernels


def solve_local_level(n: int, alpha: float, tolerance: float = 1e-9, start: float | None = None) -> float:
    """The local level a' whose band misses with probability alpha, by secant steps in log-log; errs towards smaller a'.

    Args:
        n: number of scores.
        alpha: miss probability of the band.
        tolerance: largest error of log(miss probability).
        start: a guess of a', which saves steps.
    """

    def miss(log_local: float) -> float:
        return math.log(crossing_probability(*boundaries(n, math.exp(log_local))))

    target = math.log(alpha)
    low = math.log(alpha / (2 * n))  # Bonferroni over 2n events: misses at most alpha
    high = math.log(alpha)  # a single event alone already misses alpha
    if n == 1:
        return alpha / 2
    x0 = min(max(math.log(start or alpha / (12 + 20 * math.log10(n) ** 1.8)), low), high)
    x1 = x0 - 0.1
    f0, f1 = miss(x0) - target, miss(x1) - target
    for _ in range(60):
        low, high = (max(low, x0), high) if f0 <= 0 else (low, min(high, x0))
        low, high = (max(low, x1), high) if f1 <= 0 else (low, min(high, x1))
        if abs(f1) <= tolerance:
            break
        guess = x1 - f1 * (x1 - x0) / (f1 - f0) if f1 != f0 else (low + high) / 2
        if not low < guess < high:
            guess = (low + high) / 2
        x0, f0 = x1, f1
        x1, f1 = guess, miss(guess) - target
    # one slope step below the root: d log miss / d log a' lies between 0.5 and 1.1 here
    return math.exp(x1 - 4 * max(abs(f1), tolerance))


@lru_cache(maxsize=4096)
def local_level(n: int, alpha: float) -> float:
    """The local level a' of the two-sided band: all ranks computed at a' hold together with probability >= 1 - alpha.

    n <= 300 is solved exactly on the spot; larger n interpolate a shipped table (made by benchmarks/ell_table.py) and
    subtract a safety margin of 0.5 %, far above the interpolation error. Outside of the table (n > 10^5 or
    alpha < 1e-12) the Bonferroni level alpha/(2n) is returned, which always holds.

    Args:
        n: number of scores, >= 1.
        alpha: failure probability of the whole band, in (0, 1).

    >>> round(1e-3 / local_level(100, 1e-3), 1)
    67.4
    """
    table_n, table_alpha, _ = _table()
    alpha = min(alpha, 0.5)  # a band that holds with probability 1/2 also holds with less
    if n > table_n[-1] or alpha < table_alpha[0]:
        return alpha / (2 * n)
    if n <= _EXACT_UP_TO:
        return solve_local_level(n, alpha)
    return max(_interpolator()(n, alpha) * _SAFETY, alpha / (2 * n))


def one_sided_local_level(n: int, alpha: float) -> float:
    """The local level of a one-sided band (only lower, or only upper limits), failing with probability <= alpha.

    Let F1 be the miss probability of one side and F2 of both sides at the same local level. "Some U_(k) < a_k" is a
    decreasing and "some U_(k) > b_k" an increasing event of independent variables, hence negatively correlated (Harris
    1960), so F2 >= 2 F1 - F1^2, that is F1 <= 1 - sqrt(1 - F2): the two-sided table serves at 2 alpha - alpha^2.
    """
    return local_level(n, alpha * (2 - alpha))


@lru_cache(maxsize=1)
def _table() -> tuple[Floats, Floats, Floats]:
    text = resources.files("certiqa.statistics").joinpath("ell_table.json").read_text(encoding="utf-8")
    raw = json.loads(text)
    return np.array(raw["n"], float), np.array(raw["alpha"], float), np.array(raw["log_ratio"], float)


@lru_cache(maxsize=1)
def _interpolator() -> Callable[[int, float], float]:
    from scipy.interpolate import RectBivariateSpline

    n, alpha, log_ratio = _table()
    hazard = -np.log1p(-alpha)  # the band's misses are nearly Poisson, so that hazard / a' bends less than alpha / a'
    spline = RectBivariateSpline(np.log(n), np.log(hazard), log_ratio + np.log(hazard / alpha), s=0)

    def local(n: int, alpha: float) -> float:
        hazard = -math.log1p(-alpha)
        at = spline(np.array([math.log(n)]), np.array([math.log(hazard)]), grid=False)
        return hazard * math.exp(-float(at[0]))

    return local
