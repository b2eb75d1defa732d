"""Scores and MOS of the same images: the one gate for such pairs."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from certiqa.errors import InputError

__all__ = ["Floats", "check_pairs", "check_values"]

Floats = npt.NDArray[np.float64]


def check_values(values: object, name: str, least: int = 3, *, constant: bool = False) -> Floats:
    """One number per image, as float64 (n,).

    Args:
        values: a sequence, array or tensor of real numbers.
        name: for the message.
        least: how many there must be.
        constant: whether they may all be the same.

    Raises:
        InputError: not one-dimensional, too few, not finite, not numbers, or all the same.

    >>> check_values([1, 2, 4], "scores")
    array([1., 2., 4.])
    """
    array = _array(values, name)
    if array.ndim != 1:
        raise InputError.of(name, "must be one-dimensional, one number per image", f"shape {array.shape}")
    if len(array) < least:
        raise InputError.of(name, f"must hold at least {least} numbers", f"{len(array)} numbers")
    if bad := int(np.count_nonzero(~np.isfinite(array))):
        found = f"{bad} of {len(array)} that are NaN or infinite"
        raise InputError.of(name, "must be finite", found, "Leave those images out, and say so.")
    if not constant and (array == array[0]).all():
        found = f"{len(array)} times {array[0]:g}"
        raise InputError.of(name, "must not all be the same: no correlation is defined", found)
    return array


def check_pairs(scores: object, mos: object, least: int = 3) -> tuple[Floats, Floats]:
    """Scores and MOS, as two float64 arrays of one length.

    Raises:
        InputError: as :func:`check_values`; or their lengths differ.
    """
    first, second = check_values(scores, "scores", least), check_values(mos, "mos", least)
    if len(first) != len(second):
        rule = "must hold one number for each of the scores"
        raise InputError.of("mos", rule, f"{len(second)} for {len(first)} scores")
    return first, second


def _array(values: Any, name: str) -> Floats:
    if hasattr(values, "detach"):
        values = values.detach().cpu()
    try:
        found = np.asarray(values)
        if found.dtype.kind not in "iuf":
            raise TypeError
        return found.astype(np.float64)
    except (TypeError, ValueError):
        raise InputError.of(name, "must hold real numbers, one per image", values) from None
