"""The last phase of the built-in metric's training, and the training under noise."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
from builtin_training import fit, network, pictures, scales

from certiqa.metrics.builtin import BuiltinMetric, Widths

SMALL = Widths((4, 6), (6, 8), 8, scales=1)
WIDE = replace(SMALL, scales=3)


@pytest.fixture
def parts():
    rng = np.random.default_rng(0)
    made = [rng.integers(0, 256, (40, 48, 3), np.uint8) for _ in range(12)]
    scores = rng.uniform(0, 100, 12)
    names = [f"content {i}" for i in range(12)]
    return [pictures.Rated(made, scores, names, np.full(12, kind)) for kind in (0, network.KINDS - 1)]


@pytest.fixture
def metric():
    torch.manual_seed(0)
    return BuiltinMetric(SMALL).eval()


def test_a_widened_network_scores_as_before(metric, parts):
    net = scales.widened(metric, parts, 32, seed=0, dropout=0.3, widths=WIDE)
    assert net.metric.widths == WIDE
    images = torch.rand(3, 3, 40, 52, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(network.folded(net)(images), metric(images), rtol=1e-4, atol=1e-3)


def test_batchnorm_keeps_its_statistics_while_all_scales_are_trained(metric, parts):
    net = scales.widened(metric, parts, 32, seed=0, dropout=0.3, widths=WIDE)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    phases = (fit.Phase(1.0, 32, (6, 6)),)
    fit.fit(net, parts, [], 3, 0, "cpu", lambda record: None, phases, rate=1e-3)
    after = net.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before if "running" in name)
    assert not torch.equal(before["metric.head.0.weight"], after["metric.head.0.weight"])
    further = after["metric.head.0.weight"][:, SMALL.statistics :].split(SMALL.statistics, 1)
    assert all(bool((one != 0).any()) for one in further), "the head listens to the further scales now"


def test_hidden_units_that_never_speak_go_first(metric, parts):
    with torch.no_grad():
        metric.head[0].bias[[1, 6]] = torch.tensor([-1e3, 1e3])  # never on; always on, and alike for all images
        metric.head[0].weight[6] = 0
    net = scales.widened(metric, parts, 32, seed=0, dropout=0.3, widths=replace(WIDE, hidden=6))
    images = torch.rand(3, 3, 40, 52, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(network.folded(net)(images), metric(images), rtol=1e-4, atol=1e-3)


def test_a_stem_that_is_left_alone(metric, parts):
    net = scales.widened(metric, parts, 32, seed=0, dropout=0.3, widths=WIDE)
    net.metric.stem.requires_grad_(False)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    mean = fit.fit(net, parts, [], 3, 0, "cpu", lambda record: None, (fit.Phase(1.0, 32, (6, 6)),), half=False)
    for after in (net.state_dict(), mean.state_dict()):
        assert all(torch.equal(before[name], after[name]) for name in before if "stem" in name)
        assert not torch.equal(before["metric.stages.0.down.0.weight"], after["metric.stages.0.down.0.weight"])


def test_the_mean_of_networks(metric, parts):
    nets = [scales.widened(metric, parts, 32, seed=0, dropout=0.3, widths=WIDE) for _ in range(2)]
    with torch.no_grad():
        nets[1].metric.head[-1].bias += 2.0
    wanted = nets[0].metric.head[-1].bias.item() + 1.0
    mean = scales.averaged(nets)
    assert mean.metric.head[-1].bias.item() == pytest.approx(wanted)


def test_consistency_punishes_scores_that_follow_the_noise(metric, parts):
    seen = []
    net = scales.widened(metric, parts, 32, seed=0, dropout=0.0, widths=WIDE)
    net.metric.head[-1].weight.data *= 10
    phases = (fit.Phase(1.0, 32, (6, 6)),)
    for sigma in (1e-6, 0.5):
        noise = fit.Noise(sigma, sigma)
        fit.fit(net, parts, [], 1, 0, "cpu", seen.append, phases, noise, rate=0.0, consistency=1.0)
    quiet, loud = (record["consistency_loss"] for record in seen)
    assert quiet < 1e-3 < loud
