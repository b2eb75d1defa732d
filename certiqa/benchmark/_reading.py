"""From plain JSON values to the frozen data of a comparison: each field by its declared type, nothing guessed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from certiqa.errors import InputError
from certiqa.evaluation.correlation import Estimate

__all__ = ["comparison_from"]

SCHEMA = 2
T = TypeVar("T")


def comparison_from(kind: type[T], data: object) -> T:
    """A Comparison out of what its to_dict() gave.

    Raises:
        InputError: another schema; a field is missing, unknown, or of another type: its path is named.
    """
    if not isinstance(data, Mapping):
        raise InputError.of("data", "must be what Comparison.to_dict() gives", type(data).__name__)
    if data.get("schema") != SCHEMA:
        rule = f"must be of schema {SCHEMA}"
        raise InputError.of("data", rule, data.get("schema"), "Make it anew with this version of certiqa.")
    return _record(kind, data, "data")


def _record(kind: type[T], data: object, path: str) -> T:
    if not isinstance(data, Mapping):
        raise _wrong(path, f"the fields of {kind.__name__}", data)
    hints = {one.name: get_type_hints(kind)[one.name] for one in fields(kind)}  # type: ignore[arg-type]
    needed = {one.name for one in fields(kind) if one.default is MISSING}  # type: ignore[arg-type]
    missing, unknown = sorted(needed - data.keys()), sorted(map(str, data.keys() - hints.keys()))
    if missing or unknown:
        words = [f"no {', '.join(missing)}"] * bool(missing) + [f"unknown {', '.join(unknown)}"] * bool(unknown)
        raise InputError.of(path, f"must have the fields of {kind.__name__}", "; ".join(words))
    return kind(**{name: _value(hints[name], value, f"{path}.{name}") for name, value in data.items()})


def _value(kind: Any, value: object, path: str) -> Any:
    if isinstance(kind, UnionType):
        options = [one for one in get_args(kind) if one is not NoneType]
        return None if value is None else _value(options[0], value, path)
    if get_origin(kind) is tuple:
        if not isinstance(value, list | tuple):
            raise _wrong(path, "a list", value)
        return tuple(_value(get_args(kind)[0], one, f"{path}[{number}]") for number, one in enumerate(value))
    if get_origin(kind) is dict:
        if not isinstance(value, Mapping):
            raise _wrong(path, "a mapping", value)
        return dict(value)
    if kind is Estimate:
        return _estimate(value, path)
    return _plain(kind, value, path) if kind in _PLAIN else _record(kind, value, path)


def _estimate(value: object, path: str) -> Estimate:
    found = _record(Estimate, value, path)
    if found.interval is not None and len(found.interval) != 2:
        raise _wrong(f"{path}.interval", "two numbers or null", found.interval)
    return found


def _plain(kind: type, value: object, path: str) -> Any:
    check, words = _PLAIN[kind]
    if not check(value):
        raise _wrong(path, words, value)
    return float(value) if kind is float else value  # type: ignore[arg-type]


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


_PLAIN: dict[type, tuple[Callable[[object], bool], str]] = {
    float: (_number, "a finite number"),
    int: (lambda value: isinstance(value, int) and not isinstance(value, bool), "a whole number"),
    bool: (lambda value: isinstance(value, bool), "true or false"),
    str: (lambda value: isinstance(value, str), "a text"),
}


def _wrong(path: str, rule: str, found: object) -> InputError:
    return InputError.of(path, f"must be {rule}", found)
