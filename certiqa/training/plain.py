"""Settings in frozen dataclasses, as plain data and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

from certiqa.errors import InputError, UnknownNameError

__all__ = ["as_mapping", "from_json", "from_mapping", "to_json"]

T = TypeVar("T")


def as_mapping(config: Any) -> dict[str, Any]:
    """The fields of a dataclass as plain data for JSON; tuples become lists."""
    plain = {one.name: getattr(config, one.name) for one in fields(config)}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in plain.items()}


def to_json(config: Any) -> str:
    """One line, keys sorted."""
    return json.dumps(as_mapping(config), sort_keys=True)


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


def from_json(kind: type[T], text: str) -> T:
    """Read what :func:`to_json` wrote.

    Raises:
        InputError: no such config.
    """
    try:
        given = json.loads(text)
    except ValueError as error:
        raise InputError.of("config", f"must be JSON ({error})", text) from None
    if not isinstance(given, dict):
        raise InputError.of("config", "must be a JSON object", text)
    return from_mapping(kind, given)
