"""The rules for numbers that attacks and budgets take."""

from __future__ import annotations

import math

from certiqa._checks import real
from certiqa.errors import InputError

__all__ = ["check_between", "check_flag", "check_positive"]


def check_positive(value: object, name: str, most: float = math.inf, remedy: str = "") -> float:
    """A finite number > 0, at most ``most``."""
    number = real(value)
    if number is None or not 0 < number <= most:
        rule = "must be a finite number > 0" if most == math.inf else f"must be a number in (0, {most:g}]"
        raise InputError.of(name, rule, value, remedy)
    return number


def check_between(value: object, name: str, low: float, high: float, remedy: str = "") -> float:
    """A number in [low, high)."""
    number = real(value)
    if number is None or not low <= number < high:
        rule = f"must be a finite number >= {low:g}" if high == math.inf else f"must be a number in [{low:g}, {high:g})"
        raise InputError.of(name, rule, value, remedy)
    return number


def check_flag(value: object, name: str) -> bool:
    """True or False."""
    if not isinstance(value, bool):
        raise InputError.of(name, "must be True or False", value)
    return value
