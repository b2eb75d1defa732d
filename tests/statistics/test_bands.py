"""The band: crossing probabilities against exact recursions, Kolmogorov-Smirnov and simulation; the shipped table."""

from __future__ import annotations

import math
import time
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from certiqa.statistics import bands
from certiqa.statistics.bands import boundaries, crossing_probability, local_level, one_sided_local_level
from certiqa.statistics.statements import band_confidence

# Simulations have fixed seeds. With another seed each would fail with at most this probability.
FALSE_ALARM = 1e-9


def inside_exactly(lower: list[Fraction], upper: list[Fraction]) -> Fraction:
    """P[lower_k <= U_(k) <= upper_k for all k] by binomial steps between the limits: independent, exact, slow."""
    n, state, before = len(lower), {0: Fraction(1)}, Fraction(0)
    for t in sorted({*lower, *upper, Fraction(1)} - {Fraction(0)}):
        p = (t - before) / (1 - before)
        after: dict[int, Fraction] = {}
        for count, mass in state.items():
            for more in range(n - count + 1):
                step = math.comb(n - count, more) * p**more * (1 - p) ** (n - count - more)
                after[count + more] = after.get(count + more, Fraction(0)) + mass * step
        least = sum(u <= t for u in upper)
        most = sum(x < t for x in lower)  # N(t) <= k-1 at t = lower_k
        if t == 1 or t not in lower:
            most = sum(x <= t for x in lower)
        state, before = {c: m for c, m in after.items() if least <= c <= most}, t
    return sum(state.values(), Fraction(0))


@pytest.mark.parametrize(("n", "local"), [(1, 0.1), (2, 0.1), (3, 1e-4), (5, 0.02), (9, 1e-13), (14, 0.01)])
def test_crossing_against_exact_recursion(n, local):
    lower, above = boundaries(n, local)
    exact = 1 - inside_exactly([Fraction(x) for x in lower], [1 - Fraction(x) for x in above])
    assert crossing_probability(lower, above) == pytest.approx(float(exact), rel=1e-10)


@pytest.mark.parametrize("seed", range(6))
def test_crossing_of_uneven_limits(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 9))
    lower = np.sort(rng.random(n)) * 0.5 * (np.arange(n) > seed % 3)
    above = np.sort(rng.random(n))[::-1] * 0.5
    exact = 1 - inside_exactly([Fraction(x) for x in lower], [1 - Fraction(x) for x in above])
    assert crossing_probability(lower, above) == pytest.approx(float(exact), rel=1e-10)


@pytest.mark.parametrize(
    ("n", "d", "miss"), [(10, 0.48893, 0.0100), (10, 0.3, None), (100, 0.12, None), (400, 0.08, None)]
)
def test_crossing_against_kolmogorov_smirnov(n, d, miss):
    k = np.arange(1, n + 1)
    found = crossing_probability(np.maximum(k / n - d, 0.0), np.maximum(1 - (k - 1) / n - d, 0.0))
    assert found == pytest.approx(stats.kstwo.sf(d, n), rel=1e-6)
    if miss is not None:
        assert found == pytest.approx(miss, abs=5e-7)


@pytest.mark.parametrize(("n", "alpha"), [(20, 0.3), (150, 0.05), (700, 0.2)])
def test_crossing_against_simulation(n, alpha):
    lower, above = boundaries(n, local_level(n, alpha))
    u = np.sort(np.random.default_rng(n).random((8000, n)), axis=1)
    misses = int(np.any((u < lower) | (u > 1 - above), axis=1).sum())
    exact = crossing_probability(lower, above)
    assert stats.binomtest(misses, len(u), exact).pvalue > FALSE_ALARM


@pytest.mark.parametrize("n", [3, 200, 1001])
def test_crossing_keeps_the_last_terms(n):
    """1 - 1e-17 is 1 in float: with upper limits instead of their complements, half of these events would be lost."""
    lower = np.zeros(n)
    lower[0] = 1e-17
    both = crossing_probability(lower, lower[::-1].copy())
    assert both == pytest.approx(2 * n * 1e-17, rel=1e-3 + 1e-2 * (n > 1000))


def test_crossing_of_no_limits_is_impossible():
    assert crossing_probability(np.zeros(7), np.zeros(7)) < 1e-20
    assert crossing_probability(np.ones(7), np.zeros(7)) == pytest.approx(1.0)
    assert crossing_probability(np.array([0.5]), np.array([0.6])) == 1.0


@pytest.mark.parametrize("n", [10, 300, 4000])
def test_boundaries_are_beta_quantiles(n):
    lower, above = boundaries(n, 1e-5)
    k = np.arange(1, n + 1)
    assert np.allclose(special.betainc(k, n + 1 - k, lower), 1e-5, rtol=1e-8, atol=0)
    assert np.allclose(special.betaincc(k, n + 1 - k, 1 - above), 1e-5, rtol=1e-6, atol=0)
    assert np.all(np.diff(lower) > 0)
    assert np.all(np.diff(above) < 0)


def test_boundaries_where_scipys_inverse_fails():
    lower, _ = boundaries(87_363, 1e-5)
    assert special.betaincinv(86_364, 1000, 1e-5) < 0.97  # if this fails SciPy is mended, and `wrong` may go
    assert lower[86_362] < lower[86_363] < lower[86_364]


@pytest.mark.parametrize(
    ("n", "ratio"), [(100, 67.5), (500, 122.0), (1000, 148.5), (2000, 176.0), (5000, 213.7), (10_000, 242.9)]
)
def test_golden_ratios(n, ratio):
    assert 0.998 * ratio < 1e-3 / local_level(n, 1e-3) < 1.006 * ratio  # the table gives away 0.5 %


@pytest.mark.parametrize("n", [1, 2, 3, 10, 57, 199, 300])
@pytest.mark.parametrize("alpha", [1e-12, 1e-7, 1e-3, 0.05, 0.5])
def test_small_n_is_exact(n, alpha):
    miss = crossing_probability(*boundaries(n, local_level(n, alpha)))
    assert (1 - 1e-7) * alpha <= miss <= (1 + 1e-11) * alpha


@pytest.mark.parametrize("n", [301, 421, 1160, 3400])
@pytest.mark.parametrize("alpha", [1e-12, 1.1e-11, 1e-9, 3e-8, 2e-5, 1e-3, 5.5e-2, 0.16, 0.354, 0.49, 0.5])
def test_table_never_misses_more_than_it_says(n, alpha):
    """Between the grid points too. Interpolation eats less than a tenth of the margin of 0.5 %."""
    miss = crossing_probability(*boundaries(n, local_level(n, alpha)))
    assert 0.9945 * alpha < miss < (0.9955 + 0.002 * (alpha > 0.02)) * alpha


@pytest.mark.parametrize(("n", "alpha"), [(20_000, 1e-3), (13_000, 0.4)])
def test_table_at_large_n(n, alpha):
    assert 0.994 * alpha < crossing_probability(*boundaries(n, local_level(n, alpha))) < 0.998 * alpha


def test_outside_of_the_table_bonferroni():
    assert local_level(100_001, 1e-3) == 1e-3 / 200_002
    assert local_level(500, 1e-13) == 1e-16
    assert local_level(50, 0.999) == local_level(50, 0.5)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 120_000), st.floats(-14, -0.001), st.floats(1e-3, 3))
def test_local_level_is_monotone(n, power, step):
    n = n if n > 300 else 1 + n % 40  # the exact ones take milliseconds
    alpha = 10**power
    level = local_level(n, alpha)
    assert alpha / (2 * n) <= level or alpha > 0.5
    assert level <= alpha / 2
    assert local_level(n, alpha * 10**-step) <= level
    assert local_level(n + 1, alpha) <= level * (1 + 1e-7)
    assert level <= one_sided_local_level(n, alpha) <= alpha


@pytest.mark.parametrize("n", [1, 2, 5, 40, 300, 1500])
@pytest.mark.parametrize("alpha", [0.3, 0.05, 1e-3])
def test_one_sided_band_holds(n, alpha):
    """Harris's inequality, checked on the exact miss probability of one side."""
    lower, above = boundaries(n, one_sided_local_level(n, alpha))
    miss = crossing_probability(lower, np.zeros(n))
    assert miss <= alpha * (1 + 1e-9)
    assert miss == pytest.approx(crossing_probability(np.zeros(n), above), rel=1e-8)
    if alpha < 0.1:
        assert miss > 0.97 * alpha  # and little is given away
    # two sides at alpha/2 hold together however they are coupled
    both = boundaries(n, band_confidence(n, alpha, "both").attacked)
    assert crossing_probability(both[0], np.zeros(n)) <= alpha / 2 * (1 + 1e-9)
    assert crossing_probability(*both) > (1 - alpha / 2 - 0.01) * alpha


def test_twice_the_level_misses_too_much():
    """The test can fail: the local level of alpha/n, or twice the right one, is no band at alpha."""
    for n in (50, 1000):
        assert crossing_probability(*boundaries(n, 2 * local_level(n, 0.05))) > 1.5 * 0.05
        assert crossing_probability(*boundaries(n, 0.05 / 2)) > 3 * 0.05  # the ranks of one eps, for all eps


def test_dkw_is_wider_where_it_matters():
    """Why not DKW: at r = 3 it needs 2.1 million scores, the band 9200."""
    assert math.ceil(math.log(2 / 1e-3) / (2 * special.ndtr(-3.0) ** 2)) > 2_000_000
    level = band_confidence(9200, 1e-3, "both").attacked
    assert float(stats.binom.pmf(0, 9200, special.ndtr(-3.0))) <= level


def test_levels_are_fast():
    """A generous limit, far above what it takes (1 ms from the table, 50 ms at n = 300)."""
    local_level(1000, 1e-3)  # loads the table
    begin = time.perf_counter()
    local_level(9_999, 1.234e-3)
    local_level(5_001, 1.234e-3)
    local_level(299, 1.234e-3)
    assert time.perf_counter() - begin < 3.0


def test_table_is_what_its_maker_makes():
    """A node of the shipped table, solved again."""
    n, alpha, log_ratio = bands._table()
    again = bands.solve_local_level(int(n[2]), float(alpha[7]), tolerance=1e-6)
    assert log_ratio[2, 7] == pytest.approx(math.log(alpha[7] / again), abs=1e-5)
