"""How far a sum of curves can rise on an l2 ball: Lagrangian duality, sound for every multiplier.

For v(z) = sum_i f_i(z_i), and every lam >= 0,

    max_{||d||_2 <= r} v(z+d) - v(z)  <=  lam r^2 + sum_i max_{|d_i| <= r} ( f_i(z_i + d_i) - f_i(z_i) - lam d_i^2 ),

because ||d||^2 <= r^2 makes lam (r^2 - ||d||^2) >= 0, and then nothing ties the d_i together. The right side is
convex in lam. Each inner maximum is that of a quadratic spline on an interval: the ends of its pieces, and where its
slope is zero. How well lam is chosen decides how tight the bound is, and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from certiqa.heads.curves import Curves

__all__ = ["largest_rises"]

Floats = npt.NDArray[np.float64]

_UNIT = 2.0**-53


def largest_rises(curves: Curves, z: Floats, radii: Floats) -> Floats:
    """An upper bound of the largest rise on each ball, (k,), rounding included; at least 0.

    Args:
        curves: the f_i.
        z: (m,), the centre of the balls.
        radii: (k,), >= 0.

    It is never above K r, K the curves' Lipschitz constant, nor above the bound of a larger ball of the same call. For
    linear curves it is exact.

    >>> linear = Curves.of(np.array([[0.0, 1.0], [0.0, 1.0]]), np.array([[3.0, 3.0], [4.0, 4.0]]))
    >>> largest_rises(linear, np.zeros(2), np.array([0.0, 0.1])).round(6).tolist()
    [0.0, 0.5]
    """
    constant = curves.lipschitz()
    order = np.argsort(-radii)
    found = np.empty(len(radii))
    least, lam = np.inf, None
    for index in order:  # from the largest ball, whose bound holds for all the others
        radius = float(radii[index])
        if radius > 0:
            bound, lam = _best(curves, z, radius, lam)
            least = min(least, bound)
        found[index] = max(0.0, min(least, constant * radius * (1 + 1e-12)))
    return found


@dataclass(frozen=True, eq=False)
class _Pieces:
    """The pieces of all curves that meet [z_i - r, z_i + r], cut to it: flat arrays, and where each curve begins."""

    first: npt.NDArray[np.intp]
    centre: Floats
    left: Floats
    right: Floats
    base: Floats
    value: Floats
    slope: Floats
    bend: Floats

    @classmethod
    def near(cls, curves: Curves, z: Floats, radius: float) -> _Pieces:
        low, high = (z - radius)[:, None], (z + radius)[:, None]
        meets = (curves.left <= high) & (curves.right >= low)
        row = np.nonzero(meets)[0]
        return cls(
            first=np.searchsorted(row, np.arange(len(z))),
            centre=z[row],
            left=np.maximum(curves.left, low)[meets],
            right=np.minimum(curves.right, high)[meets],
            base=curves.base[meets],
            value=curves.value[meets] - curves.at(z)[row],
            slope=curves.slope[meets],
            bend=curves.bend[meets],
        )

    def bound(self, lam: float, radius: float) -> float:
        """The right side of the inequality, without rounding."""
        falling = 2 * lam - self.bend
        concave = falling > 0
        turn = (self.slope - self.bend * self.base + 2 * lam * self.centre) / np.where(concave, falling, 1.0)
        turn = np.clip(np.where(concave, turn, self.left), self.left, self.right)
        inside = (turn > self.left) & (turn < self.right)
        tilt = self.slope + self.bend * (turn - self.base) - 2 * lam * (turn - self.centre)  # 0 but for rounding
        missed = np.where(inside, np.abs(tilt), 0.0) * (self.right - self.left)
        best = np.maximum(self._gain(self.left, lam), self._gain(self.right, lam))
        best = np.maximum(best, self._gain(turn, lam) + missed)
        return lam * radius**2 + float(np.maximum.reduceat(best, self.first).sum())

    def _gain(self, x: Floats, lam: float) -> Floats:
        into, moved = x - self.base, x - self.centre
        found: Floats = self.value + into * (self.slope + into * self.bend / 2) - lam * moved * moved
        return found


def _best(curves: Curves, z: Floats, radius: float, last: float | None) -> tuple[float, float]:
    """The least bound over multipliers near a good one, and lam r of it, which hardly changes with the radius."""
    pieces = _Pieces.near(curves, z, radius)
    tried: dict[float, float] = {}
    middle, steps = (curves.lipschitz() / 8, (64.0, 8.0, 2.0)) if last is None else (last, (1.5, 1.15))
    for step in steps:
        for factor in (1 / step, 1.0, step):
            lam = middle * factor / radius
            if lam not in tried:
                tried[lam] = pieces.bound(lam, radius)
        middle = min(tried, key=tried.__getitem__) * radius
    lam = middle / radius
    return tried[lam] + 8 * curves.error() + 64 * len(z) * _UNIT * (2 * lam * radius**2 + 1e-290), middle
