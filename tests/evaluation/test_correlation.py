"""SROCC, PLCC, KROCC and RMSE against SciPy and against published figures of stored data."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy import stats

from certiqa.errors import InputError
from certiqa.evaluation import agreement, krocc, plcc, plcc_after_logistic, rmse_after_logistic, srocc
from certiqa.metrics.calibration import Logistic

# F. J. Anscombe, "Graphs in statistical analysis", The American Statistician 27 (1973): r = 0.816 in all four.
ANSCOMBE_X = [10, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5]
ANSCOMBE = [
    (ANSCOMBE_X, [8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68]),
    (ANSCOMBE_X, [9.14, 8.14, 8.74, 8.77, 9.26, 8.10, 6.13, 3.10, 9.13, 7.26, 4.74]),
    (ANSCOMBE_X, [7.46, 6.77, 12.74, 7.11, 7.81, 8.84, 6.08, 5.39, 8.15, 6.42, 5.73]),
    ([8] * 7 + [19] + [8] * 3, [6.58, 5.76, 7.71, 8.84, 8.47, 7.04, 5.25, 12.50, 5.56, 7.91, 6.89]),
]

# Hollander and Wolfe (1973), p. 187: canned tuna, lightness against a panel's quality score. R's help page of cor.test:
# tau = 0.4444444, rho = 0.6.
TUNA_X = [44.4, 45.9, 41.9, 53.3, 44.7, 44.1, 50.7, 45.2, 60.1]
TUNA_Y = [2.6, 3.1, 2.5, 5.0, 3.6, 4.0, 5.2, 2.8, 3.8]


@pytest.mark.parametrize(("x", "y"), ANSCOMBE)
def test_anscombes_correlations(x, y):
    assert plcc(x, y) == pytest.approx(0.8165, abs=5e-4)


def test_hollander_and_wolfes_tuna():
    assert krocc(TUNA_X, TUNA_Y) == pytest.approx(0.4444444, abs=5e-8)
    assert srocc(TUNA_X, TUNA_Y) == pytest.approx(0.6, abs=1e-12)


def test_scipys_documented_values():
    assert srocc([1, 2, 3, 4, 5], [5, 6, 7, 8, 7]) == pytest.approx(0.8207826816681233, abs=1e-15)
    assert krocc([12, 2, 1, 12, 2], [1, 4, 7, 1, 0]) == pytest.approx(-0.47140452079103173, abs=1e-15)


def test_nists_certified_r_squared(norris):
    assert plcc(*norris) ** 2 == pytest.approx(0.999993745883712, abs=1e-14)


def test_after_the_logistic():
    random = np.random.default_rng(0)
    x = random.normal(size=200)
    curve = Logistic(10.0, 90.0, 0.2, 0.5)
    y = curve(x) + random.normal(scale=5, size=200)
    mapped = curve(x)
    assert plcc_after_logistic(x, y, curve) == pytest.approx(stats.pearsonr(mapped, y).statistic, abs=1e-14)
    assert rmse_after_logistic(x, y, curve) == pytest.approx(np.sqrt(np.mean((mapped - y) ** 2)), abs=1e-12)
    assert plcc_after_logistic(x, y) >= plcc_after_logistic(x, y, curve) - 1e-3
    assert rmse_after_logistic(x, y) <= rmse_after_logistic(x, y, curve)
    assert rmse_after_logistic(x, y) == pytest.approx(5, abs=1)


def test_a_least_squares_curve_makes_both_figures_one():
    """An identity of least squares with an intercept and a slope: RMSE^2 = var(MOS) (1 - PLCC^2)."""
    random = np.random.default_rng(1)
    x = random.normal(size=300)
    y = np.tanh(x) + random.normal(size=300)
    left = rmse_after_logistic(x, y) ** 2
    assert left == pytest.approx(y.var() * (1 - plcc_after_logistic(x, y) ** 2), rel=1e-9)


def test_all_together():
    random = np.random.default_rng(3)
    y = random.normal(size=120)
    x = y + random.normal(size=120)
    contents = [f"scene {i // 3}" for i in range(120)]
    found = agreement(x, y, contents=contents, lower_better=False, resamples=500)
    assert (found.n, found.contents) == (120, 40)
    singles = {"srocc": srocc, "krocc": krocc, "plcc": plcc, "plcc_logistic": plcc_after_logistic}
    for name, figure in {**singles, "rmse_logistic": rmse_after_logistic}.items():
        estimate = getattr(found, name)
        assert estimate.value == pytest.approx(figure(x, y), abs=1e-12)
        low, high = estimate.interval
        assert low < estimate.value < high
    data = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert data["srocc"]["value"] == found.srocc.value
    assert data["curve"]["kind"] == "logistic"
    assert found == agreement(x, y, contents=contents, lower_better=False, resamples=500), "seeded"


def test_a_narrower_confidence_gives_a_narrower_interval():
    random = np.random.default_rng(3)
    y = random.normal(size=60)
    x = y + random.normal(size=60)
    wide, narrow = (agreement(x, y, resamples=300, confidence=c).srocc.interval for c in (0.99, 0.5))
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


DIRECTIONS = [  # metric, MOS, sign of the correlation, verdict
    (False, False, 1, "as declared"),
    (True, False, -1, "as declared"),
    (False, True, -1, "as declared"),
    (True, True, 1, "as declared"),
    (False, False, -1, "against the declared direction"),
    (True, False, 1, "against the declared direction"),
    (True, True, -1, "against the declared direction"),
    (None, False, -1, "not declared"),
    (None, True, 1, "not declared"),
]


@pytest.mark.parametrize(("lower_better", "mos_lower_better", "sign", "verdict"), DIRECTIONS)
def test_a_wrong_direction_is_visible(lower_better, mos_lower_better, sign, verdict):
    y = np.arange(30.0)
    x = sign * (y + np.sin(7 * y))
    found = agreement(x, y, lower_better=lower_better, mos_lower_better=mos_lower_better, resamples=100)
    assert found.direction == verdict
    for estimate in (found.srocc, found.krocc, found.plcc):
        assert estimate.value * sign > 0.9, "the sign is the numbers' own"
    assert found.plcc_logistic.value > 0.9
    assert found.curve.increasing == (sign > 0)


def test_a_curve_fitted_elsewhere_may_fail_here():
    y = np.arange(30.0)
    curve = Logistic(0.0, 30.0, 15.0, 5.0)
    found = agreement(-y, y, curve=curve, resamples=100)
    assert not found.curve_fitted_here
    assert found.plcc_logistic.value < 0


def test_few_contents_have_figures_but_no_intervals():
    y = np.arange(30.0)
    found = agreement(y**2, y, contents=[i % 9 for i in range(30)], resamples=100)
    assert found.srocc.value == 1.0
    assert found.srocc.interval is None
    assert found.to_dict()["srocc"] == {"value": 1.0, "interval": None}


@pytest.mark.parametrize("figure", [srocc, krocc, plcc])
@pytest.mark.parametrize(
    ("scores", "mos", "message"),
    [
        ([1, 2], [1, 2], "'scores' must hold at least 3"),
        ([1, 2, math.nan], [1, 2, 3], "'scores' must be finite"),
        ([1, 1, 1], [1, 2, 3], "no correlation is defined. Got '3 times 1'"),
        ([1, 2, 3], [5, 5, 5], "'mos' must not all be the same"),
        ([1, 2, 3], [1, 2, 3, 4], "one number for each of the scores"),
        (None, [1, 2, 3], "real numbers"),
    ],
)
def test_bad_input(figure, scores, mos, message):
    with pytest.raises(InputError) as error:
        figure(scores, mos)
    assert message in str(error.value)


def test_bad_confidence():
    for confidence in (0, 1, 95, True, "0.9"):
        with pytest.raises(InputError, match=r"'confidence' must lie in \(0, 1\)"):
            agreement(range(9), range(9), confidence=confidence)


def test_a_curve_that_is_flat_where_the_scores_are():
    with pytest.raises(InputError, match="must not all be the same"):
        plcc_after_logistic([1, 2, 3, 4, 5], [1, 2, 3, 4, 5], Logistic(0.0, 1.0, 1e9, 1.0))
