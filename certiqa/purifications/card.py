"""What is known of a purification before it is built, as data; and the rules of its options."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any

from certiqa.errors import InputError, UnknownNameError

__all__ = ["Option", "PurificationCard", "choice", "number", "seed", "whole"]


@dataclass(frozen=True)
class Option:
    """One option.

    Attributes:
        default: its value if none is given.
        rule: in words, as it stands in errors.
        read: the value, or None if it breaks the rule; numbers may come as text.
    """

    default: Any
    rule: str
    read: Callable[[object], Any] = field(repr=False)


@dataclass(frozen=True)
class PurificationCard:
    """A purification's facts.

    Attributes:
        name: as :func:`certiqa.purifications.load` knows it.
        summary: one line.
        differentiable: how gradients pass: "exactly", or "by a surrogate" where the operation itself has none.
        random: whether it draws random numbers.
        options: name -> :class:`Option`.
        source: where the field uses it.
    """

    name: str
    summary: str
    differentiable: str
    random: bool
    options: Mapping[str, Option]
    source: str

    def checked(self, given: Mapping[str, object]) -> dict[str, Any]:
        """All options, in the card's order, read and checked.

        Raises:
            UnknownNameError: no such option.
            InputError: one breaks its rule.
        """
        for key in given:
            if key not in self.options:
                raise UnknownNameError.among(f"option of {self.name}", key, self.options)
        found = {}
        for key, option in self.options.items():
            value = option.read(given[key]) if key in given else option.default
            if value is None and given.get(key) is not None:
                raise InputError.of(key, option.rule, given[key], f"Try {self.name}:{key}={option.default}.")
            found[key] = value
        return found


def whole(default: int, least: int, most: int, *, odd: bool = False) -> Option:
    """A whole number within limits."""

    def read(value: object) -> int | None:
        try:
            found = int(value) if isinstance(value, str) else value
        except ValueError:
            return None
        if isinstance(found, bool) or not isinstance(found, Integral):
            return None
        inside = least <= int(found) <= most and (not odd or int(found) % 2 == 1)
        return int(found) if inside else None

    return Option(default, f"must be {'an odd' if odd else 'a whole'} number from {least} to {most}", read)


def number(default: float, low: float, high: float, *, high_included: bool = False) -> Option:
    """A number above ``low`` and below ``high`` (or at most ``high``)."""

    def read(value: object) -> float | None:
        try:
            plain = not isinstance(value, bool) and isinstance(value, str | Real)
            found = float(value) if plain else math.nan  # type: ignore[arg-type]
        except ValueError:
            return None
        return found if low < found < high or (high_included and found == high) else None

    return Option(default, f"must lie in ({low:g}, {high:g}{']' if high_included else ')'}", read)


def choice(default: str, *words: str) -> Option:
    """One of a few words."""
    return Option(
        default, f"must be one of {', '.join(map(repr, words))}", lambda value: value if value in words else None
    )


def seed() -> Option:
    """None for fresh randomness, or a whole number."""

    def read(value: object) -> int | None:
        text = "" if isinstance(value, bool) or not isinstance(value, Integral | str) else str(value)
        return int(text) if text.isdecimal() and int(text) < 2**128 else None

    return Option(None, "must be None (fresh randomness) or a whole number in [0, 2**128)", read)
