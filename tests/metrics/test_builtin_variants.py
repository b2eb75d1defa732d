"""The built-in network with other weights: what each declares, and that each does what it was trained for."""

import hashlib
import json
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats

import certiqa
from certiqa import metrics, samples
from certiqa.data import open_dataset
from certiqa.data.images import read_image
from certiqa.errors import InputError
from certiqa.evaluation import gradient_l1

RESULT = Path(__file__).resolve().parents[2] / "benchmarks" / "results" / "defended_training.json"
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


@pytest.fixture(scope="module")
def metric():
    return metrics.load("builtin-noise", "cpu")


@pytest.mark.parametrize("name", ["builtin-at", "builtin-noise", "builtin-nt"])
def test_the_packaged_weights_are_those_on_the_card(name):
    metric = metrics.load(name, "cpu")
    file = resources.files("certiqa.metrics").joinpath("weights", f"{name}.safetensors")
    assert hashlib.sha256(file.read_bytes()).hexdigest() == metric.card.weights_sha256
    assert len(file.read_bytes()) < 4_000_000
    assert metric.name == name


@pytest.mark.parametrize("name", ["builtin-at", "builtin-nt"])
def test_a_defended_network_is_flatter_on_photographs(name):
    pictures = [torch.from_numpy(read_image(samples.path(one)).as_float())[None] for one in samples.names()]
    slopes = {}
    for one in ("builtin", name):
        net = metrics.load(one, "cpu")
        slopes[one] = np.mean([float(gradient_l1(net, picture[..., :256, :256])[0]) for picture in pictures])
    assert slopes[name] < 0.5 * slopes["builtin"]


def test_the_trained_weights_are_those_of_the_training_log():
    log = json.loads(RESULT.read_text())
    for name in ("at", "nt"):
        assert log[name]["sha256"] == metrics.card(f"builtin-{name}").weights_sha256


def test_certify_takes_its_sigma_at_the_native_resolution(metric):
    certificate = certiqa.certify(metric, samples.path("rocket"), n=20, seed=0)
    assert certificate.sigma == metric.certified_sigma
    assert certificate.front_end.is_identity


def test_the_name_stands_for_its_weights(tmp_path):
    with pytest.raises(InputError, match="stands for these weights"):
        metrics.load("builtin-noise", "cpu", weights=tmp_path / "own.safetensors")


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.exists(), reason="the rated images of ../shared are not here")
def test_it_follows_human_scores_under_noise_where_the_clean_one_does_not(metric):
    part = open_dataset("agiqa3k", SHARED / "agiqa3k").part("validation")
    records = part.records[:: len(part.records) // 60][:60]
    clean = metrics.load("builtin", "cpu")
    found = {"noise": [], "clean": []}
    for number, record in enumerate(records):
        image = torch.from_numpy(read_image(record.path).as_float())[None]
        drawn = torch.randn(image.shape, generator=torch.Generator().manual_seed(number))
        noisy = (image + 0.25 * drawn).clamp(0, 1)
        found["noise"].append(metric(noisy).item())
        found["clean"].append(clean(noisy).item())
    mos = np.array([record.mos for record in records])
    noise, bare = (stats.spearmanr(found[name], mos).statistic for name in ("noise", "clean"))
    assert noise > 0.35
    assert noise > bare + 0.15
