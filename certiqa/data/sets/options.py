"""The options of readers: Python values, or the texts of the command line that mean them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeVar

from certiqa.data.sets.problem import Problem
from certiqa.errors import DataError, InputError, MissingExtraError

__all__ = ["flag", "gathered", "scale_ends"]

T = TypeVar("T")


def gathered(faults: list[Problem], step: Callable[[], T]) -> T | None:
    """What the step returns; None if it fails, and why stands among the faults, so that no fault hides another one."""
    try:
        return step()
    except InputError as error:
        faults.append(Problem("option", str(error), fatal=True))
    except DataError as error:
        faults += error.problems
    except MissingExtraError as error:
        if not faults:
            raise
        faults.append(Problem("table", str(error), fatal=True))
    return None


def scale_ends(given: object) -> tuple[float, float]:
    """(lowest, highest) of a scale.

    >>> scale_ends("0,100"), scale_ends((1, 5))
    ((0.0, 100.0), (1.0, 5.0))
    """
    rule = "must be the lowest and the highest number of the scale, which the scores themselves do not show"
    remedy = "Pass mos_range=(0, 100) (--option mos_range=0,100)."
    ends = given.split(",") if isinstance(given, str) else given
    if not isinstance(ends, Sequence) or len(ends) != 2:
        raise InputError.of("mos_range", rule, given, remedy)
    try:
        low, high = (float(end) for end in ends)
    except (TypeError, ValueError):
        raise InputError.of("mos_range", rule, given, remedy) from None
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise InputError.of("mos_range", rule, given, remedy)
    return low, high


def flag(name: str, given: object) -> bool:
    """Yes or no.

    >>> flag("lower_better", "true"), flag("lower_better", False)
    (True, False)
    """
    if isinstance(given, bool):
        return given
    words = {"true": True, "false": False}
    if isinstance(given, str) and given.casefold() in words:
        return words[given.casefold()]
    raise InputError.of(name, "must be true or false", given)
