"""BCa intervals: SciPy's where contents are single images, wider where they are not, and they cover."""

from __future__ import annotations

import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from certiqa.errors import InputError
from certiqa.evaluation import bootstrap as module
from certiqa.evaluation.bootstrap import Bootstrap, Resamples, bootstrap_of
from certiqa.evaluation.weighted import kendall, pearson, spearman

ORACLES = {pearson: stats.pearsonr, spearman: stats.spearmanr, kendall: stats.kendalltau}


def normal_pairs(n, rho, random):
    x = random.normal(size=n)
    return x, rho * x + (1 - rho**2) ** 0.5 * random.normal(size=n)


@pytest.mark.parametrize("statistic", ORACLES)
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_the_interval_is_scipys_for_the_same_resamples(statistic, confidence):
    x, y = normal_pairs(30, 0.6, np.random.default_rng(2))
    found = bootstrap_of(statistic(x, y), Resamples.of(30, resamples=500, seed=3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        oracle = stats.bootstrap(
            (x, y),
            lambda x, y: ORACLES[statistic](x, y).statistic,
            n_resamples=0,
            bootstrap_result=SimpleNamespace(bootstrap_distribution=found.replicates),
            paired=True,
            vectorized=False,
            confidence_level=confidence,
            method="BCa",
        ).confidence_interval
    assert found.interval(confidence) == pytest.approx((oracle.low, oracle.high), abs=1e-12)


def test_a_resample_draws_whole_contents():
    contents = ["a", "b", "a", "c", "c", "c"]
    sample = Resamples.of(6, contents, resamples=300, seed=0)
    drawn = sample.drawn
    assert (drawn[:, 0] == drawn[:, 2]).all()
    assert (drawn[:, 3] == drawn[:, 5]).all()
    assert (drawn[:, [0, 1, 3]].sum(1) == 3).all(), "three contents are drawn each time"
    assert sample.contents == 3
    assert sample.left_out.tolist() == [[0, 1, 0, 1, 1, 1], [1, 0, 1, 1, 1, 1], [1, 1, 1, 0, 0, 0]]
    share = drawn[:, 0].mean()
    assert abs(share - 1) < 5 * (2 / 3 / 300) ** 0.5


def test_the_seed_decides():
    one, same, other = (Resamples.of(20, resamples=100, seed=seed).drawn for seed in (1, 1, 2))
    assert (one == same).all()
    assert (one != other).any()


def test_repeating_every_image_does_not_narrow_the_interval_of_contents():
    x, y = normal_pairs(60, 0.5, np.random.default_rng(4))
    once = bootstrap_of(pearson(x, y), Resamples.of(60, resamples=1000, seed=0))
    x4, y4 = np.tile(x, 4), np.tile(y, 4)
    clustered = bootstrap_of(pearson(x4, y4), Resamples.of(240, list(range(60)) * 4, resamples=1000, seed=0))
    naive = bootstrap_of(pearson(x4, y4), Resamples.of(240, resamples=1000, seed=0))
    assert clustered.interval() == pytest.approx(once.interval(), abs=1e-9)
    width, wrong = np.ptp(clustered.interval()), np.ptp(naive.interval())
    assert wrong < 0.65 * width, "taking the copies for independent images would halve it"


def test_many_contents_are_left_out_in_groups(monkeypatch):
    x, y = normal_pairs(400, 0.6, np.random.default_rng(5))
    exact = bootstrap_of(pearson(x, y), Resamples.of(400, resamples=2000, seed=0)).interval()
    monkeypatch.setattr(module, "_MOST_LEFT_OUT", 100)
    sample = Resamples.of(400, resamples=2000, seed=0)
    assert sample.left_out.shape == (100, 400)
    assert (sample.left_out.sum(1) == 396).all()
    assert bootstrap_of(pearson(x, y), sample).interval() == pytest.approx(exact, abs=0.003)


def test_the_interval_of_plcc_covers():
    """200 samples of a bivariate normal law, n = 60: a 95 % interval should miss in about 10 of them.

    At most 25 misses: exceeded once in 100 000 seeds if the interval covers 95 %, once in 5000 if it covers 94 %.
    """
    random = np.random.default_rng(2024)
    missed = 0
    for run in range(200):
        x, y = normal_pairs(60, 0.7, random)
        low, high = bootstrap_of(pearson(x, y), Resamples.of(60, resamples=600, seed=run)).interval()
        missed += not low <= 0.7 <= high
    assert 2 <= missed <= 25


def test_p_value_and_interval_say_the_same():
    random = np.random.default_rng(6)
    for rho in (0.0, 0.2, 0.3, 0.4):
        x, y = normal_pairs(50, rho, random)
        found = bootstrap_of(pearson(x, y), Resamples.of(50, resamples=4000, seed=1))
        p = found.p_value()
        for confidence in (0.5, 0.8, 0.9, 0.95, 0.99):
            if abs(p - (1 - confidence)) < 0.003:
                continue  # the interval interpolates between replicates
            low, high = found.interval(confidence)
            assert (p < 1 - confidence) == (not low <= 0 <= high)


def test_no_p_value_is_below_what_was_looked_at():
    x, y = normal_pairs(100, 0.95, np.random.default_rng(7))
    found = bootstrap_of(pearson(x, y), Resamples.of(100, resamples=200, seed=1))
    assert found.p_value() == pytest.approx(2 / 201)
    assert found.times(-1).p_value() == pytest.approx(2 / 201)


def test_where_it_has_nothing_to_say():
    x, y = normal_pairs(9, 0.5, np.random.default_rng(8))
    few = bootstrap_of(pearson(x, y), Resamples.of(9, resamples=100))
    assert (few.interval(), few.p_value()) == (None, None)
    perfect = bootstrap_of(spearman(np.arange(20.0), np.arange(20.0)), Resamples.of(20, resamples=100))
    assert (perfect.interval(), perfect.p_value()) == (None, None)
    one_sided = Bootstrap(2.0, np.linspace(0, 1, 100), np.linspace(0, 1, 20), 20)
    assert one_sided.interval() is None
    half = Bootstrap(0.5, np.where(np.arange(100) < 2, np.nan, np.linspace(0, 1, 100)), np.linspace(0, 1, 20), 20)
    assert half.interval() is None


def test_no_difference_at_all_is_p_one():
    x, y = normal_pairs(30, 0.5, np.random.default_rng(9))
    found = bootstrap_of(pearson(x, y), Resamples.of(30, resamples=100))
    assert found.minus(found).p_value() == 1.0
    assert found.minus(found).interval() is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"resamples": 99}, "'resamples' must be a whole number >= 100"),
        ({"resamples": 200.5}, "'resamples'"),
        ({"seed": None}, "'seed' must be a whole number"),
        ({"seed": -1}, "'seed'"),
        ({"contents": ["a"] * 4}, "'contents' must name one content for each of the scores"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(InputError) as error:
        Resamples.of(5, **arguments)
    assert message in str(error.value)
