"""The denoisers that ship: what they are, and that the one trained to rank keeps the order of scores."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats

import certiqa
from certiqa import denoisers, metrics
from certiqa.data import open_dataset
from certiqa.data.images import read_image
from certiqa.denoisers.macs import mac_per_pixel

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


def test_both_of_the_paper_ship():
    assert {"dms", "dms-iqa"} <= set(denoisers.names())
    plain, ranking = denoisers.card("dms"), denoisers.card("dms-iqa")
    assert set(plain.losses) == {"mse"}
    assert {"mse", "target", "ranking"} <= set(ranking.losses)
    assert plain.sigma_range == ranking.sigma_range == (0.05, 0.5)


def test_the_ranking_one_was_trained_through_the_metric_that_ships():
    from certiqa._provenance import model_sha256

    assert denoisers.card("dms-iqa").metric_sha256 == model_sha256(metrics.load("builtin", "cpu"))


def test_it_costs_at_most_twice_the_metric():
    """2 + 1: denoiser and metric together cost at most three of the bare forward."""
    metric_mac = 1.4031e9 / 512**2
    assert mac_per_pixel(denoisers.load("dms-iqa")) < 2 * metric_mac


def test_a_photograph_gets_better():
    image = torch.from_numpy(read_image(certiqa.samples.path("coffee")).as_float())[None, :, :128, :128]
    noisy = image + 0.12 * torch.randn(image.shape, generator=torch.Generator().manual_seed(0))
    errors = {name: (denoisers.load(name)(noisy, 0.12) - image).square().mean().item() for name in ("dms", "dms-iqa")}
    assert errors["dms"] < errors["dms-iqa"] < 0.12**2 / 4


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.exists(), reason="the rated images of ../shared are not here")
def test_the_order_of_scores_behind_each_of_them():
    """One noisy copy of 60 images that took no part in any training, sigma 0.12: DMS-IQA above DMS above nothing."""
    part = open_dataset("agiqa3k", SHARED / "agiqa3k").part("validation")
    records = part.records[:: len(part.records) // 60][:60]
    metric = metrics.load("builtin", "cpu")
    kinds = {"none": lambda x, sigma: x, "dms": denoisers.load("dms"), "dms-iqa": denoisers.load("dms-iqa")}
    scores = {name: [] for name in kinds}
    with torch.inference_mode():
        for number, record in enumerate(records):
            image = torch.from_numpy(read_image(record.path).as_float())[None]
            noisy = image + 0.12 * torch.randn(image.shape, generator=torch.Generator().manual_seed(number))
            for name, denoiser in kinds.items():
                scores[name].append(metric(denoiser(noisy, 0.12).clamp(0, 1)).item())
    mos = np.array([record.mos for record in records])
    found = {name: stats.spearmanr(values, mos).statistic for name, values in scores.items()}
    assert found["dms-iqa"] > found["dms"] + 0.05
    assert found["dms"] > found["none"] + 0.05
