"""The rules for scalar arguments, each written once: the gates call these, the code behind trusts."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import cast

from certiqa.errors import InputError
from certiqa.statistics.statements import SIDES, STATEMENTS, Side, Statement

__all__ = [
    "check_alpha",
    "check_batch_size",
    "check_center",
    "check_choice",
    "check_count",
    "check_eps",
    "check_output_range",
    "check_progress",
    "check_resolution",
    "check_seed",
    "check_side",
    "check_sigma",
    "check_statement",
    "check_tau",
    "real",
]

LARGEST_SIGMA = 4.0
LARGEST_RESOLUTION = 4096
LEAST_ALPHA = 1e-300  # what is left of it after it has been shared out must still be a normal float


def real(value: object) -> float | None:
    """The value as a finite float, or None if it is no real number."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def check_sigma(value: object, name: str = "sigma") -> float:
    """The noise level: finite, > 0, at most 4 (the intensities lie in [0, 1])."""
    sigma = real(value)
    if sigma is None or sigma <= 0:
        rule = "must be a finite number > 0, the noise's standard deviation for intensities in [0, 1]"
        raise InputError.of(name, rule, value, f"Try {name}=0.12.")
    if sigma > LARGEST_SIGMA:
        rule = f"must be at most {LARGEST_SIGMA:g}: it is in units of intensities in [0, 1], not of grey levels"
        raise InputError.of(name, rule, value, f"For grey levels of 255 pass {name}={sigma / 255:.4g}.")
    return sigma


def check_alpha(value: object, name: str = "alpha") -> float:
    """A failure probability, in (0, 1)."""
    alpha = real(value)
    if alpha is None or not LEAST_ALPHA <= alpha < 1:
        rule = "must be a failure probability in (0, 1)" + (" (and >= 1e-300)" if alpha and 0 < alpha < 1 else "")
        raise InputError.of(name, rule, value, f"Try {name}=1e-3 for a confidence of 99.9 %.")
    return alpha


def check_count(value: object, name: str, least: int = 1, remedy: str = "") -> int:
    """A whole number >= ``least``."""
    if isinstance(value, bool) or not isinstance(value, Integral) or int(value) < least:
        raise InputError.of(name, f"must be a whole number >= {least}", value, remedy)
    return int(value)


def check_eps(value: object, name: str = "eps") -> float:
    """An l2 radius: finite, >= 0."""
    eps = real(value)
    if eps is None or eps < 0:
        rule = "must be a finite number >= 0, an l2 distance between images in [0, 1]"
        raise InputError.of(
            name, rule, value, "certiqa.statistics.percentile converts PSNR, l_inf and grey levels to it."
        )
    return eps


def check_tau(value: object) -> float:
    """A change of the score: finite, >= 0."""
    tau = real(value)
    if tau is None or tau < 0:
        raise InputError.of("tau", "must be a finite number >= 0, a change of the score", value)
    return tau


def check_center(value: object) -> float:
    """A score: finite."""
    center = real(value)
    if center is None:
        raise InputError.of("center", "must be a finite number, a score fixed before sampling", value)
    return center


def check_choice(value: object, name: str, allowed: tuple[str, ...]) -> str:
    """One of the allowed words."""
    if not isinstance(value, str) or value not in allowed:
        raise InputError.of(name, f"must be one of {', '.join(map(repr, allowed))}", value)
    return value


def check_side(value: object) -> Side:
    """The side(s) on which the score is bounded."""
    return cast(Side, check_choice(value, "side", SIDES))


def check_statement(value: object) -> Statement:
    """The statement that is asked for."""
    return cast(Statement, check_choice(value, "statement", STATEMENTS))


def check_seed(value: object) -> int | None:
    """None (fresh noise) or a whole number in [0, 2^128)."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, Integral) or not 0 <= int(value) < 2**128:
        raise InputError.of("seed", "must be None (fresh noise) or a whole number in [0, 2**128)", value)
    return int(value)


def check_output_range(
    value: object, name: str = "output_range", remedy: str = "Scores are clamped to it, so that it holds."
) -> tuple[float, float] | None:
    """None, or (lowest, highest) score with lowest < highest, both finite."""
    if value is None:
        return None
    if isinstance(value, tuple | list) and len(value) == 2:
        low, high = real(value[0]), real(value[1])
        if low is not None and high is not None and low < high:
            return low, high
    rule = "must be None or a pair (lowest, highest) of finite scores with lowest < highest"
    raise InputError.of(name, rule, value, remedy)


def check_batch_size(value: object) -> int | str:
    """ "auto", or a whole number >= 1."""
    return value if isinstance(value, str) and value == "auto" else check_count(value, "batch_size", 1, "Or 'auto'.")


def check_resolution(value: object, name: str = "resolution") -> int | tuple[int, int] | None:
    """None (the model's or the image's own), the shorter side, or (height, width); from 2 to 4096 pixels."""
    if value is None or _is_side(value):
        return value if value is None else int(cast(Integral, value))
    if isinstance(value, tuple | list) and len(value) == 2 and _is_side(value[0]) and _is_side(value[1]):
        return int(value[0]), int(value[1])
    rule = (
        f"must be None, 'native', the shorter side, or (height, width), in whole pixels from 2 to {LARGEST_RESOLUTION}"
    )
    raise InputError.of(name, rule, value, f"Try {name}=128.")


def _is_side(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, Integral):
        return False
    return 2 <= int(value) <= LARGEST_RESOLUTION


def check_progress(value: object) -> None:
    """True, False, None, or something to call."""
    if not (value is None or isinstance(value, bool) or callable(value)):
        rule = "must be True, False, or a function that is called with (scores done, n)"
        raise InputError.of("progress", rule, value)
