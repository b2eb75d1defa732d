"""The four statements as ranks: golden values, exact binomial checks, inverses, slack, edges."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import ndtr, ndtri

from certiqa.statistics.percentile import shifted_level
from certiqa.statistics.ranks import lower_rank, miss_probability
from certiqa.statistics.statements import (
    Deployed,
    band_confidence,
    fixed_interval_radius,
    interval_levels,
    interval_ranks,
    median_rank,
    median_ranks,
    rank_radius,
    single_confidence,
    smallest_n_for,
)


@pytest.mark.parametrize(
    ("side", "statement", "events"),
    [
        ("both", "containment", 2),
        ("both", "deployed", 2),
        ("both", "drift", 2),
        ("upper", "containment", 1),
        ("upper", "drift", 2),
        ("lower", "drift", 2),
        ("lower", "deployed", 1),
    ],
)
def test_alpha_is_split_over_the_events(side, statement, events):
    confidence = single_confidence(0.12, side, statement)
    if statement == "drift":  # false only if the larger of rise and fall is: one attacked rank and one of the median's
        spent = confidence.attacked + confidence.median
    else:
        spent = (2 if side == "both" else 1) * confidence.attacked
    assert spent == pytest.approx(0.12)
    assert confidence.attacked == pytest.approx(0.12 / events)


@pytest.mark.parametrize("side", ["upper", "lower"])
def test_one_sided_band_splits_alpha_too(side):
    confidence = band_confidence(500, 0.01, side)
    assert confidence.median == pytest.approx(0.001)
    assert confidence.attacked > band_confidence(500, 0.01, "both").attacked


@pytest.mark.parametrize(("n", "extra"), [(100, 0.425), (500, 0.187), (1000, 0.132), (2000, 0.093), (10_000, 0.041)])
def test_golden_extra_radius_of_deployed(n, extra):
    deployed = Deployed.of(n, 1e-3)
    assert -float(ndtri(deployed.low)) == pytest.approx(extra, abs=5e-4)
    # even n prints the lower median, so that the upper side has a little less
    assert -float(ndtri(deployed.high_complement)) == pytest.approx(extra, abs=3 / n)
    assert deployed.high_complement >= deployed.low


@pytest.mark.parametrize("n", [1, 2, 3, 4, 10, 11, 100])
@pytest.mark.parametrize("beta", [0.999, 0.2, 1e-3])
@pytest.mark.parametrize("side", ["both", "upper", "lower"])
def test_deployed_in_exact_arithmetic(n, beta, side):
    """P[printed < Q_q_lo] = P[Bin(n, q_lo) >= k] and P[printed > Q_q_hi] = P[Bin(n, q_hi) <= k-1]."""
    deployed, k = Deployed.of(n, beta, side), median_rank(n)
    share = beta / 2 if side == "both" else beta

    def upper_tail(p: Fraction, count: int) -> float:
        return float(sum(math.comb(n, j) * p**j * (1 - p) ** (n - j) for j in range(count, n + 1)))

    too_low = upper_tail(Fraction(deployed.low), k)
    too_high = upper_tail(Fraction(deployed.high_complement), n + 1 - k)  # n - Bin(n, q_hi) of them lie above
    assert share * (1 - 1e-9) < too_low <= share
    assert share * (1 - 1e-9) < too_high <= share
    worse = upper_tail(Fraction(deployed.low) * Fraction(101, 100), k)
    assert worse > share


def test_median_is_the_lower_one():
    assert [median_rank(n) for n in (1, 2, 3, 4, 999, 1000)] == [1, 1, 2, 2, 500, 500]


@pytest.mark.parametrize("n", [1, 9, 100, 1000])
@pytest.mark.parametrize("r", [0.0, 0.5, 2.0, 40.0])
@pytest.mark.parametrize("a", [0.4995, 0.025, 1e-15])
def test_interval_ranks_are_symmetric_and_exact(n, r, a):
    low, high = interval_ranks(n, r, a)
    assert low + high == n + 1
    assert low <= median_rank(n) <= high
    p = float(ndtr(-r))
    assert stats.binom.cdf(low - 1, n, p) <= a * (1 + 1e-9)
    assert low == n or stats.binom.cdf(low, n, p) > a * (1 - 1e-9)
    assert interval_ranks(n, r, a, "upper") == (0, high)
    assert interval_ranks(n, r, a, "lower") == (low, n + 1)


def test_the_median_of_an_undisturbed_score_is_inside():
    for n in range(1, 60):
        assert median_ranks(n, 0.4995)[0] <= median_rank(n) <= median_ranks(n, 0.4995)[1]


def test_slack_enters_once_and_for_a_printed_score_twice():
    assert interval_levels(1.0, 0.01)[0] == pytest.approx(ndtr(-1.0) - 0.01, rel=1e-9)
    deployed = Deployed.of(1000, 1e-3)
    low, high = interval_levels(1.0, 0.01, deployed)
    assert low == pytest.approx(ndtr(ndtri(deployed.low - 0.01) - 1.0) - 0.01, rel=1e-9)
    assert high == pytest.approx(ndtr(ndtri(deployed.high_complement - 0.01) - 1.0) - 0.01, rel=1e-9)
    assert median_ranks(1000, 1e-3, 0.01)[0] == lower_rank(1000, 0.49, 1e-3)


def test_slack_above_the_level_proves_nothing():
    assert interval_ranks(1000, 1.0, 1e-3, slack=0.16) == (0, 1001)
    assert interval_ranks(1000, 0.0, 1e-3, slack=0.7) == (0, 1001)
    assert median_ranks(1000, 1e-3, 0.5) == (0, 1001)
    assert interval_levels(0.0, 0.5, Deployed.of(10, 1e-3)) == (0.0, 0.0)
    assert rank_radius(1, 1000, 1e-3, 0.499) == -math.inf or rank_radius(1, 1000, 1e-3, 0.499) < 0
    assert fixed_interval_radius(0, 0, 1000, 1e-3, slack=0.5) == 0.0
    assert smallest_n_for(1.0, 1e-3, "both", simultaneous=True, slack=0.2) is None


@settings(deadline=None)
@given(
    st.integers(1, 20_000),
    st.floats(0, 6),
    st.sampled_from([1e-12, 1e-5, 1e-3, 0.02, 0.4995]),
    st.sampled_from([0.0, 1e-11, 1e-3]),
    st.sampled_from([None, 10, 1001]),
)
def test_rank_radius_inverts_interval_ranks(n, r, a, slack, printed):
    deployed = None if printed is None else Deployed.of(printed, 0.01)
    head = 0.5 if deployed is None else deployed.low - slack
    k = interval_ranks(n, r, a, "lower", slack, deployed)[0]
    assume(k >= 1)
    largest = rank_radius(k, n, a, slack, head)
    assert largest >= r * (1 - 1e-9) - 1e-9
    if largest >= 0:
        assert interval_ranks(n, largest, a, "lower", slack, deployed)[0] >= k
        beyond = largest + 1e-6
        assert interval_ranks(n, beyond, a, "lower", slack, deployed)[0] < k


def test_rank_radius_where_scipys_inverse_fails():
    """betainccinv(1000, 9090, 1e-3) is wrong in SciPy 1.17; the radius would collapse."""
    low = rank_radius(999, 10_089, 1e-3)
    assert rank_radius(1001, 10_089, 1e-3) < rank_radius(1000, 10_089, 1e-3) < low
    assert low - rank_radius(1000, 10_089, 1e-3) < 1e-3


def test_rank_radius_of_no_rank():
    assert rank_radius(0, 100, 1e-3) == -math.inf
    assert rank_radius(5, 100, 1e-3, percentile=-1e-9) == -math.inf


@pytest.mark.parametrize(("below", "above"), [(0, 0), (3, 0), (0, 40), (200, 100), (480, 0), (500, 0), (499, 499)])
@pytest.mark.parametrize("alpha", [0.999, 0.05, 1e-12])
def test_fixed_interval_radius_against_the_binomial(below, above, alpha):
    """At the radius, the count that was seen (or less) is as improbable as the level says."""
    r = fixed_interval_radius(below, above, 500, alpha)
    worst = max(below, above)
    if r == 0:
        assert miss_probability(worst + 1, 500, 0.5) >= alpha / 2 * (1 - 1e-9)
    else:
        assert miss_probability(worst + 1, 500, float(ndtr(-r))) == pytest.approx(alpha / 2, rel=1e-7)
        assert miss_probability(worst + 1, 500, float(ndtr(-r))) <= alpha / 2 * (1 + 1e-12)
    assert fixed_interval_radius(below, 500, 500, alpha, "lower") >= r
    assert fixed_interval_radius(500, above, 500, alpha, "upper") >= r


@pytest.mark.parametrize("r", [0.0, 0.5, 1.0, 2.5])
@pytest.mark.parametrize("side", ["both", "upper", "lower"])
@pytest.mark.parametrize("simultaneous", [True, False])
def test_smallest_n_for_is_the_smallest(r, side, simultaneous):
    n = smallest_n_for(r, 1e-3, side, simultaneous=simultaneous)
    assert n is not None

    def proves(count: int) -> bool:
        confidence = (
            band_confidence(count, 1e-3, side) if simultaneous else single_confidence(1e-3, side, "containment")
        )
        return interval_ranks(count, r, confidence.attacked, side) != (0, count + 1)

    assert proves(n)
    assert not proves(n - 1)


def test_smallest_n_for_golden_and_hopeless():
    assert 9000 < smallest_n_for(3.0, 1e-3, "both", simultaneous=True) < 9400
    assert smallest_n_for(4.0, 1e-3, "both", simultaneous=True) is not None  # beyond the table
    for r in (8.0, 12.0, 40.0):
        assert smallest_n_for(r, 1e-3, "both", simultaneous=True) is None
        assert smallest_n_for(r, 1e-3, "both", simultaneous=False) is None


@given(st.floats(0, 10), st.floats(0, 3), st.sampled_from([10, 400, 1000]), st.floats(1e-9, 0.49))
def test_ranks_are_monotone_in_the_radius(r, more, n, a):
    low, high = interval_ranks(n, r, a)
    wider_low, wider_high = interval_ranks(n, r + more, a)
    assert wider_low <= low
    assert wider_high >= high
    assert shifted_level(r + more) <= shifted_level(r)
    printed_low, printed_high = interval_ranks(n, r, a, deployed=Deployed.of(n, 0.01))
    assert printed_low <= low  # a printed score has its own noise
    assert printed_high >= high
