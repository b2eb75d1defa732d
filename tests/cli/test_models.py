"""certiqa models."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from certiqa.metrics import AnySize, MetricCard, _catalogue, registry

Invoke = Callable[[list[str]], Any]


@pytest.fixture
def cards(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two metrics of one's own, and no optional package."""
    monkeypatch.setattr(_catalogue, "_names_of", lambda prefix: None)
    mine = [
        MetricCard("mine", "one that documents its range", True, (0.0, 5.0), False, AnySize(7), "MIT", "a paper"),
        MetricCard("blank", "one of which nothing is known", None, extra="more", needs_weights=True),
    ]
    for card in mine:
        registry.register(card, lambda device, weights: pytest.fail("nothing is loaded"))
    yield
    for card in mine:
        registry.unregister(card.name)


def test_the_list(invoke: Invoke, cards: None) -> None:
    result = invoke(["models"])
    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert lines[0].split() == ["name", "direction", "range", "input", "licence", "summary"]
    rows = {line.split("  ")[0]: line for line in lines[1:] if line}
    assert "higher is better" in rows["builtin"]
    assert "0 to 100, enforced" in rows["builtin"]
    assert "any size from 32x32" in rows["builtin"]
    assert "Apache-2.0" in rows["builtin"]
    for words in ("lower is better", "0 to 5, documented", "any size from 7x7", "MIT", "one that documents its range"):
        assert words in rows["mine"]
    assert "direction not declared" in rows["blank"]
    assert lines[-1] == "pyiqa:NAME needs an optional package: pip install 'certiqa[pyiqa]'"


def test_the_columns_are_aligned(invoke: Invoke, cards: None) -> None:
    lines = invoke(["models"]).stdout.splitlines()
    start = lines[0].index("direction")
    for line in lines[1:4]:
        assert line[start - 1] == " "
        assert line[start] != " "


def test_one_card_in_full(invoke: Invoke, cards: None) -> None:
    text = invoke(["models", "blank"]).stdout
    facts = dict(re.split("  +", line, maxsplit=1) for line in text.splitlines())
    assert facts == {
        "name": "blank",
        "summary": "one of which nothing is known",
        "direction": "direction not declared",
        "range": "unknown",
        "input": "any size from 1x1",
        "licence": "unknown",
        "paper": "unknown",
        "weights sha256": "not on record",
        "made for": "bare scores",
        "trained on": "not on record",
        "needs": "pip install 'certiqa[more]', "
        "a weight file (--weights PATH of certiqa evaluate and of certiqa train defense)",
    }
    assert registry.card("builtin").weights_sha256 in invoke(["models", "builtin"]).stdout


def test_json(invoke: Invoke, cards: None) -> None:
    every = json.loads(invoke(["models", "--json"]).stdout)
    assert [card["name"] for card in every] == list(registry.names())
    one = json.loads(invoke(["models", "mine", "--json"]).stdout)
    assert one in every
    assert one["output_range"] == [0.0, 5.0]
    assert one["range_enforced"] is False


def test_an_unknown_name(invoke: Invoke) -> None:
    result = invoke(["models", "bultin"])
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Did you mean 'builtin'" in result.errors[0]
