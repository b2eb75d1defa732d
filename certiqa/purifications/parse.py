"""A purification as text: ``jpeg:quality=75,gradient=kornia``."""

from __future__ import annotations

from typing import Any

from certiqa.errors import InputError
from certiqa.purifications.registry import card

__all__ = ["parse"]


def parse(text: str) -> tuple[str, dict[str, Any]]:
    """Name and options, checked, for :func:`~certiqa.purifications.load`.

    Raises:
        UnknownNameError: no such purification or option; near names are suggested.
        InputError: another form, or an option breaks its rule.

    >>> parse("jpeg:quality=50")
    ('jpeg', {'quality': 50})
    """
    name, colon, rest = text.strip().partition(":")
    facts = card(name)
    given: dict[str, object] = {}
    for part in rest.split(",") if colon else ():
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not key or not value or key in given:
            rule = "must have the form NAME or NAME:KEY=VALUE,KEY=VALUE, each key once"
            raise InputError.of("purification", rule, text, "Try jpeg:quality=75.")
        given[key] = value
    checked = facts.checked(given)
    return name, {key: checked[key] for key in given}
