"""Ranks: golden values, three oracles (exact fractions, mpmath, SciPy), and the known errors of public codes."""

from __future__ import annotations

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import ndtr

from certiqa.statistics.ranks import (
    clopper_pearson_upper,
    hit_level,
    lower_rank,
    miss_level,
    miss_probability,
    smallest_n,
    upper_rank,
)

RADII = (0.25, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0)
GOLDEN = {
    1e-3: {
        100: (25, 17, 6, 1, 0, 0, 0),
        500: (167, 123, 55, 17, 3, 0, 0),
        1000: (354, 264, 124, 44, 10, 0, 0),
        2000: (735, 554, 268, 100, 26, 3, 0),
        5000: (1900, 1442, 714, 281, 83, 15, 0),
        10000: (3862, 2943, 1475, 592, 183, 39, 4),
    },
    5e-4: {
        100: (24, 16, 5, 0, 0, 0, 0),
        500: (165, 121, 54, 17, 2, 0, 0),
        1000: (351, 261, 122, 42, 9, 0, 0),
        2000: (731, 550, 265, 98, 25, 3, 0),
        5000: (1893, 1436, 709, 277, 81, 15, 0),
        10000: (3852, 2934, 1467, 587, 180, 38, 3),
    },
}


def exact_cdf(k: int, n: int, p: Fraction) -> Fraction:
    """P[Bin(n, p) <= k]: no rounding anywhere."""
    return sum((math.comb(n, j) * p**j * (1 - p) ** (n - j) for j in range(k + 1)), Fraction(0))


@pytest.mark.parametrize("a", GOLDEN)
@pytest.mark.parametrize("n", GOLDEN[1e-3])
def test_golden_ranks(a, n):
    assert tuple(lower_rank(n, float(ndtr(-r)), a) for r in RADII) == GOLDEN[a][n]
    assert tuple(n + 1 - upper_rank(n, float(ndtr(r)), a) for r in RADII) == GOLDEN[a][n]


def test_golden_smallest_n():
    found = tuple(smallest_n(float(ndtr(-r)), 5e-4) for r in RADII)
    assert found == (15, 21, 44, 110, 331, 1221, 5627)


@pytest.mark.parametrize("n", [1, 2, 7, 40, 101])
@pytest.mark.parametrize("p", [0.5, 0.25, 0.158655, 0.01, 0.93])
@pytest.mark.parametrize("a", [0.4995, 0.05, 1e-3, 1e-9])
def test_rank_is_exactly_the_largest_that_holds(n, p, a):
    """A rank one higher must break the level, in exact arithmetic: this is the test that a rank moved by one fails."""
    k, level = lower_rank(n, p, a), Fraction(a)
    assert k == 0 or exact_cdf(k - 1, n, Fraction(p)) <= level
    assert k == n or exact_cdf(k, n, Fraction(p)) > level


@pytest.mark.parametrize("n", [100, 1000, 2000])
@pytest.mark.parametrize("r", [0.25, 1.0, 2.0])
def test_miss_probability_against_mpmath(n, r):
    p = float(ndtr(-r))
    for k in {1, max(1, lower_rank(n, p, 1e-12)), lower_rank(n, p, 1e-3) + 1, n // 2, n}:
        with mpmath.workdps(40):
            terms = (mpmath.binomial(n, j) * mpmath.mpf(p) ** j * (1 - mpmath.mpf(p)) ** (n - j) for j in range(k))
            exact = mpmath.fsum(terms)
            assert abs(miss_probability(k, n, p) - exact) <= 1e-11 * exact + 1e-300


@pytest.mark.parametrize("n", [5, 12, 60, 333, 1000])
@pytest.mark.parametrize("p", [0.5, 0.3, 0.158655, 0.02, 0.001])
@pytest.mark.parametrize("a", [0.2, 0.025, 1e-3, 5e-4, 1e-6])
def test_ranks_against_quantile_test(n, p, a):
    x = np.arange(1.0, n + 1)  # so that a score is its rank

    def oracle(level: float, alternative: str) -> tuple[float, float]:
        result = stats.quantile_test(x, q=n / 2, p=level, alternative=alternative)
        interval = result.confidence_interval(confidence_level=1 - a)
        return interval.low, interval.high

    low, _ = oracle(p, "greater")  # NaN where there are too few
    assert lower_rank(n, p, a) == (0 if math.isnan(low) else low)
    _, high = oracle(1 - p, "less")
    assert upper_rank(n, 1 - p, a) == (n + 1 if math.isnan(high) else high)


@pytest.mark.parametrize("count", [0, 1, 7, 150, 499, 500])
@pytest.mark.parametrize("a", [0.5, 0.05, 5e-4, 1e-9])
def test_clopper_pearson_against_scipy(count, a):
    test = stats.binomtest(count, 500, alternative="less")
    assert clopper_pearson_upper(count, 500, a) == pytest.approx(
        test.proportion_ci(1 - a, method="exact").high, rel=1e-7
    )


@pytest.mark.parametrize("a", [0.999, 0.7, 0.05, 1e-12])
def test_clopper_pearson_inverts_the_binomial(a):
    for count in (0, 3, 50):
        bound = clopper_pearson_upper(count, 100, a)
        assert miss_probability(count + 1, 100, bound) == pytest.approx(a, rel=1e-9)


# -- the known errors of public codes, in exact arithmetic -------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "r", "a", "ratio"),
    [
        (2000, 0.36 / 0.25, 1e-5, 1.13),  # the reference code's defaults: a 1-based rank used as a 0-based index
        (1000, 0.05 / 0.12, 1e-3, 1.20),  # the public IQA fork's defaults, the same error on the upper side
        (500, 2.2, 1e-3, 7.3),
        (2000, 3.0, 1e-3, 67.0),  # no rank exists, and the sample minimum is returned
    ],
)
def test_known_rank_errors_miss_more_than_they_say(n, r, a, ratio):
    p = float(ndtr(-r))
    k = lower_rank(n, p, a)
    assert miss_probability(k, n, p) <= a
    assert miss_probability(k + 1, n, p) / a == pytest.approx(ratio, rel=0.01)


def test_sample_extreme_is_no_bound():
    p = float(ndtr(-3.0))
    assert lower_rank(2000, p, 1e-3) == 0
    assert upper_rank(2000, 1 - p, 1e-3) == 2001
    assert (1 - p) ** 2000 > 60e-3


def test_dropped_remainder_misses_more():
    """1000 scores counted, 960 drawn (batches of 96): the rank of 1000 is too high for them."""
    p = float(ndtr(-1.0))
    k = lower_rank(1000, p, 1e-3)
    assert miss_probability(k, 1000, p) <= 1e-3 < 3e-3 < miss_probability(k, 960, p)


# -- inverses ----------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=200)
@given(st.integers(1, 20_000), st.floats(0, 1), st.sampled_from([1e-15, 1e-9, 1e-4, 0.05, 0.5, 0.999]))
def test_levels_are_the_inverses_of_the_tails(n, share, a):
    k = 1 + round(share * (n - 1))
    p = miss_level(k, n, a)
    assert miss_probability(k, n, p) <= a
    assert miss_probability(k, n, p * (1 - 1e-9)) > a or p < 1e-300
    assert lower_rank(n, p, a) >= k
    q = hit_level(k, n, a)
    assert float(stats.binom.sf(k - 1, n, q)) <= a * (1 + 1e-9)
    assert float(stats.binom.sf(k - 1, n, q + 1e-7 * min(q, 1 - q) + 1e-15)) >= a * (1 - 1e-9)


@pytest.mark.parametrize(("k", "n"), [(1000, 10_089), (1000, 10_200), (9090, 10_089), (86_364, 87_363)])
@pytest.mark.parametrize("a", [1e-6, 1e-3, 0.4])
def test_levels_where_scipys_inverse_fails(k, n, a):
    """scipy.special.betaincinv(86364, 1000, 1e-3) = .969 (SciPy 1.17); the truth is .987."""
    p, q = miss_level(k, n, a), hit_level(k, n, a)
    assert float(stats.binom.cdf(k - 1, n, p)) == pytest.approx(a, rel=1e-9)
    assert float(stats.binom.sf(k - 1, n, q)) == pytest.approx(a, rel=1e-9)
    assert q < k / n + 0.01
    assert p > k / n - 0.01


# -- edges and monotonicity --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("p", "a", "rank"), [(0.0, 0.999, 0), (-0.1, 0.999, 0), (1.0, 1e-15, 10), (0.5, 2.0**-10, 1)])
def test_ranks_at_the_edges(p, a, rank):
    assert lower_rank(10, p, a) == rank


def test_one_score():
    assert lower_rank(1, 0.5, 0.4995) == 0
    assert lower_rank(1, 0.5, 0.5) == 1
    assert upper_rank(1, 0.5, 0.4995) == 2
    assert upper_rank(1, 0.5, 0.5) == 1


@pytest.mark.parametrize("r", [0.0, 1.0, 3.0, 5.0, 6.5, 7.0, 9.0, 12.0, 20.0, 37.5, 40.0])
@pytest.mark.parametrize("a", [0.999, 5e-4, 1e-15])
def test_smallest_n_is_the_smallest_and_always_returns(r, a):
    """At r = 12 this once ran for ever, as n + 1 == n in float; at r = 37.5 it overflowed."""
    p = float(ndtr(-r))
    n = smallest_n(p, a)
    if n is None:
        assert p == 0 or math.log(a) / -p > 1e12
        return
    assert miss_probability(1, n, p) <= a
    assert n == 1 or n > 10**9 or miss_probability(1, n - 1, p) > a


def test_smallest_n_at_the_ends():
    assert smallest_n(0.0, 0.5) is None
    assert smallest_n(1.0, 1e-300) == 1


@settings(deadline=None)
@given(st.integers(1, 3000), st.floats(1e-6, 0.999), st.floats(1e-12, 0.999), st.floats(0.5, 1.0))
def test_ranks_are_monotone(n, p, a, shrink):
    k = lower_rank(n, p, a)
    assert lower_rank(n, p * shrink, a) <= k
    assert lower_rank(n, p, a * shrink) <= k
    assert k <= lower_rank(n + 1, p, a) <= k + 1
    assert 0 <= k <= n
