"""Weighted correlations are those of the sample in which each image stands as often as its weight says."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from certiqa.evaluation import weighted
from certiqa.evaluation.weighted import kendall, pearson, root_mean_square, spearman

ORACLES = {
    pearson: lambda x, y: stats.pearsonr(x, y).statistic,
    spearman: lambda x, y: stats.spearmanr(x, y).statistic,
    kendall: lambda x, y: stats.kendalltau(x, y).statistic,
}


def sample(ties, n=40, seed=0):
    random = np.random.default_rng(seed)
    y = random.normal(size=n)
    x = y + random.normal(size=n)
    return (np.round(x, 0), np.round(y, 0)) if ties else (x, y)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("statistic", ORACLES)
def test_weights_are_repetitions(statistic, ties):
    x, y = sample(ties)
    weights = np.random.default_rng(1).poisson(1.0, (50, 40)).astype(np.uint16)
    found = statistic(x, y)(weights)
    expected = [ORACLES[statistic](np.repeat(x, row), np.repeat(y, row)) for row in weights]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("statistic", ORACLES)
def test_the_cut_into_chunks_changes_nothing(statistic, monkeypatch):
    x, y = sample(True)
    weights = np.random.default_rng(1).poisson(1.0, (50, 40)).astype(np.uint16)
    whole = statistic(x, y)(weights)
    monkeypatch.setattr(weighted, "_CHUNK", 130)
    np.testing.assert_allclose(statistic(x, y)(weights), whole, atol=1e-14)


@pytest.mark.parametrize("statistic", ORACLES)
def test_what_is_not_defined_is_nan(statistic):
    x, y = np.array([1.0, 1.0, 2.0, 1e9]), np.array([1.0, 2.0, 3.0, 4.0])
    weights = np.array([[3, 1, 0, 0], [0, 0, 0, 4], [1, 1, 1, 1]], np.uint16)
    found = statistic(x, y)(weights)
    assert np.isnan(found).tolist() == [True, True, False]


def test_large_offsets_cost_no_precision():
    x, y = sample(False)
    ones = np.ones((1, 40), np.uint8)
    assert pearson(1e6 + x, 1e6 + y)(ones) == pytest.approx(stats.pearsonr(x, y).statistic, abs=1e-9)


def test_root_mean_square():
    errors = np.array([3.0, -4.0, 100.0])
    weights = np.array([[1, 1, 0], [2, 0, 0], [0, 0, 1]], np.uint16)
    np.testing.assert_allclose(root_mean_square(errors)(weights), [12.5**0.5, 3, 100])
