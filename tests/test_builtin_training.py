"""The last phase of the built-in metric's training, and the training under noise."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
from builtin_training import fit, kinds, network, pictures, scales

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


@pytest.fixture
def sorts():
    """Statistics of eight kinds, two of which look alike, with noise in the rest."""
    rng = np.random.default_rng(0)
    kind = np.tile(np.arange(network.KINDS), 60)
    values = rng.normal(size=(len(kind), SMALL.statistics))
    values[np.arange(len(kind)), np.minimum(kind, 6)] += 6
    mos = 10.0 * kind + 5 + rng.uniform(-1, 1, len(kind))
    contents = np.array([f"content {i // 8}" for i in range(len(kind))])
    return kinds.Statistics(values, 20 + 0.6 * mos, mos, kind, contents, np.full(len(kind), True))


def test_kinds_are_told_apart_where_they_can_be(sorts):
    weights, biases = kinds._fit(sorts, 0.1)
    chances = np.exp(sorts.values @ weights.T + biases)
    chances /= chances.sum(1, keepdims=True)
    guessed = chances.argmax(1)
    clear = sorts.kinds < 6
    assert (guessed[clear] == sorts.kinds[clear]).mean() > 0.97
    alike = chances[~clear][:, 6:]
    assert (alike.sum(1) > 0.9).mean() > 0.95
    assert abs(alike.mean(0)[0] / alike.sum(1).mean() - 0.5) < 0.05, "two that look alike share the chance"


def test_the_shrinkage_is_that_of_the_likeliest_kinds(sorts):
    chosen, likely = kinds.chosen_shrinkage(sorts)
    assert set(likely) == set(kinds.SHRINKAGES)
    assert likely[chosen] == max(likely.values())
    assert -np.log(network.KINDS) < likely[chosen] < 0, "better than a guess, and no content was in its own fit"


def test_the_kinds_of_pictures_raise_and_lower_their_scores(metric, sorts):
    metric.requires_grad_(False)
    more = kinds.with_kinds(metric, sorts, 0.1, 0.5)
    values = torch.from_numpy(sorts.values).float()
    added = (torch.logit(more.score(values) / 100) - torch.logit(metric.score(values) / 100)).numpy()
    by_kind = np.array([added[sorts.kinds == kind].mean() for kind in range(6)])
    made = sorts.kinds < network.KINDS - 1
    slope = np.polyfit(np.log(sorts.scores[made] / (100 - sorts.scores[made])), sorts.mos[made], 1)[0]
    assert np.diff(by_kind) == pytest.approx(np.full(5, 0.5 * 10 / slope), rel=0.15)


def test_statistics_are_of_whole_pictures_and_of_windows(metric, parts, monkeypatch):
    monkeypatch.setattr(kinds, "WINDOW", 32)
    metric.requires_grad_(False)
    found = kinds.statistics_of(metric, parts, 0)
    assert len(found.values) == 24 * (1 + kinds.WINDOWS)
    assert found.whole.sum() == 24
    image = pictures.to_tensor(parts[0].images[3][None])
    assert found.values[3] == pytest.approx(metric.statistics(image)[0].numpy(), rel=1e-4, abs=1e-5)
    assert found.scores[3] == pytest.approx(metric(image).item(), rel=1e-4)
    assert (found.mos[3], found.contents[3]) == (parts[0].scores[3], "content 3")
