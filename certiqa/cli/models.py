"""``certiqa models``."""

from __future__ import annotations

import json as json_
from typing import TYPE_CHECKING, Annotated, Any

import typer

from certiqa.cli._evaluate_text import aligned, direction_words

if TYPE_CHECKING:
    from certiqa.metrics.card import MetricCard

__all__ = ["EPILOG", "models"]

EPILOG = """\b
Examples:
  certiqa models
  certiqa models builtin
  certiqa models --json | jq -r '.[] | select(.range_enforced) | .name'

A range is "enforced" if the metric cannot leave it, whatever the image: then a certificate can use it. A range that is
only "documented" proves nothing; certiqa certify --range clamps scores to it, so that it holds.
"""

_HEADINGS = ("name", "direction", "range", "input", "licence", "summary")


def models(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Show everything about this one.")] = None,
    json: Annotated[bool, typer.Option("--json", help="JSON on stdout.")] = False,
) -> None:
    """List the metrics that can be named, with their direction, range and licence.

    Nothing is loaded or downloaded.
    """
    from certiqa.metrics import registry

    if name is not None:
        card = registry.card(name)
        text = _json(card.to_dict()) if json else "\n".join(_full(card))
    else:
        cards = registry.list_metrics()
        if json:
            text = _json([card.to_dict() for card in cards])
        else:
            missing = [prefix for prefix, there in registry.families().items() if not there]
            more = [f"{prefix}:NAME needs an optional package: pip install 'certiqa[{prefix}]'" for prefix in missing]
            text = "\n".join([*aligned([_HEADINGS, *map(_row, cards)]), *([""] if more else []), *more])
    typer.echo(text)


def _json(data: Any) -> str:
    return json_.dumps(data, indent=1, allow_nan=False)


def _range(card: MetricCard) -> str:
    if card.output_range is None:
        return "unknown"
    low, high = card.output_range
    return f"{low:g} to {high:g}, {'enforced' if card.range_enforced else 'documented'}"


def _row(card: MetricCard) -> tuple[str, ...]:
    return (card.name, direction_words(card.lower_better), _range(card), str(card.input), card.licence, card.summary)


def _made_for(card: MetricCard) -> str:
    if card.certified_sigma is None:
        return "bare scores"
    side = f" at a shorter side of {card.certified_resolution} pixels" if card.certified_resolution else ""
    return f"certify: noise of sigma {card.certified_sigma:g}{side}; bare scores are poorer"


def _full(card: MetricCard) -> list[str]:
    """A card, one fact a line."""
    needs = [f"pip install 'certiqa[{card.extra}]'"] if card.extra else []
    if card.needs_weights:
        needs.append("a weight file (--weights PATH of certiqa evaluate and of certiqa train defense)")
    facts = {
        "name": card.name,
        "summary": card.summary,
        "direction": direction_words(card.lower_better),
        "range": _range(card),
        "input": str(card.input),
        "licence": card.licence,
        "paper": card.paper or "unknown",
        "weights sha256": card.weights_sha256 or "not on record",
        "made for": _made_for(card),
        "trained on": ", ".join(card.trained_on) or "not on record",
        "needs": ", ".join(needs) or "nothing more",
    }
    return aligned(list(facts.items()))
