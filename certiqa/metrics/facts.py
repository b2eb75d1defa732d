"""What a metric says of itself and what its card says: one and the same, or neither is believed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch import nn

from certiqa._checks import check_output_range
from certiqa.errors import InputError
from certiqa.metrics.card import MetricCard, MetricModule

__all__ = ["bind", "stated"]

_FACTS = (
    "lower_better",
    "output_range",
    "range_enforced",
    "certified_sigma",
    "certified_resolution",
    "unclipped_noise",
)


def stated(facts: object, min_size: object, whose: str) -> dict[str, Any]:
    """Those facts of a card, or of a metric, that are said: not None, not "from one pixel on".

    ``range_enforced`` without an ``output_range`` says nothing.

    Raises:
        InputError: the range is none.
    """
    found = {fact: getattr(facts, fact, None) for fact in _FACTS}
    found["output_range"] = check_output_range(found["output_range"], f"{whose}.output_range", "")
    if found["output_range"] is None:
        del found["range_enforced"]
    found["min_size"] = min_size if isinstance(min_size, int) and min_size > 1 else None
    return {fact: value for fact, value in found.items() if value is not None}


def bind(card: MetricCard, metric: nn.Module) -> nn.Module:
    """The metric, which from here on says what its card says: what it left open is written into it.

    Its name is written only if it has none.

    Raises:
        InputError: the metric says otherwise than its card, or does not let itself be told.
    """
    said = stated(card, card.input.min_size, "card")
    own = stated(metric, getattr(metric, "min_size", None), "metric")
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
    if not isinstance(getattr(metric, "name", None), str):
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
