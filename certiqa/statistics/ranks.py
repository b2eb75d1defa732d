"""Exact order-statistic ranks: which of the sorted scores bounds a quantile, and with what probability.

For N i.i.d. draws of any law (atoms and ties included) and X_(k) the k-th smallest, k counted from 1::

    P[ X_(k) > Q_p ] <= BinCDF(k-1; N, p)

so the largest k whose tail is at most ``a`` gives a lower bound that fails with probability at most ``a``.
The upper bound is the mirror image: k_u = N + 1 - k_l with the complementary level.
Source: David and Nagaraja, Order Statistics, 3rd ed., section 7.1; oracle in the tests: scipy.stats.quantile_test.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from scipy import special

__all__ = [
    "clopper_pearson_upper",
    "hit_level",
    "lower_rank",
    "miss_level",
    "miss_probability",
    "smallest_n",
    "upper_rank",
]


def miss_probability(k: int, n: int, p: float) -> float:
    """P[ Bin(n, p) <= k-1 ]: the probability that X_(k) lies above the p-quantile. 0 for k = 0.

    >>> miss_probability(1, 2, 0.5)
    0.25
    """
    if k <= 0:
        return 0.0
    if k > n or p <= 0:
        return 1.0
    return float(special.betaincc(k, n - k + 1, p))


def lower_rank(n: int, p: float, a: float) -> int:
    """The largest k >= 1 with P[Bin(n, p) <= k-1] <= a, or 0 if there is none (the bound is infinite).

    Args:
        n: number of i.i.d. scores.
        p: the level bounded from below, in [0, 1].
        a: failure probability of this one side.

    >>> from scipy.special import ndtr
    >>> lower_rank(1000, ndtr(-1.0), 1e-3), lower_rank(1000, ndtr(-3.0), 1e-3)
    (124, 0)
    """
    low, high = 0, n + 1  # invariant: low is admissible (0 always is), high is not
    while high - low > 1:
        middle = (low + high) // 2
        if miss_probability(middle, n, p) <= a:
            low = middle
        else:
            high = middle
    return low


def upper_rank(n: int, p: float, a: float) -> int:
    """The smallest k with P[X_(k) < Q_p] <= a, or n + 1 if there is none (the bound is infinite).

    ``p`` close to 1 loses digits: prefer ``n + 1 - lower_rank(n, 1 - p, a)`` with an exactly known 1 - p.

    >>> from scipy.special import ndtr
    >>> upper_rank(1000, ndtr(1.0), 1e-3)
    877
    """
    return n + 1 - lower_rank(n, 1.0 - p, a)


def miss_level(k: int, n: int, a: float) -> float:
    """The smallest p with ``miss_probability(k, n, p) <= a``: from it on, X_(k) bounds Q_p from below; 1 for k > n.

    Bisection, because SciPy's inverses of the incomplete beta function (up to 1.17 at least) return nonsense for some
    arguments: betaincinv(86364, 1000, 1e-3) is .969, not .987.

    >>> round(miss_level(1, 2, 0.25), 12)
    0.5
    """
    return _step(lambda p: miss_probability(k, n, p) <= a)[1]


def hit_level(k: int, n: int, a: float) -> float:
    """The largest p with P[X_(k) < Q_p] <= P[ Bin(n, p) >= k ] <= a: up to it, X_(k) bounds Q_p from above.

    >>> round(hit_level(2, 2, 0.25), 12)
    0.5
    """
    return _step(lambda p: float(special.betainc(k, n - k + 1, p)) > a)[0]


def _step(above: Callable[[float], bool]) -> tuple[float, float]:
    """The neighbouring floats in [0, 1] between which ``above`` turns from False to True."""
    low, high = 0.0, 1.0
    while low < (middle := (low + high) / 2) < high:
        low, high = (low, middle) if above(middle) else (middle, high)
    return low, high


def smallest_n(p: float, a: float) -> int | None:
    """The smallest n for which ``lower_rank(n, p, a)`` exists; None if no n up to 10^12 would do.

    >>> from scipy.special import ndtr
    >>> smallest_n(ndtr(-3.0), 5e-4)
    5627
    """
    if p >= 1:
        return 1
    if math.log(a) / 1e12 < math.log1p(-p):  # beyond, one more score is lost in the rounding of (1 - p)^n
        return None
    n = max(1, math.ceil(math.log(a) / math.log1p(-p)) - 1)
    while miss_probability(1, n, p) > a:
        n += 1
    return n


def clopper_pearson_upper(count: int, n: int, a: float) -> float:
    """An upper confidence bound of a proportion: fails with probability at most ``a``.

    Source: Clopper and Pearson 1934, through statsmodels (two-sided at 2a, of which the upper end is taken).

    >>> round(clopper_pearson_upper(0, 100, 0.05), 5)
    0.02951
    """
    from statsmodels.stats.proportion import proportion_confint

    return float(proportion_confint(count, n, alpha=2 * a, method="beta")[1])
