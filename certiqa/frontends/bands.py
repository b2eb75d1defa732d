"""The orthonormal maps behind an energies front end, and which band each coefficient belongs to.

All of it is fixed by the size of the picture alone, and every coefficient belongs to exactly one band.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

__all__ = ["COLOURS", "LOWEST", "band_of", "dct_error", "dct_matrix"]

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.intp]

LOWEST = 1 / 128
"""Upper edge of the first ring, as a share of the Nyquist frequency of an axis; the last ring begins at or below 1."""

_UNIT = 2.0**-53
_AXIS = math.pi / 12  # within 15 degrees of an axis of the frequency plane: horizontal or vertical structure


def _colours() -> Floats:
    rows = np.array([[1.0, 1.0, 1.0], [1.0, 0.0, -1.0], [1.0, -2.0, 1.0]])
    matrix: Floats = rows / np.sqrt(np.square(rows).sum(axis=1, keepdims=True))
    matrix.setflags(write=False)
    return matrix


COLOURS = _colours()
"""RGB to luma, red minus blue, and red and blue minus twice green: an orthonormal rotation, (3, 3)."""


@lru_cache(maxsize=64)
def dct_matrix(length: int) -> Floats:
    """The orthonormal DCT-II of one axis: float64 (length, length), read-only.

    The argument of every cosine is reduced in integers, exactly, before it is rounded.

    >>> bool(np.allclose(dct_matrix(5) @ dct_matrix(5).T, np.eye(5), atol=1e-15))
    True
    """
    turns = np.outer(np.arange(length), 2 * np.arange(length) + 1) % (4 * length)
    matrix: Floats = np.cos(turns * (math.pi / (2 * length))) * math.sqrt(2 / length)
    matrix[0] = 1 / math.sqrt(length)
    matrix.setflags(write=False)
    return matrix


def dct_error(length: int) -> float:
    """How far the product with :func:`dct_matrix` may be from the exact transform, in l2, relative to its input.

    The product sums ``length`` terms in some order: an error of at most length u |D| |y| (1 + tiny) in every
    coefficient, u = 2^-53, and || |D| ||_2 <= sqrt(length). Each entry of D is off by at most 26 u sqrt(2/length): its
    argument, at most 2 pi, by 3 u relative, the cosine by an ulp, the factor by 3 u; all of them together move a vector
    by at most the Frobenius norm, 37 u sqrt(length).
    """
    return (length + 40) * math.sqrt(length) * _UNIT * (1 + 1e-6)


@lru_cache(maxsize=64)
def band_of(height: int, width: int, rings: int, orientations: int, signed: int) -> Labels:
    """The band of every coefficient of a height x width DCT: (height, width), read-only.

    Coefficients whose two indices are both below ``signed`` belong to none of the bands (-1): they are kept as they
    are. The others lie in band ``ring * orientations + orientation``. Rings are shells of radial frequency; their
    edges are geometric from :data:`LOWEST` to 1. The orientation is 0 within 15 degrees of an axis of the frequency
    plane, else 1; with one orientation it is always 0.

    >>> band_of(4, 5, 3, 1, 2).tolist()
    [[-1, -1, 1, 1, 1], [-1, -1, 1, 1, 1], [1, 1, 1, 1, 1], [1, 1, 1, 1, 2]]
    """
    down, across = np.arange(height)[:, None] / height, np.arange(width)[None] / width
    edges = np.geomspace(LOWEST, 1.0, rings - 1)
    ring = np.digitize(np.hypot(down, across), edges)
    angle = np.arctan2(down, across)
    orientation = (np.minimum(angle, math.pi / 2 - angle) > _AXIS).astype(np.intp) if orientations == 2 else 0
    labels: Labels = (ring * orientations + orientation).astype(np.intp)
    labels[:signed, :signed] = -1
    labels.setflags(write=False)
    return labels
