"""Do certificates hold as often as they say? Simulation on scores with known laws, and properties of the answers.

The worst case of the theorem is a score that depends on x through one direction only: f = T(<u, x>/sigma) with T
non-decreasing and left-continuous. Then f(x+G) has the law of T(Z), Z ~ N(0, 1), an attack of length r*sigma along u
gives T(Z + r), and Q_p = T(Phi^-1(p)): every quantile and every attacked median is known.

Priced false alarms. The seeds are fixed; with other seeds one comparison fails with probability at most 1e-10 if the
statements are sound, so that the file, with some 2000 comparisons, would fail for one seed in five million. It rejects
when so many misses (or, where the exact miss probability is known, so few) have a binomial tail below 1e-10.
"""

from __future__ import annotations

import math
from functools import cache
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import special, stats

from certiqa.certificate import MedianCertificate, Provenance
from certiqa.frontends import Identity, SizedFrontEnd
from certiqa.statistics.bands import boundaries, crossing_probability, local_level
from certiqa.statistics.percentile import shifted_level
from certiqa.statistics.ranks import lower_rank, miss_probability
from certiqa.statistics.statements import (
    Deployed,
    Side,
    band_confidence,
    fixed_interval_radius,
    interval_ranks,
    median_rank,
    median_ranks,
    single_confidence,
)

FALSE_ALARM = 1e-10
REPEATS = {50: 20_000, 200: 8000, 1000: 2000}
RADII = (0.25, 1.0, 2.0)
ALPHAS = (0.05, 0.2)

PROVENANCE = Provenance(
    image="synthetic",
    image_sha256="00" * 32,
    file_sha256=None,
    image_notes=(),
    model="T",
    model_sha256=None,
    denoiser=None,
    denoiser_sha256=None,
    seed_commitment="00" * 32,
    dtype="float64",
    device="cpu",
    batch_size=1,
    seconds={},
    versions={},
    created="2026-01-01T00:00:00+00:00",
    findings=(),
)


def certificate_of(
    scores,
    *,
    alpha: float = 0.05,
    side: Side = "both",
    sigma: float = 1.0,
    slack: float = 0.0,
    output_range: tuple[float, float] | None = None,
) -> MedianCertificate:
    return MedianCertificate(
        scores=np.asarray(scores, float),
        sigma=sigma,
        alpha=alpha,
        side=side,
        at=None,
        shape=(3, 8, 8),
        output_range=output_range,
        range_enforced_by="certiqa" if output_range else None,
        clamped=0,
        lower_better=None,
        noise="synthetic",
        tv_slack=slack,
        assumptions=(),
        method="median smoothing",
        provenance=PROVENANCE,
        front_end=SizedFrontEnd.of(Identity(), 8, 8, sigma),
    )


# -- laws with known quantiles -----------------------------------------------------------------------------------------

LAWS = {
    "gaussian": lambda z: z,
    "atoms": lambda z: np.ceil(3 * z - 0.1) / 3,
    "cauchy": lambda z: np.tan(np.pi * (special.ndtr(z) - 0.5)),
    "t2": lambda z: special.stdtrit(2, special.ndtr(z)),
    "uniform": special.ndtr,
    "clamped": lambda z: np.clip(z, -0.8, 1.4),  # an enforced range: atoms at both ends
}
CONTINUOUS = ("gaussian", "cauchy", "t2", "uniform")


@cache
def noise(n: int, seed: int = 0) -> np.ndarray:
    """(repeats, n), each row sorted: non-decreasing T keep it sorted."""
    z = np.random.default_rng([n, seed]).standard_normal((REPEATS[n], n), dtype=np.float32).astype(np.float64)
    z.sort(axis=1)
    z.setflags(write=False)
    return z


@cache
def scores_of(law: str, n: int) -> np.ndarray:
    return LAWS[law](noise(n))


def at(law: str, z: float) -> float:
    """T(z): the quantile at Phi(z), and the median under an attack of length z along u."""
    return float(LAWS[law](np.float64(z)))


def column(rows: np.ndarray, k: int) -> np.ndarray:
    """X_(k) of every row; the infinite end where there is no rank, never the sample's extreme."""
    n = rows.shape[1]
    if k < 1:
        return np.full(len(rows), -np.inf)
    return np.full(len(rows), np.inf) if k > n else rows[:, k - 1]


def at_most(missed: np.ndarray, alpha: float) -> None:
    misses = int(missed.sum())
    tail = stats.binom.sf(misses - 1, len(missed), alpha)
    assert tail > FALSE_ALARM, f"{misses} misses in {len(missed)}: more than {alpha:g} (tail {tail:.1e})"


def about(missed: np.ndarray, exact: float) -> None:
    misses = int(missed.sum())
    both = (stats.binom.sf(misses - 1, len(missed), exact), stats.binom.cdf(misses, len(missed), exact))
    assert min(both) > FALSE_ALARM, f"{misses} misses in {len(missed)}: not {exact:g} (tails {both})"


def exceeds(missed: np.ndarray, alpha: float) -> bool:
    return bool(stats.binom.sf(int(missed.sum()) - 1, len(missed), alpha) < FALSE_ALARM)


every_case = pytest.mark.parametrize(
    ("law", "n"), [pytest.param(law, n, id=f"{law}-{n}") for law, n in product(LAWS, REPEATS)]
)


# -- A: containment ----------------------------------------------------------------------------------------------------


@every_case
def test_containment_of_one_eps(law, n):
    x = scores_of(law, n)
    for r, alpha, side in product(RADII, ALPHAS, ("both", "upper", "lower")):
        a = single_confidence(alpha, side, "containment").attacked
        low, high = interval_ranks(n, r, a, side)
        missed = (column(x, low) > at(law, -r)) | (column(x, high) < at(law, r))
        at_most(missed, alpha)
        if law in CONTINUOUS:  # the worst case is attained: the exact binomial probability, neither more nor less
            one = miss_probability(min(low, n + 1 - high) or max(low, n + 1 - high), n, float(special.ndtr(-r)))
            if side != "both":
                about(missed, one)
            elif r > 0.5 and n >= 200:  # the two ends never miss together
                about(missed, 2 * one)


@pytest.mark.parametrize("n", [200, 1000])
def test_containment_is_tight(n):
    """Not far below the nominal level either: exact, so no simulation. A rank one lower would waste more than that."""
    for r, alpha in product(RADII, ALPHAS):
        a, p = alpha / 2, float(special.ndtr(-r))
        k = lower_rank(n, p, a)
        assert 0.35 * a < miss_probability(k, n, p) <= a
        assert miss_probability(k + 1, n, p) > a


# -- the band ----------------------------------------------------------------------------------------------------------


@every_case
def test_band_holds_for_all_eps_at_once(law, n):
    x, grid = scores_of(law, n), np.linspace(0.0, 3.0, 31)
    for alpha, side in product(ALPHAS, ("both", "upper", "lower")):
        confidence = band_confidence(n, alpha, side)
        missed = np.zeros(len(x), bool)
        for r in grid:
            low, high = interval_ranks(n, r, confidence.attacked, side)
            missed |= (column(x, low) > at(law, -r)) | (column(x, high) < at(law, r))
        middle_low, middle_high = median_ranks(n, confidence.median)
        missed |= column(x, middle_low) > at(law, 0) if side != "lower" else False
        missed |= column(x, middle_high) < at(law, 0) if side != "upper" else False
        at_most(missed, alpha)


@pytest.mark.parametrize("n", REPEATS)
def test_whole_band_misses_exactly_what_the_recursion_says(n):
    u = special.ndtr(noise(n))
    for alpha in ALPHAS:
        lower, above = boundaries(n, local_level(n, alpha))
        about(np.any((u < lower) | (u > 1 - above), axis=1), crossing_probability(lower, above))


@pytest.mark.parametrize("n", [50, 200])
def test_band_holds_with_failures(n):
    """A failed score is the lowest for lower ends and the highest for upper ends, under any attack."""
    z, r_grid = noise(n), np.linspace(0.0, 2.0, 21)
    failed = z < -1.0  # the first ones of each row
    low_scores = np.where(failed, -np.inf, z)
    high_scores = np.sort(np.where(failed, np.inf, z), axis=1)
    shifts = np.linspace(-2, 2, 401)
    level = 0.5 + special.ndtr(-1.0 - shifts)  # P[f_hi <= y] = Phi(y - s) - Phi(-1 - s) = 1/2
    high_median = np.where(level < 1, shifts + special.ndtri(np.minimum(level, 1 - 1e-16)), np.inf)
    low_median = shifts  # as long as it lies above the failures
    for alpha in ALPHAS:
        a = band_confidence(n, alpha, "both").attacked
        missed = np.zeros(len(z), bool)
        for r in r_grid:
            low, high = interval_ranks(n, r, a)
            reach = np.abs(shifts) <= r + 1e-9
            worst_low = low_median[reach].min()
            missed |= column(low_scores, low) > (worst_low if worst_low > -1 else -np.inf)
            missed |= column(high_scores, high) < high_median[reach].max()
        at_most(missed, alpha)


# -- B: drift ----------------------------------------------------------------------------------------------------------


@every_case
def test_drift(law, n):
    x = scores_of(law, n)
    for r, alpha, side, band in product(RADII, ALPHAS, ("both", "upper", "lower"), (True, False)):
        confidence = band_confidence(n, alpha, side) if band else single_confidence(alpha, side, "drift")
        low, high = interval_ranks(n, r, confidence.attacked, side)
        middle_low, middle_high = median_ranks(n, confidence.median)
        rise = column(x, high) - column(x, middle_low)
        fall = column(x, middle_high) - column(x, low)
        missed = np.zeros(len(x), bool)
        if side == "both":
            tau = np.maximum(rise, fall)
            missed = tau < max(at(law, r) - at(law, 0), at(law, 0) - at(law, -r))
        elif side == "upper":
            missed = rise < at(law, r) - at(law, 0)
        else:
            missed = fall < at(law, 0) - at(law, -r)
        at_most(missed, alpha)


@pytest.mark.parametrize("n", [200, 1000])
def test_drift_is_tight_for_its_worst_law(n):
    """Scores 0 up to the median, 1 up to the attacked quantile, 2 beyond: one short end misses the drift of 2."""
    z = noise(n)
    for r, alpha in product((1.0, 2.0), ALPHAS):
        x = 1.0 * (z > 0) + (z >= r)
        confidence = single_confidence(alpha, "upper", "drift")
        _, high = interval_ranks(n, r, confidence.attacked, "upper")
        missed = column(x, high) - column(x, median_ranks(n, confidence.median)[0]) < 2
        at_most(missed, alpha)
        assert missed.mean() > 0.5 * alpha  # 0.63 alpha or more in truth: whole ranks


# -- C: deployed -------------------------------------------------------------------------------------------------------


@every_case
@pytest.mark.parametrize("printed_n", [21, 100])
def test_deployed(law, n, printed_n):
    """Over both noises: a certificate fails with alpha, and else one printed score with beta."""
    x = scores_of(law, n)
    fresh = np.random.default_rng([7, n, printed_n])
    # the k-th of n' fresh uniforms is a beta variable; two independent attacks, up and down
    k = median_rank(printed_n)
    up, down = special.ndtri(fresh.beta(k, printed_n + 1 - k, (2, len(x))))
    for r, alpha, side in product(RADII, ALPHAS, ("both", "upper", "lower")):
        beta = alpha / 2
        deployed = Deployed.of(printed_n, beta, side)
        a = single_confidence(alpha, side, "deployed").attacked
        low, high = interval_ranks(n, r, a, side, deployed=deployed)
        above = LAWS[law](up + r) > column(x, high)
        below = LAWS[law](down - r) < column(x, low)
        at_most(above | below, alpha + beta)


def test_containment_is_no_statement_about_printed_scores():
    """Why C is needed: a score printed from 50 fresh draws leaves the interval of A far more often than C would say."""
    x, n, r, alpha = scores_of("gaussian", 1000), 1000, 1.0, 0.05
    low, high = interval_ranks(n, r, alpha / 2)
    k = median_rank(50)
    up = special.ndtri(np.random.default_rng(3).beta(k, 51 - k, len(x))) + r
    assert exceeds((up > column(x, high)) | (up < column(x, low)), 2 * alpha)


# -- D: radius ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("law", ["gaussian", "atoms", "cauchy"])
@pytest.mark.parametrize("n", REPEATS)
@pytest.mark.parametrize("width", [0.5, 1.2])
def test_radius_of_a_fixed_interval(law, n, width):
    """[T(0) - tau, T(0) + tau] fixed beforehand; every certified radius is tried along u, both ways."""
    x, center = scores_of(law, n), at(law, 0)
    tau = at(law, width) - center
    below = (x < center - tau).sum(axis=1)
    above = (x > center + tau).sum(axis=1)
    radius = cache(lambda i, j, alpha, side: fixed_interval_radius(i, j, n, alpha, side))
    for alpha, side in product(ALPHAS, ("both", "upper", "lower")):
        r = np.array([radius(i, j, alpha, side) for i, j in zip(below.tolist(), above.tolist(), strict=True)])
        rises = LAWS[law](r) > center + tau + 1e-12
        falls = LAWS[law](-r) < center - tau - 1e-12
        missed = {"both": rises | falls, "upper": rises, "lower": falls}[side] & (r > 0)
        at_most(missed, alpha)
        assert not np.all(r == 0)


@pytest.mark.parametrize(("law", "n", "count"), [("gaussian", 200, 1500), ("atoms", 50, 1500), ("cauchy", 1000, 700)])
@pytest.mark.parametrize("side", ["both", "upper", "lower"])
def test_radius_from_the_band(law, n, count, side):
    """Certificate.radius for several tau at once, all of them chosen from the same scores' certificate."""
    alpha, taus = 0.2, (0.5, 1.0, 2.0)
    missed = np.zeros(count, bool)
    proved = 0
    for i, row in enumerate(scores_of(law, n)[:count]):
        certificate = certificate_of(row, alpha=alpha, side=side)
        for tau in taus:
            r = certificate.radius(tau)
            proved += r > 0
            rise, fall = at(law, r) - at(law, 0), at(law, 0) - at(law, -r)
            worst = {"both": max(rise, fall), "upper": rise, "lower": fall}[side]
            missed[i] |= r > 0 and worst > tau + 1e-9
    at_most(missed, alpha)
    assert proved > count / 2


# -- mutations: what the comparisons above would catch -----------------------------------------------------------------


def test_a_rank_moved_by_one_is_caught():
    n, r, alpha = 50, 1.0, 0.05
    x = scores_of("gaussian", n)
    low, high = interval_ranks(n, r, alpha / 2)
    assert not exceeds((column(x, low) > -r) | (column(x, high) < r), alpha)
    assert exceeds((column(x, low + 1) > -r) | (column(x, high - 1) < r), alpha)


def test_the_sample_extreme_for_infinity_is_caught():
    n, r, alpha = 50, 2.0, 0.05
    x = scores_of("gaussian", n)
    assert interval_ranks(n, r, alpha / 2) == (0, n + 1)
    assert exceeds((x[:, 0] > -r) | (x[:, -1] < r), alpha)


def test_per_eps_ranks_for_all_eps_are_caught():
    n, alpha = 200, 0.05
    x = scores_of("gaussian", n)
    missed = np.zeros(len(x), bool)
    for r in np.linspace(0.0, 2.0, 41):
        low, high = interval_ranks(n, r, alpha / 2)
        missed |= (column(x, low) > -r) | (column(x, high) < r)
    assert exceeds(missed, alpha)
    assert missed.mean() > 3 * alpha


def test_antithetic_noise_is_caught():
    """f even: f(x+G) = f(x-G), so half of the scores say nothing, and binomial ranks are too sure."""
    n, alpha = 200, 0.01
    half = np.abs(np.random.default_rng(11).standard_normal((8000, n // 2)))
    x = np.sort(np.concatenate([half, half], axis=1), axis=1)
    for r in (0.25, 1.0):
        p = shifted_level(r)
        quantile = float(special.ndtri((1 + p) / 2))  # of |Z|
        low, _ = interval_ranks(n, r, alpha)
        missed = column(x, low) > quantile
        assert exceeds(missed, alpha)
        assert missed.mean() > 3 * alpha


def test_dropped_remainder_is_caught():
    n, drawn, r, alpha = 1000, 896, 1.0, 0.05  # batches of 128, the remainder dropped
    x = np.sort(np.random.default_rng(5).standard_normal((2000, drawn)), axis=1)
    low, _ = interval_ranks(n, r, alpha)
    assert exceeds(column(x, low) > -r, alpha)


def test_two_sided_levels_for_each_side_are_caught():
    n, r, alpha = 200, 1.0, 0.2
    x = scores_of("gaussian", n)
    low, high = interval_ranks(n, r, alpha)  # alpha where alpha/2 belongs
    assert exceeds((column(x, low) > -r) | (column(x, high) < r), alpha)


# -- the answers of a certificate are these ranks ----------------------------------------------------------------------


@pytest.mark.parametrize("side", ["both", "upper", "lower"])
@pytest.mark.parametrize("law", LAWS)
def test_certificate_answers_with_the_ranks_tested_above(law, side):
    n, alpha, r, sigma = 200, 0.05, 0.8, 0.3
    rows = scores_of(law, n)[:3]
    rng = np.random.default_rng(0)
    for row in rows:
        certificate = certificate_of(rng.permutation(row), alpha=alpha, side=side, sigma=sigma)
        band, one = band_confidence(n, alpha, side), single_confidence(alpha, side, "containment")
        for kwargs, a in (({"eps": r * sigma}, band.attacked), ({"at": r * sigma}, one.attacked)):
            low, high = interval_ranks(n, r * sigma / sigma, a, side)
            assert tuple(certificate.bounds(**kwargs)) == (column(row[None], low)[0], column(row[None], high)[0])
            printed = interval_ranks(n, r * sigma / sigma, a, side, deployed=Deployed.of(77, 0.01, side))
            interval = certificate.bounds(**kwargs, statement="deployed", n_deployed=77, beta=0.01)
            assert tuple(interval) == (column(row[None], printed[0])[0], column(row[None], printed[1])[0])
        for kwargs, confidence in (
            ({"eps": r * sigma}, band),
            ({"at": r * sigma}, single_confidence(alpha, side, "drift")),
        ):
            low, high = interval_ranks(n, r * sigma / sigma, confidence.attacked, side)
            middle = median_ranks(n, confidence.median)
            rise = column(row[None], high)[0] - column(row[None], middle[0])[0]
            fall = column(row[None], middle[1])[0] - column(row[None], low)[0]
            expected = {"both": max(rise, fall), "upper": rise, "lower": fall}[side]
            assert certificate.tau(**kwargs) == expected
        assert certificate.score == row[99]
        center, tau = at(law, 0), 1.0
        below, above = int((row < center - tau).sum()), int((row > center + tau).sum())
        fixed = fixed_interval_radius(below, above, n, alpha, side)
        assert certificate.radius(tau, center=center) == pytest.approx(sigma * fixed)


def test_failures_are_the_worst_on_either_side():
    row = np.arange(200.0)
    spoiled = row.copy()
    spoiled[[3, 50, 120]] = np.nan
    certificate = certificate_of(spoiled, alpha=0.05)
    low, high = interval_ranks(200, 0.5, band_confidence(200, 0.05, "both").attacked)
    rest = np.delete(row, [3, 50, 120])
    assert certificate.bounds(0.5).lower == rest[low - 1 - 3]
    assert certificate.bounds(0.5).upper == rest[high - 1]
    assert certificate.radius(1e-9) == 0.0
    assert certificate.radius(1e9) < certificate_of(row, alpha=0.05).radius(1e9)
    below, above = fixed_interval_radius(3, 3, 200, 0.05), fixed_interval_radius(0, 0, 200, 0.05)
    assert certificate.radius(1000.0, center=100.0) == pytest.approx(below)
    assert below < above


def test_no_rank_is_the_range_and_flagged_never_the_extreme():
    row = np.linspace(10.0, 20.0, 100)
    bare, ranged = certificate_of(row).bounds(5.0), certificate_of(row, output_range=(0.0, 100.0)).bounds(5.0)
    assert tuple(bare) == (-math.inf, math.inf)
    assert (bare.lower_from, bare.upper_from, bare.certified) == ("unbounded", "unbounded", False)
    assert tuple(ranged) == (0.0, 100.0)
    assert (ranged.lower_from, ranged.upper_from, ranged.certified) == ("range", "range", False)
    assert certificate_of(row).tau(5.0) == math.inf
    assert certificate_of(row, output_range=(0.0, 100.0)).radius(100.0) == math.inf


# -- properties --------------------------------------------------------------------------------------------------------

score_lists = st.lists(st.integers(-40, 40).map(lambda i: i / 8), min_size=1, max_size=120)
sides = st.sampled_from(["both", "upper", "lower"])
alphas = st.sampled_from([0.999, 0.6, 0.2, 0.05, 1e-3, 1e-6, 1e-15])
radii = st.floats(0, 3) | st.sampled_from([0.0, 7.0, 40.0])
slacks = st.sampled_from([0.0, 1e-11, 0.02, 0.7])
properties = settings(deadline=None, max_examples=60)


def nested(inner, outer) -> bool:
    return outer.lower <= inner.lower and inner.upper <= outer.upper


@properties
@given(score_lists, sides, alphas, radii, st.floats(0, 2), slacks, st.booleans())
def test_bounds_are_nested(scores, side, alpha, r, more, slack, ranged):
    certificate = certificate_of(scores, alpha=alpha, side=side, slack=slack, output_range=(-5, 5) if ranged else None)
    interval = certificate.bounds(r)
    assert nested(interval, certificate.bounds(r + more))
    assert nested(interval, certificate.bounds(r, alpha=alpha / 4))
    assert nested(certificate.bounds(at=r), interval)
    assert nested(certificate.bounds(at=r), certificate.bounds(at=r + more))
    assert nested(interval, certificate_of(scores, alpha=alpha, side=side, slack=slack + 0.01).bounds(r)) or ranged
    if alpha < 0.5:
        assert interval.lower <= certificate.score <= interval.upper
        assert nested(interval, certificate.bounds(r, statement="deployed"))
    assert certificate.tau(r) <= certificate.tau(r + more)
    assert certificate.tau(r) >= 0
    if side == "both":
        assert certificate.tau(r) <= certificate.tau(r, statement="containment")


@pytest.mark.parametrize("side", ["both", "upper", "lower"])
@pytest.mark.parametrize("statement", ["drift", "deployed"])
def test_radius_is_exactly_the_inverse(side, statement):
    """Without ties: the radius of tau(eps) is where the next order statistic is needed, for every rank on the way."""
    certificate = certificate_of(noise(200)[1], side=side, slack=1e-6, sigma=0.12)
    previous = -1.0
    for eps in np.linspace(0, 0.9 * certificate.largest_eps(), 60).tolist():
        tau = certificate.tau(eps, statement=statement)
        if not math.isfinite(tau):
            continue
        radius = certificate.radius(tau, statement=statement)
        assert radius >= max(eps * (1 - 1e-9), previous)
        assert (
            certificate.tau(radius, statement=statement)
            <= tau
            < certificate.tau(radius * (1 + 1e-6) + 1e-9, statement=statement)
        )
        previous = radius
    assert previous > 0.1


@properties
@given(score_lists, sides, alphas, radii, slacks, st.booleans(), st.sampled_from(["drift", "deployed"]))
def test_radius_inverts_tau(scores, side, alpha, r, slack, ranged, statement):
    certificate = certificate_of(scores, alpha=alpha, side=side, slack=slack, output_range=(-5, 5) if ranged else None)
    tau = certificate.tau(r, statement=statement)
    assume(tau < math.inf)
    assert certificate.radius(tau, statement=statement) >= r * (1 - 1e-9) - 1e-11


@properties
@given(score_lists, sides, alphas, st.floats(0, 12), slacks, st.booleans(), st.sampled_from(["drift", "deployed"]))
def test_tau_at_the_radius_is_tolerated(scores, side, alpha, tau, slack, ranged, statement):
    certificate = certificate_of(scores, alpha=alpha, side=side, slack=slack, output_range=(-5, 5) if ranged else None)
    radius = certificate.radius(tau, statement=statement)
    assert certificate.radius(tau / 2, statement=statement) <= radius
    if 0 < radius < math.inf:
        assert certificate.tau(radius, statement=statement) <= tau
        assert certificate.tau(radius * 1.001 + 1e-6, statement=statement) > tau
    elif radius == math.inf:
        assert certificate.tau(1e6, statement=statement) <= tau


@properties
@given(score_lists, sides, alphas, radii, st.sampled_from([0.25, 2.0, 1024.0]), st.integers(-8, 8))
def test_affine_maps_commute(scores, side, alpha, r, scale, shift):
    """Powers of two and small integers: exact in float."""
    one = certificate_of(scores, alpha=alpha, side=side)
    other = certificate_of([scale * x + shift for x in scores], alpha=alpha, side=side)
    assert tuple(other.bounds(r)) == tuple(scale * end + shift for end in one.bounds(r))
    assert other.score == scale * one.score + shift
    assert other.tau(r) == scale * one.tau(r)
    assert other.radius(scale * 1.5) == one.radius(1.5)


@properties
@given(score_lists, sides, alphas, radii, st.sampled_from([np.exp, np.arctan, np.cbrt, np.floor]))
def test_monotone_maps_commute(scores, side, alpha, r, rise):
    """Calibrating a score is free."""
    one = certificate_of(scores, alpha=alpha, side=side)
    other = certificate_of(rise(np.array(scores)), alpha=alpha, side=side)
    for i in (0, 1):
        end = one.bounds(r)[i]
        assert other.bounds(r)[i] == (rise(np.float64(end)) if math.isfinite(end) else end)


@properties
@given(score_lists, sides, alphas, radii, slacks)
def test_negation_swaps_the_sides(scores, side, alpha, r, slack):
    mirrored = {"both": "both", "upper": "lower", "lower": "upper"}[side]
    one = certificate_of(scores, alpha=alpha, side=side, slack=slack)
    other = certificate_of([-x for x in scores], alpha=alpha, side=mirrored, slack=slack)
    assert tuple(other.bounds(r)) == tuple(-end for end in one.bounds(r))[::-1]
    assert other.tau(r) == one.tau(r)
    assert other.radius(1.0) == one.radius(1.0)


def test_the_curve_is_the_band():
    certificate = certificate_of(noise(200)[0])
    curve = certificate.curve()
    for eps, lower, upper, tau in zip(curve.eps, curve.lower, curve.upper, curve.tau, strict=True):
        assert (lower, upper) == tuple(certificate.bounds(float(eps)))
        assert tau == certificate.tau(float(eps))
    assert all(a <= b for a, b in pairwise(curve.tau))
    assert curve.certified[0]
    assert not curve.certified[-1]
    assert certificate.bounds(certificate.largest_eps()).certified
    assert not certificate.bounds(certificate.largest_eps() * 1.001).certified
