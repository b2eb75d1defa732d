"""From the value of a head to a score in [0, 100], with everything that float64 may get wrong on the way."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import expit

__all__ = ["score_bounds", "score_of"]

Floats = npt.NDArray[np.float64]

_MARGIN = 1e-10
"""Covers the rounding of a sum of two numbers up to 1e4 (25 u 2e4) and of 100 expit (a few u of 100)."""


def score_of(value: float) -> float:
    """100 times the logistic function of a head's value.

    >>> score_of(0.0)
    50.0
    """
    return 100.0 * float(expit(value))


def score_bounds(value: float, fall: Floats, rise: Floats) -> tuple[Floats, Floats]:
    """(lower, upper) of the score while the value moves down by at most ``fall`` and up by at most ``rise``.

    A monotone map takes bounds to bounds; they are rounded outwards and lie in [0, 100].
    """
    lower = 100.0 * expit(value - fall) - _MARGIN
    upper = 100.0 * expit(value + rise) + _MARGIN
    return np.clip(lower, 0.0, 100.0), np.clip(upper, 0.0, 100.0)
