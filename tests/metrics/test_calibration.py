"""Calibration: the fit against published figures and SciPy, monotone curves, and certificates that carry through."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from scipy.optimize import curve_fit

import certiqa
from certiqa._provenance import model_sha256
from certiqa.errors import InputError
from certiqa.metrics.calibrated import calibrated
from certiqa.metrics.calibration import Line, Logistic, calibration_from_dict, carry, fit_linear, fit_logistic

RISING, FALLING = Logistic(10.0, 90.0, 0.4, 0.1), Logistic(90.0, 10.0, 0.4, 0.1)
CURVES = [RISING, FALLING, Line(3.0, 50.0), Line(3.0, -50.0)]

# Weights of chick 1 of R's ChickWeight data (Crowder and Hand 1990). R's help page of SSfpl fits this very curve to it;
# the summary of that fit gives A 27.453, B 348.971, xmid 19.391, scal 6.673.
CHICK_TIME = [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 21]
CHICK_WEIGHT = [42, 51, 59, 64, 76, 93, 106, 125, 149, 171, 199, 205]

# NIST StRD, Rat42 (pasture yield against growing time): a logistic whose left asymptote is 0. Certified: b1
# 7.2462237576E+01, residual sum of squares 8.0565229338E+00. A free left asymptote can only make the sum smaller.
RAT42_Y = [8.93, 10.8, 18.59, 22.33, 39.35, 56.11, 61.73, 64.62, 67.08]
RAT42_X = [9.0, 14.0, 21.0, 28.0, 42.0, 57.0, 63.0, 70.0, 79.0]
RAT42 = Logistic(0.0, 72.462237576, 2.6180768402 / 0.067359200066, 1 / 0.067359200066)


def squares(curve, x, y):
    return float(((curve(np.asarray(x, float)) - np.asarray(y, float)) ** 2).sum())


# -- the fit ----------------------------------------------------------------------------------------------------------


def test_the_published_fit_of_a_four_parameter_logistic():
    curve = fit_logistic(CHICK_TIME, CHICK_WEIGHT)
    assert (curve.left, curve.right, curve.centre, curve.width) == pytest.approx(
        (27.453, 348.971, 19.391, 6.673), abs=6e-4
    )
    assert curve.converged
    assert curve.increasing


def test_not_worse_than_nists_certified_logistic():
    assert squares(RAT42, RAT42_X, RAT42_Y) == pytest.approx(8.0565229338, rel=1e-9), "the data are typed as certified"
    curve = fit_logistic(RAT42_X, RAT42_Y)
    assert curve.converged
    assert squares(curve, RAT42_X, RAT42_Y) <= 8.0565229338


def test_nists_certified_line(norris):
    line = fit_linear(*norris)
    assert line.slope == pytest.approx(1.00211681802045, rel=1e-13)
    assert line.intercept == pytest.approx(-0.262323073774029, rel=1e-11)


@pytest.mark.parametrize("seed", range(12))
def test_not_worse_than_scipys_search_from_the_truth(seed):
    random = np.random.default_rng(seed)
    truth = Logistic(*random.permutation([5.0, 80.0]), random.normal(), 0.2 + random.random())
    x = random.normal(size=150)
    y = truth(x) + random.normal(scale=6, size=150)

    def formula(x, b1, b2, b3, b4):
        return (b1 - b2) / (1 + np.exp(-(x - b3) / np.abs(b4))) + b2

    start = [truth.right, truth.left, truth.centre, truth.width]
    b1, b2, b3, b4 = curve_fit(formula, x, y, start, maxfev=20000)[0]
    oracle = Logistic(b2, b1, b3, abs(b4))
    curve = fit_logistic(x, y)
    assert squares(curve, x, y) <= squares(oracle, x, y) * (1 + 1e-7)
    assert curve.increasing == truth.increasing


def test_scale_and_place_do_not_matter():
    random = np.random.default_rng(5)
    x = random.normal(size=80)
    y = RISING(x / 3) + random.normal(size=80)
    one, other = fit_logistic(x, y), fit_logistic(1e-6 * x + 1e3, 1e5 * y - 7)
    np.testing.assert_allclose(other(1e-6 * x + 1e3), 1e5 * one(x) - 7, rtol=1e-4)


def test_the_same_answer_every_time():
    x = np.random.default_rng(1).normal(size=50)
    assert fit_logistic(x, x**3) == fit_logistic(x.tolist(), torch.from_numpy(x**3))


def test_a_forced_direction():
    x = np.linspace(0, 1, 30)
    y = FALLING(x)
    assert not fit_logistic(x, y).increasing
    assert not fit_logistic(x, y, increasing=False).increasing
    with pytest.raises(InputError, match="do not rise with the scores"):
        fit_logistic(x, -x, increasing=True)


def test_a_step_is_found_and_where_the_data_ask_for_a_line_the_limit_is_said():
    step = fit_logistic([1, 2, 3, 4, 5, 6], [0, 0, 0, 1, 1, 1])
    assert step(np.array([1.0, 6.0])) == pytest.approx([0, 1], abs=1e-6)
    line = fit_logistic(np.arange(20.0), np.arange(20.0))
    assert not line.converged
    assert line(np.arange(20.0)) == pytest.approx(np.arange(20.0), abs=0.01)


def test_an_outlier_among_the_scores_does_not_hide_the_curve():
    x = np.concatenate([np.linspace(0, 1, 200), [1e6]])
    y = np.concatenate([RISING(x[:200]), [90.0]])
    assert squares(fit_logistic(x, y), x, y) < 1e-6 * y.var() * len(y)


PAIRS = [
    ([1, 2, 3, 4], [1, 2, 3, 4], "'scores' must hold at least 5 numbers"),
    ([1, 2, 3, 4, math.nan], range(5), "'scores' must be finite. Got '1 of 5 that are NaN"),
    (range(5), [1, 2, 3, 4, math.inf], "'mos' must be finite"),
    (range(5), range(6), "'mos' must hold one number for each of the scores"),
    ([2] * 5, range(5), "'scores' must not all be the same"),
    (range(5), [2.5] * 5, "'mos' must not all be the same"),
    ([[1, 2, 3, 4, 5]], range(5), "'scores' must be one-dimensional"),
    (["a"] * 5, range(5), "'scores' must hold real numbers"),
    ([True, False] * 3, range(6), "'scores' must hold real numbers"),
    ([[1], [1, 2]], range(5), "'scores' must hold real numbers"),
]


@pytest.mark.parametrize(("scores", "mos", "message"), PAIRS)
def test_bad_pairs_are_refused(scores, mos, message):
    with pytest.raises(InputError) as error:
        fit_logistic(list(scores), list(mos))
    assert message in str(error.value)


# -- the curves -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("curve", CURVES)
def test_monotone_invertible_and_written_down(curve):
    x = np.linspace(-0.5, 1.5, 401)
    y = curve(x)
    steps = np.diff(y)
    assert (steps > 0).all() if curve.increasing else (steps < 0).all()
    assert [curve.inverse(v) for v in y] == pytest.approx(x, abs=1e-6)
    assert calibration_from_dict(json.loads(json.dumps(curve.to_dict()))) == curve


@pytest.mark.parametrize("curve", CURVES)
def test_floats_arrays_and_tensors_agree(curve):
    x = np.linspace(-2, 3, 101)
    tensor = curve(torch.from_numpy(x).float().double())
    assert isinstance(curve(0.25), float)
    assert tensor.dtype == torch.float64
    np.testing.assert_allclose(tensor.numpy(), curve(x.astype(np.float32)), rtol=1e-14)
    assert curve(x)[7] == curve(float(x[7]))


def test_no_score_leaves_the_asymptotes():
    for curve in (RISING, FALLING, Logistic(0.1, 0.3, 0.0, 1e-3)):
        low, high = curve.output_range
        wild = np.array([-math.inf, -1e300, -1.0, 0.0, 1.0, 1e300, math.inf])
        assert curve(wild).min() == low
        assert curve(wild).max() == high
        assert (curve(torch.from_numpy(wild)).min(), curve(torch.from_numpy(wild)).max()) == (low, high)
    assert (RISING.inverse(10.0), RISING.inverse(90.0)) == (-math.inf, math.inf)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Logistic(0.0, 1.0, 0.0, 0.0), "'width' must be > 0"),
        (lambda: Logistic(0.0, 1.0, 0.0, -1.0), "'width' must be > 0"),
        (lambda: Logistic(1.0, 1.0, 0.0, 1.0), "must not be flat"),
        (lambda: Logistic(math.nan, 1.0, 0.0, 1.0), "'left' must be a finite number"),
        (lambda: Line(0.0, 0.0), "must not be flat"),
        (lambda: Line(0.0, math.inf), "'slope' must be a finite number"),
        (lambda: RISING.inverse(91.0), "between the asymptotes"),
        (lambda: carry(RISING, 2.0, 1.0), "'lower' must be a number <= 'upper'"),
        (lambda: carry(RISING, math.nan, 1.0), "'lower'"),
        (lambda: calibration_from_dict({"kind": "cubic"}), "what to_dict() of a calibration wrote"),
        (lambda: calibration_from_dict({"kind": "line", "slope": 1}), "what to_dict()"),
        (lambda: calibrated("builtin", RISING), "'model' must be callable"),
        (lambda: calibrated(abs, abs), "'calibration' must be a Logistic or a Line"),
    ],
)
def test_bad_curves_are_refused(make, message):
    with pytest.raises(InputError) as error:
        make()
    assert message in str(error.value)


# -- the calibrated metric, and certificates --------------------------------------------------------------------------


class Toy(torch.nn.Module):
    """Mean intensity, with a weight, a range and a direction."""

    name, output_range, range_enforced, lower_better, min_size = "toy", (0.0, 1.0), True, True, 4

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(3, 1, 1))

    def forward(self, images):
        return (images * self.weight).mean((1, 2, 3)).clamp(0, 1)


@pytest.fixture
def toy():
    return Toy().eval()


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("n", [401, 400])
def test_the_certificate_of_a_calibrated_metric_is_the_carried_one(toy, picture, curve, n):
    bare = certiqa.certify(toy, picture, 0.2, n=n, seed=7)
    new = certiqa.certify(calibrated(toy, curve), picture, 0.2, n=n, seed=7)
    for eps in (0.0, 0.05, 0.2, 0.4, 5.0):  # at the last one n proves nothing: the ends of the range are carried
        interval = bare.bounds(eps)
        assert tuple(new.bounds(eps)) == pytest.approx(carry(curve, interval.lower, interval.upper), rel=1e-12)
    if n % 2 or curve.increasing:
        assert new.score == pytest.approx(curve(bare.score), rel=1e-12)
    else:
        higher = float(np.sort(bare.scores)[n // 2])
        assert new.score == pytest.approx(curve(higher), rel=1e-12)
        assert new.score != pytest.approx(curve(bare.score), rel=1e-12), "the exception is real"


def test_a_certificate_of_one_side_becomes_one_of_the_other_under_a_falling_curve(toy, picture):
    bare = certiqa.certify(toy, picture, 0.2, n=400, seed=7, side="upper")
    new = certiqa.certify(calibrated(toy, FALLING), picture, 0.2, n=400, seed=7, side="lower")
    assert new.bounds(0.1).lower == pytest.approx(FALLING(bare.bounds(0.1).upper), rel=1e-12)


def test_an_unbounded_metric_gets_the_asymptotes_as_its_range(picture):
    def loud(images):
        return 1000 * images.mean((1, 2, 3)) - 500

    curve = Logistic(0.0, 5.0, 0.0, 30.0)
    metric = calibrated(loud, curve)
    assert (metric.output_range, metric.range_enforced) == ((0.0, 5.0), True)
    far = certiqa.certify(metric, picture, 0.1, n=50, seed=1).bounds(3.0)
    assert tuple(far) == (0.0, 5.0)
    line = calibrated(loud, Line(0.0, 2.0))
    assert (line.output_range, line.range_enforced) == (None, False)


def test_what_a_metric_was_made_for_stays(toy, picture):
    """Its sigma, its resolution, and whether noise is clipped: else the curve would sit on another smoothed score."""
    toy.certified_sigma, toy.certified_resolution, toy.unclipped_noise = 0.7, 8, True
    old = certiqa.certify(toy, picture, n=200, seed=7)
    new = certiqa.certify(calibrated(toy, RISING), picture, n=200, seed=7)
    assert (new.sigma, new.front_end) == (0.7, old.front_end)
    assert new.score == pytest.approx(RISING(old.score))
    toy.unclipped_noise = False
    assert certiqa.certify(toy, picture, n=200, seed=7).score != old.score


def test_what_the_calibrated_metric_says_of_itself(toy):
    up, down = calibrated(toy, RISING), calibrated(toy, FALLING)
    assert (up.lower_better, down.lower_better) == (True, False)
    assert calibrated(torch.mean, RISING).lower_better is None
    assert up.output_range == (RISING(0.0), RISING(1.0))
    assert down.output_range == (FALLING(1.0), FALLING(0.0))
    assert (up.name, up.min_size, up.training) == ("toy+logistic", 4, False)
    assert calibrated(Toy(), RISING).training


def test_the_curve_is_a_part_of_the_hash_and_of_the_state(toy):
    one, same = calibrated(toy, RISING), calibrated(toy, RISING)
    other = calibrated(toy, Logistic(10.0, 90.0, 0.4, np.nextafter(0.1, 1)))
    assert model_sha256(one) == model_sha256(same)
    assert len({model_sha256(one), model_sha256(other), model_sha256(toy)}) == 3
    other.load_state_dict(one.state_dict())
    assert other.calibration == RISING


def test_gradients_pass(toy, picture):
    image = (picture[None].float() / 255).requires_grad_()
    calibrated(toy, RISING)(image).sum().backward()
    assert image.grad.abs().sum() > 0
