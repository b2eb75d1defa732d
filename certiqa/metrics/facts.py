"""What a metric says of itself and what its card says: one and the same, or neither is believed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import nn

from certiqa._facts import declared_by, has_own_name
from certiqa.errors import InputError
from certiqa.metrics.card import MetricCard, MetricModule

__all__ = ["bind", "stated"]

_FACTS = (
    "lower_better",
    "output_range",
    "range_enforced",
    "min_size",
    "certified_sigma",
    "certified_resolution",
    "unclipped_noise",
)


def stated(model: object, whose: str) -> dict[str, Any]:
    """Those facts of a card, or of a metric, that are said: not None, not "from one pixel on".

    ``range_enforced`` without an ``output_range`` says nothing.

    Raises:
        InputError: one breaks its rule.
    """
    found = declared_by(model, whose)
    if found.get("output_range") is None:
        found.pop("range_enforced", None)
    if found.get("min_size") == 1:
        del found["min_size"]
    return {fact: value for fact, value in found.items() if fact in _FACTS}


def bind(card: MetricCard, metric: nn.Module) -> nn.Module:
    """The metric, which from here on says what its card says: what it left open is written into it.

    Its name is written only if it has none.

    Raises:
        InputError: the metric says otherwise than its card, or does not let itself be told.
    """
    said = stated(card, "card")
    own = stated(metric, "metric")
    for fact in said.keys() & own.keys():
        if said[fact] != own[fact]:
            rule = f"must be what the metric {card.name!r} says of itself, {own[fact]!r}"
            raise InputError.of(f"card.{fact}", rule, said[fact], "Mend the one that is wrong.")
    missing = {fact: value for fact, value in said.items() if fact not in own}
    if isinstance(metric, MetricModule):
        if missing.pop("min_size", None):
            missing["input"] = card.input
        metric.card = replace(metric.card, **missing)
        return metric
    if not has_own_name(metric):
        missing["name"] = card.name
    for fact, value in missing.items():
        _tell(metric, fact, value, card.name)
    return metric


def _tell(metric: nn.Module, fact: str, value: object, name: str) -> None:
    try:
        setattr(metric, fact, value)
    except AttributeError as error:
        rule = f"must be left out: the metric {name!r} cannot be told, its own {fact} is computed"
        raise InputError.of(f"card.{fact}", rule, value, "Let the metric say it.") from error
