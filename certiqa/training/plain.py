"""Settings in frozen dataclasses, as plain data and back."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

from certiqa.errors import InputError, UnknownNameError

__all__ = ["as_mapping", "from_json", "from_mapping", "number", "to_json"]

T = TypeVar("T")


def as_mapping(config: Any) -> dict[str, Any]:
    """The fields of a dataclass as plain data for JSON; tuples become lists."""
    plain = {one.name: getattr(config, one.name) for one in fields(config)}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in plain.items()}


def to_json(plain: Mapping[str, Any]) -> str:
    """One line, keys sorted."""
    return json.dumps(plain, sort_keys=True)


def from_mapping(kind: type[T], given: Mapping[str, Any]) -> T:
    """Read what :func:`as_mapping` made; fields that are not there keep their defaults, lists become tuples.

    Raises:
        UnknownNameError: no such field; InputError: a field breaks its rule.
    """
    known = [one.name for one in fields(kind)]  # type: ignore[arg-type]
    for name in given:
        if name not in known:
            raise UnknownNameError.among("field of the training config", str(name), known)
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    return kind(**values)


def from_json(text: str) -> dict[str, Any]:
    """Read what :func:`to_json` wrote.

    Raises:
        InputError: it is no JSON object.
    """
    try:
        given = json.loads(text)
    except ValueError as error:
        raise InputError.of("config", f"must be JSON ({error})", text) from None
    if not isinstance(given, dict):
        raise InputError.of("config", "must be a JSON object", text)
    return given


def number(name: str, value: object, *, positive: bool) -> float:
    """A setting that is a finite number, at least 0 or above it.

    Raises:
        InputError: it is not.
    """
    good = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not good or float(value) < 0 or (positive and not value):  # type: ignore[arg-type]
        raise InputError.of(name, f"must be a finite number {'>' if positive else '>='} 0", value)
    return float(value)  # type: ignore[arg-type]
