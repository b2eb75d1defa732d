"""What a certificate answers: consistent with itself, never more than it proves, and strict about questions."""

import math

import numpy as np
import pytest

from certiqa.errors import InputError

SCORES = np.random.Generator(np.random.Philox(key=4)).normal(50, 5, 1000)
SIGMA = 0.1
INF = math.inf


@pytest.mark.parametrize("side", ["both", "upper", "lower"])
@pytest.mark.parametrize("statement", ["containment", "deployed"])
def test_intervals_widen_with_eps_and_confidence(side, statement, made):
    certificate = made(SCORES, side=side)
    eps = np.linspace(0, 0.35, 30)
    intervals = [certificate.bounds(e, statement=statement) for e in eps]
    lowers, uppers = [i.lower for i in intervals], [i.upper for i in intervals]
    assert lowers == sorted(lowers, reverse=True)
    assert uppers == sorted(uppers)
    for e, interval in zip(eps, intervals, strict=True):
        surer = certificate.bounds(e, statement=statement, alpha=1e-9)
        assert surer.lower <= interval.lower <= certificate.score <= interval.upper <= surer.upper
        assert interval.statement == statement
        assert tuple(interval) == (interval[0], interval[1]) == (interval.lower, interval.upper)
        assert len(interval) == 2


def test_ends_are_the_order_statistics_they_say(made):
    certificate = made(SCORES)
    interval = certificate.bounds(0.1)
    ordered = np.sort(SCORES)
    assert interval.lower == ordered[interval.lower_rank - 1]
    assert interval.upper == ordered[interval.upper_rank - 1]
    assert interval.lower_rank + interval.upper_rank == 1001
    assert interval.certified
    assert interval.simultaneous


def test_an_eps_declared_beforehand_is_tighter(made):
    certificate = made(SCORES, at=0.1)
    exact, band = certificate.bounds(at=0.1), certificate.bounds(0.1)
    assert (exact.lower_rank, exact.upper_rank) == (122, 879)
    assert band.lower < exact.lower < exact.upper < band.upper
    assert not exact.simultaneous
    assert certificate.tau(at=0.1) < certificate.tau(0.1)
    assert certificate.tau(at=0.1, statement="deployed") < certificate.tau(0.1, statement="deployed")
    assert certificate.smallest_n(at=0.1) == 44 < certificate.smallest_n(0.1)
    for wrong in (0.1000001, 0.0):
        with pytest.raises(InputError, match=r"must be the eps that was declared to certify\(at=\.\.\.\), 0\.1"):
            certificate.bounds(at=wrong)


def test_one_sided_certificates_are_tighter_on_their_side_and_silent_on_the_other(made):
    both, upper, lower = (made(SCORES, side=side) for side in ("both", "upper", "lower"))
    assert upper.bounds(0.1).upper < both.bounds(0.1).upper
    assert lower.bounds(0.1).lower > both.bounds(0.1).lower
    assert upper.bounds(0.1).lower == -INF
    assert upper.bounds(0.1).lower_from == "not asked"
    assert upper.bounds(0.1).certified
    assert lower.bounds(0.1).upper == INF
    assert max(upper.tau(0.1), lower.tau(0.1)) < both.tau(0.1)
    assert upper.tau(0.1) == pytest.approx(upper.bounds(0.1).upper - SCORES.mean(), abs=1.5)


@pytest.mark.parametrize("side", ["both", "upper", "lower"])
@pytest.mark.parametrize("statement", ["drift", "deployed"])
def test_the_radius_is_the_inverse_of_tau(side, statement, made):
    certificate = made(SCORES, side=side)
    for tau in (2.0, 4.0, 7.0, 11.0):
        radius = certificate.radius(tau, statement=statement)
        assert certificate.tau(radius * (1 - 1e-9), statement=statement) <= tau
        if 0 < radius < certificate.largest_eps() * (1 - 1e-9):
            assert certificate.tau(radius * (1 + 1e-6), statement=statement) > tau
    assert certificate.radius(0.0) == 0
    assert certificate.radius(1e9, statement=statement) <= certificate.largest_eps() + 1e-12


def test_the_range_bounds_what_the_scores_do_not(made):
    certificate = made(SCORES, output_range=(0.0, 100.0), range_enforced_by="model")
    beyond = 1.01 * certificate.largest_eps()
    assert certificate.bounds(0.99 * certificate.largest_eps()).certified
    interval = certificate.bounds(beyond)
    assert tuple(interval) == (0.0, 100.0)
    assert (interval.lower_from, interval.upper_from) == ("range", "range")
    assert not interval.certified
    low, high = certificate.bounds(0)
    assert certificate.tau(beyond) == max(100 - low, high)
    assert certificate.radius(100.0) == INF
    unbounded = made(SCORES)
    assert tuple(unbounded.bounds(beyond)) == (-INF, INF)
    assert unbounded.tau(beyond) == INF
    assert unbounded.bounds(beyond).lower_rank is None


@pytest.mark.parametrize("side", ["both", "upper", "lower"])
@pytest.mark.parametrize("eps", [0.03, 0.1, 0.2])
def test_the_smallest_n_is_the_smallest(side, eps, made):
    for question in ({"eps": eps}, {"at": eps}):
        n = made(SCORES, side=side).smallest_n(**question)
        assert made(np.zeros(n), side=side).bounds(**question).certified
        assert not made(np.zeros(n - 1), side=side).bounds(**question).certified


def test_the_curve_is_many_bounds(made):
    certificate = made(SCORES)
    curve = certificate.curve([0.0, 0.05, 0.1, 1.0])
    for i, e in enumerate(curve.eps):
        assert (curve.lower[i], curve.upper[i]) == tuple(certificate.bounds(e))
        assert curve.tau[i] == certificate.tau(e)
    assert curve.certified.tolist() == [True, True, True, False]
    whole = certificate.curve(points=7)
    assert len(whole.eps) == 7
    assert whole.eps[0] == 0
    assert not whole.certified[-1]


def test_deployed_statements_know_both_samples(made):
    certificate = made(SCORES)
    few, many = (certificate.bounds(0.1, statement="deployed", n_deployed=n) for n in (20, 100_000))
    plain = certificate.bounds(0.1)
    assert few.lower < many.lower <= plain.lower
    assert few.upper > many.upper >= plain.upper
    surer = certificate.bounds(0.1, statement="deployed", beta=1e-9)
    assert surer.upper >= certificate.bounds(0.1, statement="deployed").upper


def test_failed_scores_count_against_either_side(made):
    scores = SCORES.copy()
    scores[:100] = np.nan
    failed, clean = made(scores), made(SCORES[100:])
    assert failed.failures == 100
    assert failed.bounds(0.05).lower < clean.bounds(0.05).lower
    assert failed.bounds(0.05).upper > clean.bounds(0.05).upper
    assert failed.score < np.median(SCORES[100:])
    assert tuple(failed.bounds(0.2)) == (-INF, INF)
    ranged = made(scores, output_range=(0.0, 100.0))
    assert tuple(ranged.bounds(0.2)) == (0.0, 100.0)
    assert ranged.bounds(0.2).lower_from == "range"


def test_constant_scores_prove_a_constant(made):
    certificate = made([7.0] * 1000)
    assert tuple(certificate.bounds(0.2)) == (7.0, 7.0)
    assert certificate.tau(0.2) == 0
    assert certificate.radius(0) == pytest.approx(certificate.largest_eps())


def test_a_center_fixed_beforehand(made):
    certificate = made(SCORES)
    radius = certificate.radius(10.0, center=50.0)
    assert certificate.radius(10.0) < radius < 0.25
    assert certificate.radius(10.0, center=90.0) == 0
    assert made(SCORES, side="upper").radius(10.0, center=90.0) > 0.2


def test_n_of_one(made):
    certificate = made([5.0])
    assert certificate.score == 5
    assert tuple(certificate.bounds(0.0)) == (-INF, INF)
    assert certificate.largest_eps() == 0
    assert certificate.radius(3.0) == 0


BAD = [
    ("bounds", {}, "eps"),
    ("bounds", {"eps": 0.1, "at": 0.1}, "eps"),
    *[("bounds", {"eps": e}, "eps") for e in (-0.1, math.nan, INF, "0.1", True)],
    *[("tau", {"at": e}, "at") for e in (-0.1, math.nan, "0.1", True)],
    *[("radius", {"tau": t}, "tau") for t in (-1, math.nan, INF, "1", True, None)],
    *[("bounds", {"eps": 0.1, "alpha": a}, "alpha") for a in (0, 1, math.nan, "x")],
    ("bounds", {"eps": 0.1, "statement": "drift"}, "statement"),
    ("bounds", {"eps": 0.1, "statement": "proof"}, "statement"),
    ("radius", {"tau": 1.0, "statement": "containment"}, "statement"),
    ("radius", {"tau": 1.0, "statement": "deployed", "center": 50.0}, "statement"),
    *[("radius", {"tau": 1.0, "center": c}, "center") for c in (math.nan, INF, -INF, "50", True)],
    ("bounds", {"eps": 0.1, "statement": "deployed", "n_deployed": 0}, "n_deployed"),
    ("bounds", {"eps": 0.1, "statement": "deployed", "n_deployed": 2.5}, "n_deployed"),
    ("tau", {"eps": 0.1, "statement": "deployed", "beta": 1.5}, "beta"),
    ("curve", {"eps": [0.1, -1]}, "eps"),
    ("curve", {"eps": "far"}, "eps"),
    ("curve", {"points": 1}, "points"),
    ("smallest_n", {}, "eps"),
    ("largest_eps", {"alpha": 2}, "alpha"),
    ("psnr", {"eps": -1}, "eps"),
]


@pytest.mark.parametrize(("method", "question", "parameter"), BAD)
def test_bad_questions(method, question, parameter, made):
    with pytest.raises(InputError, match=f"The parameter '{parameter}'"):
        getattr(made(SCORES), method)(**question)


def test_psnr(made):
    assert made(SCORES).psnr(0.1) == pytest.approx(20 * math.log10(math.sqrt(576) / 0.1))


def test_frozen(made):
    certificate = made(SCORES)
    with pytest.raises(AttributeError):
        certificate.sigma = 1
    with pytest.raises(ValueError, match="read-only"):
        certificate.scores[0] = 1
