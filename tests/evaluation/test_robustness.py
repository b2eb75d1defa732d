"""The figures of robustness: by hand, by SciPy, and where they are undefined."""

from __future__ import annotations

import json
import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from scipy import stats

from certiqa.errors import InputError, ModelError, ModelOutputError
from certiqa.evaluation import against_strength, constant_predictor, gradient_l1, robustness_of
from certiqa.evaluation.averages import mean, median, spread, upper_quantile
from certiqa.evaluation.levels import bin_edges
from certiqa.evaluation.r_score import r_per_image

RANDOM = np.random.default_rng(3)
MOS = RANDOM.uniform(0, 100, 60)
BEFORE = MOS + RANDOM.normal(0, 8, 60)
AFTER = BEFORE + RANDOM.normal(10, 6, 60)
SCALE = (0.0, 100.0)


def test_the_figures_are_those_of_their_formulas():
    found = robustness_of(BEFORE, AFTER, MOS, scale=SCALE, lower_better=False)
    gain = AFTER - BEFORE
    assert found.changes.rmse.value == pytest.approx(math.sqrt((gain**2).mean()))
    assert found.changes.mean_gain.value == pytest.approx(gain.mean())
    assert found.changes.median_gain.value == pytest.approx(np.median(gain))
    assert (found.changes.max_gain, found.changes.min_gain) == (gain.max(), gain.min())
    assert found.changes.mean_change.value == pytest.approx(np.abs(gain).mean())
    assert found.changes.max_change == np.abs(gain).max()
    assert found.sd_before == pytest.approx(np.std(BEFORE, ddof=1))
    assert found.rmse_over_sd == pytest.approx(found.changes.rmse.value / np.std(BEFORE, ddof=1))
    for pair, (x, y) in {"kept": (BEFORE, AFTER), "clean": (BEFORE, MOS), "attacked": (AFTER, MOS)}.items():
        correlations = getattr(found, pair)
        assert correlations.srocc.value == pytest.approx(stats.spearmanr(x, y).statistic)
        assert correlations.krocc.value == pytest.approx(stats.kendalltau(x, y).statistic)
        assert correlations.plcc.value == pytest.approx(stats.pearsonr(x, y).statistic)
    assert found.direction == "as declared"


def test_the_rmse_to_the_mos_uses_one_curve_for_both():
    found = robustness_of(BEFORE, BEFORE + 15, MOS)
    assert found.rmse_mos_after.value > found.rmse_mos_before.value + 5, "a shift cannot be calibrated away afterwards"
    assert robustness_of(BEFORE, BEFORE, MOS).rmse_mos_after == found.rmse_mos_before


def test_intervals_are_those_of_scipy_without_contents():
    gain = AFTER - BEFORE
    found = robustness_of(BEFORE, AFTER, resamples=9999).changes.mean_gain.interval
    expected = stats.bootstrap((gain,), np.mean, n_resamples=9999, method="BCa", rng=np.random.default_rng(1))
    spread = np.std(gain, ddof=1) / math.sqrt(len(gain))
    assert found == pytest.approx(tuple(expected.confidence_interval), abs=0.06 * spread)


def test_contents_are_resampled_whole():
    values = np.repeat(RANDOM.normal(0, 5, 20), 3)
    alone = robustness_of(np.zeros(60), values).changes.mean_gain.interval
    together = robustness_of(np.zeros(60), values, contents=np.repeat(np.arange(20), 3).tolist())
    assert together.contents == 20
    low, high = together.changes.mean_gain.interval
    assert high - low > 1.5 * (alone[1] - alone[0])


def test_r_is_the_logarithm_of_the_room_over_the_change():
    np.testing.assert_allclose(r_per_image(np.array([20.0, 90.0]), np.array([28.0, 81.0]), SCALE, 10.0), [1, 1])
    assert r_per_image(np.array([50.0]), np.array([0.0]), SCALE, 10.0) == [0]
    natural = robustness_of(BEFORE, AFTER, scale=SCALE, base=math.e).r
    decimal = robustness_of(BEFORE, AFTER, scale=SCALE).r
    assert natural.mean.value == pytest.approx(decimal.mean.value * math.log(10))
    assert (natural.base, decimal.base, decimal.scale) == (math.e, 10.0, SCALE)
    assert robustness_of(BEFORE, AFTER).r is None, "no scale was given"


def test_a_score_that_did_not_change_is_counted_and_not_smoothed_over():
    found = robustness_of([20, 20, 20], [28, 20, 12], scale=SCALE).r
    assert found.mean.value == pytest.approx(1)
    assert (found.unchanged, found.n, found.literal) == (1, 3, math.inf)
    assert found.median == pytest.approx(1)
    assert "over 2 of 3 images" in found.words()
    none = robustness_of([20, 30], [20, 30], scale=SCALE).r
    assert (none.mean, none.median, none.literal, none.unchanged) == (None, math.inf, math.inf, 2)
    assert none.to_dict()["median"] is None


def test_a_constant_does_not_win():
    row = constant_predictor(MOS, scale=SCALE)
    assert row.changes.rmse.value == 0
    assert row.rmse_mos_before.value == row.rmse_mos_after.value == pytest.approx(np.std(MOS))
    assert row.r.unchanged == 60
    assert math.isinf(row.r.literal)
    for pair in (row.kept, row.clean, row.attacked):
        assert (pair.srocc, pair.krocc, pair.plcc) == (None, None, None)
        assert "is the same for all 60 images" in pair.undefined
    assert row.rmse_over_sd is None
    assert row.direction is None
    metric = robustness_of(BEFORE, AFTER, MOS, scale=SCALE)
    assert metric.rmse_mos_before.value < row.rmse_mos_before.value
    with pytest.raises(InputError, match="'before' must not be given"):
        constant_predictor(MOS, before=MOS)


def test_scores_that_collapse_under_attack_are_told():
    found = robustness_of(BEFORE, np.full(60, 100.0), MOS)
    assert found.clean.srocc is not None
    assert found.attacked.undefined == "after is the same for all 60 images"
    assert found.direction is None


def test_a_metric_that_an_attack_turns_round_is_told():
    assert robustness_of(BEFORE, -BEFORE, MOS, lower_better=False).direction == "against the declared direction"
    assert robustness_of(BEFORE, -BEFORE, MOS, lower_better=True).direction == "as declared"
    assert robustness_of(BEFORE, AFTER, MOS).direction == "not declared"


def test_levels():
    found = robustness_of(BEFORE, AFTER, MOS, scale=SCALE)
    assert [level.n for level in found.levels] == [12] * 5
    assert found.binning == "count"
    first = np.argsort(MOS)[:12]
    assert found.levels[0].changes.mean_gain.value == pytest.approx((AFTER - BEFORE)[first].mean())
    assert found.levels[0].low == MOS.min()
    assert found.levels[-1].high == MOS.max()
    wide = robustness_of(BEFORE, AFTER, MOS, levels=4, binning="width").levels
    assert sum(level.n for level in wide) == 60
    np.testing.assert_allclose(np.diff([level.low for level in wide]), np.ptp(MOS) / 4)
    assert wide[0].r is None


def test_levels_with_ties_and_with_nothing_in_them():
    human = np.array([1.0, 1, 1, 1, 5])
    found = robustness_of(np.arange(5), np.arange(5) + 1, human, levels=4, binning="width").levels
    assert [level.n for level in found] == [4, 0, 0, 1]
    assert found[1].changes is None
    assert sum(level.n for level in robustness_of(np.arange(5), np.arange(5), human).levels) == 5
    assert bin_edges(human, 2, "count").tolist() == [1, 1, 5]


def test_few_images_have_figures_and_no_intervals():
    found = robustness_of([1, 2], [2, 4], [1, 2])
    assert found.kept.undefined == "2 images are fewer than 3"
    assert found.changes.rmse.interval is None
    assert found.rmse_mos_before is None


def test_everything_is_json():
    for row in (robustness_of(BEFORE, AFTER, MOS, scale=SCALE), constant_predictor(MOS), robustness_of([1], [1], [3])):
        data = json.loads(json.dumps(row.to_dict(), allow_nan=False))
        assert {"changes", "kept", "attacked", "levels", "r", "rmse_over_sd", "direction"} <= set(data)


def test_the_same_seed_gives_the_same_intervals():
    assert robustness_of(BEFORE, AFTER, MOS, seed=4) == robustness_of(BEFORE, AFTER, MOS, seed=4)
    assert robustness_of(BEFORE, AFTER, MOS, seed=4) != robustness_of(BEFORE, AFTER, MOS, seed=5)


def test_against_strength():
    curve = against_strength(
        BEFORE, {8 / 255: BEFORE + 8, 2 / 255: BEFORE + 2, 4 / 255: BEFORE}, MOS, scale=SCALE, resamples=100
    )
    assert curve.strengths == (2 / 255, 4 / 255, 8 / 255)
    assert curve.series("mean_gain") == pytest.approx((2, 0, 8))
    assert curve.series("r")[1] is None
    assert curve.series("srocc_kept") == pytest.approx((1, 1, 1))
    assert curve.series("srocc_after")[0] == pytest.approx(stats.spearmanr(BEFORE, MOS).statistic)
    json.dumps(curve.to_dict(), allow_nan=False)
    for broken in ({}, {-1.0: BEFORE}, {math.inf: BEFORE}, {"2": BEFORE}):
        with pytest.raises(InputError, match="'after'"):
            against_strength(BEFORE, broken)
    with pytest.raises(InputError, match="'figure' must be one of"):
        curve.series("psnr")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"after": [1.0]}, "'after' must hold one number for each"),
        ({"after": [1.0, math.nan]}, "'after' must be finite"),
        ({"mos": [1.0]}, "'mos' must hold one number for each"),
        ({"scale": (5, 1)}, "'scale' must be None or a pair"),
        ({"base": 1}, "'base' must be a finite number > 1"),
        ({"binning": "size"}, "'binning' must be one of 'count', 'width'"),
        ({"levels": 0}, "'levels' must be a whole number >= 1"),
        ({"contents": ["a"]}, "'contents' must name one"),
    ],
)
def test_bad_input(options, words):
    with pytest.raises(InputError, match=words):
        robustness_of(**{"before": [1.0, 2.0], "after": [1.0, 2.0], "mos": [1.0, 2.0], **options})


def test_weighted_means_and_medians_are_those_of_the_repeated_sample():
    values = np.array([4.0, -1.0, 7.0, 2.0, 2.0])
    weights = RANDOM.integers(0, 4, (300, 5)).astype(np.uint8)
    weights = weights[weights.sum(1) > 0]
    repeated = [np.repeat(values, row) for row in weights]
    np.testing.assert_allclose(median(values)(weights), [np.median(one) for one in repeated])
    np.testing.assert_allclose(mean(values)(weights), [one.mean() for one in repeated])
    some = values > 0
    kept = [np.repeat(values[some], row[some]) for row in weights]
    expected = [one.mean() if len(one) else np.nan for one in kept]
    np.testing.assert_allclose(mean(values, some)(weights), expected)
    deviations = [one.std(ddof=1) if len(one) > 1 else 0.0 for one in repeated]
    np.testing.assert_allclose(spread(values)(weights), deviations, atol=1e-7)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.7, 0.9, 1.0])
def test_weighted_quantiles_are_those_of_the_repeated_sample(share):
    values = np.concatenate([RANDOM.normal(size=9), [math.inf, math.inf]])
    weights = RANDOM.integers(0, 4, (300, 11)).astype(np.uint8)
    weights[0] = 1  # 0.7 of 10 is above 7 in floating point
    repeated = [np.sort(np.repeat(values, row)) for row in weights]
    exact = [one[math.ceil((len(one) - 1) * Fraction(str(share)))] for one in repeated]
    np.testing.assert_array_equal(upper_quantile(values, share)(weights), exact)


# -- the gradient -----------------------------------------------------------------------------------------------------


def test_the_l1_norm_of_a_linear_metric_is_that_of_its_weights(toys):
    weight = torch.randn(3, 9, 7, generator=torch.Generator().manual_seed(1))
    images = torch.rand(2, 3, 9, 7, generator=torch.Generator().manual_seed(2))
    np.testing.assert_allclose(gradient_l1(toys.Linear(weight).eval(), images), [float(weight.abs().sum())] * 2, 1e-6)


def test_the_first_order_theorem(toys):
    """The largest change within a small l_inf ball is eps times the norm (Liu et al. 2024, theorem 1)."""
    metric = toys.Network().eval().double()
    image = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(2)).double() * 0.8 + 0.1
    norm = gradient_l1(lambda x: metric(x.double()), image)[0]
    image = image.float().double().requires_grad_()
    sign = torch.autograd.grad(metric(image).sum(), image)[0].sign()
    with torch.no_grad():
        ratio = [float(metric(image + eps * sign) - metric(image)) / (eps * norm) for eps in (1e-3, 1e-6)]
    assert ratio[1] == pytest.approx(1, abs=1e-4)


def test_images_are_differentiated_alone():
    def coupled(x):
        return x.mean((1, 2, 3)) * x.mean()

    images = torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    np.testing.assert_allclose(gradient_l1(coupled, images), [gradient_l1(coupled, one)[0] for one in images])


def test_a_metric_without_a_gradient_is_told():
    with pytest.raises(ModelError, match=r"no gradient .* \(black box\)"):
        gradient_l1(lambda x: x.detach().mean((1, 2, 3)), torch.rand(1, 3, 8, 8))
    with pytest.raises(ModelError, match="no gradient"):
        gradient_l1(lambda x: torch.ones(1, requires_grad=True) * 2, torch.rand(1, 3, 8, 8))
    with pytest.raises(ModelOutputError, match="must be finite"):
        gradient_l1(lambda x: (x * 0).sum((1, 2, 3)).sqrt(), torch.rand(1, 3, 8, 8))
    with pytest.raises(ModelError, match="ValueError while"):
        gradient_l1(_raises, torch.rand(1, 3, 8, 8))


def _raises(images):
    raise ValueError("no")
