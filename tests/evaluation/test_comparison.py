"""Paired comparison: no difference is none, a clear one is found, and false alarms come as seldom as they may."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import stats

from certiqa.errors import InputError
from certiqa.evaluation import compare
from certiqa.evaluation.comparison import STATISTICS


def metrics(n, noises, random, shared=0.5):
    """MOS, and one metric for each noise level; the errors of all of them have a common part."""
    y = random.normal(size=n)
    common = random.normal(size=n)
    return y, {
        name: y + noise * (shared**0.5 * common + (1 - shared) ** 0.5 * random.normal(size=n))
        for name, noise in noises.items()
    }


def williams(r12, r13, r23, n):
    """Williams' test of two correlations that share a variable (Steiger 1980, eq. 7): two-sided p."""
    det = 1 - r12**2 - r13**2 - r23**2 + 2 * r12 * r13 * r23
    mean = (r12 + r13) / 2
    bottom = 2 * det * (n - 1) / (n - 3) + mean**2 * (1 - r23) ** 3
    return 2 * stats.t.sf(abs((r12 - r13) * np.sqrt((n - 1) * (1 + r23) / bottom)), n - 3)


@pytest.mark.parametrize("statistic", STATISTICS)
def test_a_metric_against_itself(statistic):
    y, found = metrics(60, {"a": 1.0}, np.random.default_rng(0))
    one = compare({"a": found["a"], "b": found["a"].copy()}, y, statistics=[statistic], resamples=200)[0]
    assert (one.difference, one.p, one.p_holm) == (0.0, 1.0, 1.0)


@pytest.mark.parametrize("statistic", STATISTICS)
def test_a_clearly_better_metric(statistic):
    y, found = metrics(200, {"good": 0.4, "bad": 2.0}, np.random.default_rng(1))
    one = compare(found, y, statistics=[statistic], resamples=1000)[0]
    assert (one.first, one.second) == ("good", "bad")
    assert one.difference > 0.2
    assert one.interval[0] > 0
    assert one.p < 0.005
    assert one.values[0] - one.values[1] == pytest.approx(one.difference)
    assert "good against bad" in one.words()


def test_against_williams_test():
    """On normal data the p-value of a difference of PLCC lies near that of the analytic test."""
    random = np.random.default_rng(3)
    for noise in (1.0, 1.15, 1.3):
        y, found = metrics(400, {"a": 1.0, "b": noise}, random)
        one = compare(found, y, statistics=["plcc"], resamples=4000)[0]
        r = np.corrcoef([y, found["a"], found["b"]])
        analytic = williams(r[0, 1], r[0, 2], r[1, 2], 400)
        assert abs(stats.norm.isf(one.p / 2) - stats.norm.isf(max(analytic, 5e-4) / 2)) < 0.35


@pytest.mark.parametrize(("statistic", "runs", "most"), [("srocc", 150, 18), ("plcc_logistic", 60, 10)])
def test_false_alarms(statistic, runs, most):
    """Equally good metrics, many times: p < 0.05 should come in one of twenty.

    With a true level of 0.05 each bound is exceeded once in 5000 seeds; with 0.2, in two of three at least.
    """
    random = np.random.default_rng(4)
    alarms = 0
    for seed in range(runs):
        y, found = metrics(80, {"a": 1.0, "b": 1.0}, random)
        alarms += compare(found, y, statistics=[statistic], resamples=400, seed=seed)[0].p < 0.05
    assert alarms <= most


def test_copies_of_contents_are_no_evidence():
    y, found = metrics(40, {"a": 1.0, "b": 1.3}, np.random.default_rng(6))
    once = compare(found, y, statistics=["srocc"], resamples=1000)[0]
    many = {name: np.tile(x, 6) for name, x in found.items()}
    clustered = compare(many, np.tile(y, 6), contents=list(range(40)) * 6, statistics=["srocc"], resamples=1000)[0]
    naive = compare(many, np.tile(y, 6), statistics=["srocc"], resamples=1000)[0]
    assert clustered.p == pytest.approx(once.p, rel=0.1)
    assert naive.p < once.p / 2


def test_directions_are_taken_into_account():
    y, found = metrics(100, {"a": 0.5, "b": 0.5}, np.random.default_rng(7))
    turned = {"a": -found["a"], "b": found["b"]}
    straight = compare(found, y, lower_better={"a": False, "b": False}, resamples=300)
    honest = compare(turned, y, lower_better={"a": True, "b": False}, resamples=300)
    for one, other in zip(straight, honest, strict=True):
        assert other.difference == pytest.approx(one.difference, abs=1e-6)
    for wrong in compare(turned, y, lower_better={"a": False, "b": False}, resamples=300):
        assert wrong.values[0] < -0.7, "a metric against its declared direction does not pass for a good one"
        assert wrong.difference < -1.4
    undeclared = compare(turned, y, resamples=300)[0]
    assert undeclared.difference == pytest.approx(straight[0].difference, abs=1e-12)
    dmos = compare(turned, -y, lower_better={"a": True, "b": False}, mos_lower_better=True, resamples=300)[0]
    assert dmos.difference == pytest.approx(straight[0].difference, abs=1e-12)


def test_holm_for_all_that_is_compared():
    y, found = metrics(80, {"a": 0.8, "b": 1.0, "c": 1.6}, np.random.default_rng(8))
    every = compare(found, y, statistics=["srocc", "krocc"], resamples=500)
    assert [(c.first, c.second, c.statistic) for c in every] == [
        (one, other, name) for name in ("srocc", "krocc") for one, other in (("a", "b"), ("a", "c"), ("b", "c"))
    ]
    p = np.array([c.p for c in every])
    order = np.argsort(p, kind="stable")
    expected = np.empty(6)
    expected[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(6, 0, -1)))  # Holm (1979), by hand
    assert [c.p_holm for c in every] == pytest.approx(expected)
    assert {c.tests for c in every} == {6}
    json.dumps([c.to_dict() for c in every], allow_nan=False)


def test_one_against_the_others():
    y, found = metrics(80, {"a": 0.8, "b": 1.0, "c": 1.6}, np.random.default_rng(8))
    some = compare(found, y, statistics=["srocc"], against="b", resamples=200)
    assert [(c.first, c.second) for c in some] == [("b", "a"), ("b", "c")]


def test_too_few_contents_abstain():
    y, found = metrics(30, {"a": 0.8, "b": 1.0}, np.random.default_rng(8))
    one = compare(found, y, contents=[i % 5 for i in range(30)], statistics=["srocc"], resamples=200)[0]
    assert (one.interval, one.p, one.p_holm) == (None, None, None)
    assert one.words().endswith("too little for an interval")


@pytest.mark.parametrize(
    ("scores", "options", "message"),
    [
        ({"a": range(9)}, {}, "'scores' must hold two metrics at least"),
        ({"a": range(9), "b": range(8)}, {}, "one number for each of the scores"),
        ({"a": range(9), "b": [1] * 9}, {}, "must not all be the same"),
        ({"a": range(9), "b": range(9)}, {"statistics": ["rmse"]}, "'statistics' must be some of srocc"),
        ({"a": range(9), "b": range(9)}, {"statistics": "srocc"}, "'statistics'"),
        ({"a": range(9), "b": range(9)}, {"statistics": []}, "'statistics'"),
        ({"a": range(9), "b": range(9)}, {"against": "c"}, "'against' must be one of a, b"),
        ({"a": range(9), "b": range(9)}, {"confidence": 2}, "'confidence'"),
        ({"a": range(9), "b": range(9)}, {"contents": ["x"]}, "'contents'"),
    ],
)
def test_bad_input(scores, options, message):
    with pytest.raises(InputError) as error:
        compare({name: list(values) for name, values in scores.items()}, list(range(9)), **options)
    assert message in str(error.value)
