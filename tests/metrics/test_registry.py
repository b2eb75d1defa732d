"""Metrics by name: cards before loading, loading, one's own metrics, families."""

import dataclasses
import json
import sys
from types import ModuleType

import pytest
import torch
from torch import nn

import certiqa
from certiqa import metrics
from certiqa.errors import ImageError, InputError, MissingExtraError, UnknownNameError
from certiqa.metrics import _catalogue, registry
from certiqa.metrics.card import MetricCard, MetricModule
from certiqa.metrics.policy import AnySize


class Grey(MetricModule):
    def forward(self, images):
        return images.mean((1, 2, 3))


GREY = MetricCard("grey", "mean grey level", None, (0.0, 1.0), True, AnySize(4), "CC0")
BUILTIN = [
    "builtin", "builtin-at", "builtin-energy", "builtin-lipschitz", "builtin-noise", "builtin-noise-192", "builtin-nt",
]  # fmt: skip


@pytest.fixture
def grey():
    registry.register(GREY, lambda device, weights: Grey(GREY).to(device).eval())
    yield "grey"
    registry.unregister("grey")


@pytest.fixture
def family(monkeypatch):
    """A family 'toy' with one metric, and one 'absent' whose package is not installed."""
    toy, absent = ModuleType("toy_family"), ModuleType("absent_family")
    toy.names = lambda: ("grey",)
    toy.card = lambda name: dataclasses.replace(GREY, name=f"toy:{name}")
    toy.load = lambda name, device, weights: Grey(toy.card(name)).eval()

    def missing(*_):
        raise MissingExtraError.of("toys", "toys", "toy metrics")

    absent.names = absent.card = absent.load = missing
    for module in (toy, absent):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(_catalogue, "_FAMILIES", {"toy": "toy_family", "absent": "absent_family"})


def test_the_cards_of_everything_that_can_be_loaded_here(family):
    cards = metrics.list()
    assert [card.name for card in cards] == list(metrics.names()) == [*BUILTIN, "linearityiqa", "toy:grey"]
    assert all(card.summary and card.licence for card in cards)
    assert json.loads(json.dumps([card.to_dict() for card in cards]))[0]["output_range"] == [0.0, 100.0]


def test_a_card_and_its_metric_say_the_same():
    card, metric = metrics.card("builtin"), metrics.load("builtin", "cpu")
    for fact in ("name", "output_range", "range_enforced", "lower_better"):
        assert getattr(metric, fact) == getattr(card, fact)
    assert metric.min_size == card.input.min_size
    assert metric.card == card
    assert not metric.training
    assert not any(parameter.requires_grad for parameter in metric.parameters())


def test_ones_own_metric(grey):
    metric = metrics.load("grey", "cpu")
    assert metric(torch.full((2, 3, 8, 8), 0.5)).tolist() == [0.5, 0.5]
    assert (metric.name, metric.min_size, metric.output_range, metric.lower_better) == ("grey", 4, (0.0, 1.0), None)
    certificate = certiqa.certify("grey", torch.full((3, 8, 8), 0.2), 0.1, n=200, seed=1, device="cpu")
    assert certificate.output_range == (0.0, 1.0)
    assert certificate.range_enforced_by == "model"


def test_an_unregistered_callable_works():
    certificate = certiqa.certify(lambda x: x.mean((1, 2, 3)), torch.full((3, 8, 8), 0.2), 0.1, n=200, seed=1)
    assert certificate.lower_better is None
    assert certificate.output_range is None


class Plain(nn.Module):
    """No metric of certiqa's: what it says of itself are plain attributes."""

    def __init__(self, **facts):
        super().__init__()
        for fact, value in facts.items():
            setattr(self, fact, value)

    def forward(self, images):
        return images.mean((1, 2, 3))


@pytest.fixture
def loaded():
    """loaded(card, metric): the metric out of the registry."""
    known = []

    def load(card, metric):
        registry.register(card, lambda device, weights: metric.to(device).eval())
        known.append(card.name)
        return metrics.load(card.name, "cpu")

    yield load
    for name in known:
        registry.unregister(name)


FACTS = {
    "lower_better": True,
    "output_range": (0.0, 1.0),
    "range_enforced": True,
    "certified_sigma": 0.25,
    "certified_resolution": 8,
    "unclipped_noise": True,
}
FULL = MetricCard("full", "a card with every fact", input=AnySize(4), **FACTS)


def test_the_facts_of_the_card_reach_a_plain_module(loaded):
    metric = loaded(FULL, Plain())
    assert {fact: getattr(metric, fact) for fact in FACTS} == FACTS
    assert (metric.name, metric.min_size) == ("full", 4)
    assert metrics.load("full", "cpu") is metric, "a module that was told already is told the same again"


def test_they_reach_certificates_and_scores(loaded, tmp_path):
    card = MetricCard("grey-level", "mean grey level", True, (0.0, 1.0), True)
    loaded(card, Plain())
    certificate = certiqa.certify("grey-level", torch.full((3, 8, 8), 0.2), 0.1, n=200, seed=1, device="cpu")
    assert certificate.lower_better is True
    assert (certificate.output_range, certificate.range_enforced_by) == ((0.0, 1.0), "model")
    assert certificate.provenance.model == "grey-level"
    with pytest.raises(ImageError, match="at least 4 pixels"):
        certiqa.certify(loaded(FULL, Plain()), torch.zeros(3, 3, 9), n=20, resolution="native")


def test_what_a_metric_of_certiqa_leaves_open_is_filled_in(loaded):
    own = MetricCard("full", "its own words", None, certified_sigma=0.25, unclipped_noise=True, weights_sha256="0" * 64)
    metric = loaded(FULL, Grey(own))
    assert {fact: getattr(metric, fact) for fact in FACTS} == FACTS
    assert (metric.min_size, metric.card.input) == (4, AnySize(4))
    assert (metric.card.weights_sha256, metric.card.summary) == ("0" * 64, "its own words")


def test_what_the_card_leaves_open_the_metric_may_say(loaded):
    metric = loaded(MetricCard("terse", "nothing is said", None), Plain(**{**FACTS, "unclipped_noise": False}))
    assert (metric.lower_better, metric.output_range, metric.range_enforced) == (True, (0.0, 1.0), True)
    other = loaded(MetricCard("named", "nothing is said", None), Plain(name="of-its-own"))
    assert other.name == "of-its-own"
    assert not hasattr(other, "lower_better")


@pytest.mark.parametrize(
    ("fact", "value"),
    [
        ("lower_better", False),
        ("output_range", (0.0, 2.0)),
        ("range_enforced", False),
        ("certified_sigma", 0.5),
        ("certified_resolution", 16),
        ("unclipped_noise", False),
        ("min_size", 2),
    ],
)
def test_a_metric_that_contradicts_its_card_is_refused(loaded, fact, value):
    with pytest.raises(InputError, match=rf"card\.{fact}' must be what the metric 'full' says of itself, .*Got"):
        loaded(
            FULL, Plain(output_range=(0.0, 1.0), **{fact: value}) if fact != "output_range" else Plain(**{fact: value})
        )


def test_a_metric_that_cannot_be_told_is_refused(loaded):
    class Computed(Plain):
        lower_better = property(lambda self: None)

    with pytest.raises(InputError, match=r"card\.lower_better' must be left out.*'full'"):
        loaded(FULL, Computed())


@pytest.mark.parametrize("bad", [(5, 1), (1, 1), (0.0, float("inf")), (1,), "0-1"])
def test_a_card_with_a_range_that_is_none_is_not_registered(bad):
    with pytest.raises(InputError, match=r"card\.output_range' must be None or a pair"):
        registry.register(MetricCard("odd", "", None, bad, True), lambda device, weights: Plain())
    assert "odd" not in metrics.names()


def test_a_metric_with_a_range_that_is_none_is_not_loaded(loaded):
    with pytest.raises(InputError, match=r"metric\.output_range' must be None or a pair"):
        loaded(FULL, Plain(output_range=(5, 1)))


@pytest.mark.parametrize("wrong", ["gpu", "cuda:99", "", 1.5])
@pytest.mark.parametrize("name", ["builtin", "grey", "some.safetensors"])
def test_a_device_that_is_not_here(grey, name, wrong):
    with pytest.raises(InputError, match=r"'device' must be a device that is here.*Try device='cpu'"):
        metrics.load(name, wrong)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_here(grey):
    with pytest.raises(InputError, match=r"'device' must be a device that is here.*'cuda'"):
        metrics.load("grey", "cuda")


@pytest.mark.parametrize("name", ["builtin", "", "a:b", "a b", "mine.safetensors"])
def test_names_that_cannot_be_taken(name):
    with pytest.raises(InputError, match=r"card\.name"):
        registry.register(dataclasses.replace(GREY, name=name), lambda device, weights: nn.Identity())


def test_unknown_names():
    with pytest.raises(UnknownNameError, match=r"'bultin'.*Did you mean 'builtin'.*pyiqa:NAME"):
        metrics.load("bultin")
    with pytest.raises(UnknownNameError, match="'nothing:here'"):
        metrics.card("nothing:here")
    with pytest.raises(UnknownNameError, match="'grey'"):
        registry.unregister("grey")


def test_a_name_without_its_prefix_is_told_the_prefix(family):
    with pytest.raises(UnknownNameError, match=r"'grey'.*Did you mean toy:grey\?"):
        metrics.load("grey")


def test_families(family):
    assert registry.families() == {"toy": True, "absent": False}
    assert metrics.load("toy:grey", "cpu").name == "toy:grey"
    assert metrics.card("toy:grey").name == "toy:grey"
    for ask in (metrics.load, metrics.card):
        with pytest.raises(MissingExtraError, match=r"pip install 'certiqa\[toys\]'"):
            ask("absent:grey")
