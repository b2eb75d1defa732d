"""Curves: m quadratic splines in float64, piece by piece."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from certiqa.heads.norms import euclidean_norm

__all__ = ["Curves"]

Floats = npt.NDArray[np.float64]

_UNIT = 2.0**-53
_BOX = 2.0


@dataclass(frozen=True, eq=False)
class Curves:
    """f_i on piece j: value + slope (x - base) + bend (x - base)^2 / 2, from ``left`` to ``right``.

    The first and the last piece are straight and have no end. All arrays are (m, pieces).
    """

    left: Floats
    right: Floats
    base: Floats
    value: Floats
    slope: Floats
    bend: Floats

    @classmethod
    def of(cls, knots: Floats, slopes: Floats) -> Curves:
        """From ascending knots (m, k) and the slopes at them (m, k); every f_i is 0 at its first knot.

        >>> curves = Curves.of(np.array([[0.0, 1.0]]), np.array([[0.0, 2.0]]))  # x^2 between 0 and 1, then straight
        >>> [float(curves.at(np.array([x]))[0]) for x in (-1.0, 0.5, 1.0, 2.0)]
        [0.0, 0.25, 1.0, 3.0]
        """
        m = len(knots)
        width = np.diff(knots, axis=1)
        rise = (slopes[:, :-1] + slopes[:, 1:]) / 2 * width
        start, end, none = np.full((m, 1), -np.inf), np.full((m, 1), np.inf), np.zeros((m, 1))
        at_knots = np.concatenate((none, np.cumsum(rise, axis=1)), axis=1)
        return cls(
            left=np.concatenate((start, knots), axis=1),
            right=np.concatenate((knots, end), axis=1),
            base=np.concatenate((knots[:, :1], knots), axis=1),
            value=np.concatenate((none, at_knots), axis=1),
            slope=np.concatenate((slopes[:, :1], slopes), axis=1),
            bend=np.concatenate((none, np.diff(slopes, axis=1) / width, none), axis=1),
        )

    def negative(self) -> Curves:
        """-f_i."""
        return Curves(self.left, self.right, self.base, -self.value, -self.slope, -self.bend)

    def at(self, z: Floats) -> Floats:
        """f_i(z_i), (m,)."""
        piece = (z[:, None] >= self.left[:, 1:]).sum(axis=1)
        row = np.arange(len(z))
        x = z - self.base[row, piece]
        found: Floats = self.value[row, piece] + x * (self.slope[row, piece] + x * self.bend[row, piece] / 2)
        return found

    def steepest(self) -> Floats:
        """max |f_i'|, (m,), exactly: a slope that is linear between knots is largest at one."""
        found: Floats = np.abs(self.slope).max(axis=1)
        return found

    def lipschitz(self) -> float:
        """sup ||(f_1', ..., f_m')||_2, from above; attained, since the curves do not know each other."""
        return euclidean_norm(self.steepest())

    def error(self) -> float:
        """How far float64 may take the sum of f_i(z_i), however it adds, for numbers in [-2, 2].

        Let numbers and knots lie in [-R, R], R >= 2. No quantity in f_i exceeds 2 R max |f_i'|; it is reached in at
        most 8 (pieces + 2) operations, each off by u of such a quantity, and the sum of m of them is off by m u more.
        """
        m, pieces = self.slope.shape
        steps = 8 * (pieces + 2) + m
        reach = max(_BOX, float(np.abs(self.base).max()))
        return float(steps * 2 * _UNIT * 2 * reach * self.steepest().sum())
