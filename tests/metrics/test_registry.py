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
from certiqa.errors import InputError, MissingExtraError, UnknownNameError
from certiqa.metrics import registry
from certiqa.metrics.card import MetricCard, MetricModule
from certiqa.metrics.policy import AnySize


class Grey(MetricModule):
    def forward(self, images):
        return images.mean((1, 2, 3))


GREY = MetricCard("grey", "mean grey level", None, (0.0, 1.0), True, AnySize(4), "CC0")


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
    monkeypatch.setattr(registry, "_FAMILIES", {"toy": "toy_family", "absent": "absent_family"})


def test_the_cards_of_everything_that_can_be_loaded_here(family):
    cards = metrics.list()
    assert (
        [card.name for card in cards]
        == list(metrics.names())
        == ["builtin", "builtin-at", "builtin-certified", "builtin-noise", "builtin-nt", "linearityiqa", "toy:grey"]
    )
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


@pytest.mark.parametrize("name", ["builtin", "", "a:b", "a b"])
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
