"""The Gaussian rounded to a fine grid: the law of the noise behind a front end.

As :mod:`certiqa.smoothing.lattice`, with S = 255 k sigma steps in sigma instead of 255 sigma: ``z = round(S g)``,
P[z < j] = Phi((j - 1/2) / S), thresholds ``T_j = round(2**64 Phi((j - 1/2) / S))`` kept where 0 < T_j < 2**64, and a
uniform 64-bit u gives ``z = -K + #{ j : T_j <= u }``. With some 10**5 of them other means are needed, to make the
thresholds and to find the place of u among them.

**Making them** (:func:`fine_thresholds`). In integers of 2**-192, the same on every platform. With h = 1/S,

    P[z = l] = integral of phi over [(l - 1/2) h, (l + 1/2) h] = phi(lh) h (1 + sum_m He_2m(lh) h**2m / (4**m (2m+1)!))

(Taylor around lh; odd terms cancel; 2m = 2..10). For S >= 1024 and |lh| <= 10 the terms left out are below 2**-110 of
the mass. exp(-(lh)**2/2) comes from exp(-h**2/2) by products, whose errors grow as l**2 2**-192 <= 2**-152. From
P[z < 1] = 1/2 + P[z = 0]/2, subtracting mass by mass gives every P[z < j], j <= 0, off by less than 2**-100, so
|T_j/2**64 - P[z < j]| <= 2**-65 (1 + 2**-30); the other half by symmetry. Below S = 1024 mpmath computes each.

**The slack** (:func:`fine_tv_slack`) is derived as there: at most (m + 2) 2**-65 (1 + 2**-30) for one element, m = 2K.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from math import factorial

import numpy as np
import torch
from mpmath import MPContext
from numpy.typing import NDArray

from certiqa.frontends.grid import subdivision

__all__ = ["FineLaw", "TorchFineLaw", "fine_law", "fine_reach", "fine_thresholds", "fine_tv_slack", "torch_fine_law"]

_BITS = 192
_SERIES_FROM = 1024  # steps in sigma
_CELL_BITS = 20
_CELLS = 1 << _CELL_BITS
_SHIFT = np.uint64(64 - _CELL_BITS)
_TERMS = 5
_FURTHEST = 10  # Phi(-10) = 7.6e-24 < 2**-65: the threshold there, and beyond, rounds to 0
# He_2m(x) as the coefficients of x**0, x**2, ..., x**2m
_HERMITE = tuple(
    tuple(
        (-1) ** (m - q) * factorial(2 * m) // (factorial(m - q) * factorial(2 * q) * 2 ** (m - q)) for q in range(m + 1)
    )
    for m in range(_TERMS + 1)
)


def _tail(ctx: MPContext, sigma: float, i: int) -> int:
    """T_{-i} = round(2**64 P[g > (i + 1/2) / S]), by mpmath."""
    ctx.prec = 256
    scale = 255 * subdivision(sigma) * ctx.mpf(sigma)
    if 2 * i + 1 > 2 * _FURTHEST * scale:
        return 0
    return int(ctx.nint(ctx.ldexp(ctx.erfc((2 * i + 1) / (2 * scale * ctx.sqrt(2))), 63)))


@lru_cache(maxsize=64)
def fine_reach(sigma: float) -> int:
    """K: how many of T_0, T_{-1}, ... are not 0; values lie in -K..K.

    >>> fine_reach(0.5)
    298829
    """
    ctx = MPContext()
    low, high = -1, int(_FURTHEST * 255 * subdivision(sigma) * sigma) + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _tail(ctx, sigma, middle) > 0 else (low, middle)
    return high


def fine_tv_slack(sigma: float, dimension: int) -> float:
    """Bound the total variation between ``dimension`` draws of this law and of the rounded Gaussian; at most 1.

    >>> f"{fine_tv_slack(0.5, 64 * 64 * 3):.1e}"
    '2.0e-10'
    """
    return min(1.0, math.ldexp((2 * fine_reach(sigma) + 2) * float(dimension), -65) * (1 + 1e-9))


def _lower_half(sigma: float) -> NDArray[np.uint64]:
    """T_0, T_{-1}, ..., as long as they are not 0."""
    reach, ctx = fine_reach(sigma), MPContext()
    levels = 255 * subdivision(sigma)
    if levels * sigma < _SERIES_FROM:
        return np.array([_tail(ctx, sigma, i) for i in range(reach)], dtype=np.uint64)
    ctx.prec = 2 * _BITS
    h = 1 / (levels * ctx.mpf(sigma))

    def fixed(value: object) -> int:
        return int(ctx.nint(ctx.ldexp(value, _BITS)))

    # 1 + sum_m He_2m(lh) h**2m / (4**m (2m+1)!) as a polynomial in (l h)**2
    series = [
        fixed(sum(_HERMITE[m][q] * h ** (2 * m) / (4**m * factorial(2 * m + 1)) for m in range(q, _TERMS + 1)))
        for q in range(_TERMS + 1)
    ]
    a5, a4, a3, a2, a1, a0 = reversed(series)
    square = fixed(h * h)
    density = fixed(h / ctx.sqrt(2 * ctx.pi))  # h phi(0), times exp(-(lh)**2/2) as l grows
    ratio, step = fixed(ctx.exp(-h * h / 2)), fixed(ctx.exp(-h * h))
    below = (1 << (_BITS - 1)) + (density * a0 >> _BITS + 1)  # P[z < 1]
    shift, half = _BITS - 64, 1 << (_BITS - 65)
    result = np.empty(reach, dtype=np.uint64)
    for i in range(reach):
        y = i * i * square
        mass = ((((a5 * y >> _BITS) + a4) * y >> _BITS) + a3) * y >> _BITS
        mass = (((mass + a2) * y >> _BITS) + a1) * y >> _BITS
        below -= density * (mass + a0) >> _BITS
        result[i] = (below + half) >> shift
        density = density * ratio >> _BITS
        ratio = ratio * step >> _BITS
    return result


@lru_cache(maxsize=4)
def fine_thresholds(sigma: float) -> NDArray[np.uint64]:
    """All T_j with 0 < T_j < 2**64, rising: uint64 (2K,), read-only. About a second for half a million of them."""
    lower = _lower_half(sigma)
    result = np.concatenate([lower[::-1], ~lower + np.uint64(1)])  # T_{1-j} = 2**64 - T_j
    result.setflags(write=False)
    return result


@dataclass(frozen=True, eq=False, slots=True)
class FineLaw:
    """The law of one sigma, ready to be drawn from.

    Attributes:
        reach: K; values lie in -K..K.
        thresholds: uint64 (2K,), rising.
        table: int32 (2**20,): the value of all u with these top bits, or ``code + i`` for ambiguous cell number i.
        code: below every value.
        below: intp: how many thresholds lie at or below the start of each ambiguous cell.
        several: bool: whether more than one lies behind its start.
    """

    reach: int
    thresholds: NDArray[np.uint64]
    table: NDArray[np.int32]
    code: int
    below: NDArray[np.intp]
    several: NDArray[np.bool_]

    def place(self, u: NDArray[np.uint64], out: NDArray[np.int32]) -> None:
        """Turn uniform words into values, uint64 (n,) -> int32 (n,), in place: those that the full search gives."""
        self.table.take((u >> _SHIFT).view(np.int64), out=out, mode="clip")  # never clips: 20 bits, 2**20 entries
        where = np.flatnonzero(out < -self.reach)
        if where.size:
            cell = out.take(where) - self.code
            hard = u.take(where)
            passed = self.below.take(cell)  # thresholds <= u: those before the cell, and perhaps its first
            passed = passed + (hard >= self.thresholds.take(passed))
            several = np.flatnonzero(self.several.take(cell))
            passed[several] = np.searchsorted(self.thresholds, hard[several], side="right")
            out[where] = passed - self.reach


@lru_cache(maxsize=4)
def fine_law(sigma: float) -> FineLaw:
    """Build the law for one sigma in (0, 4] (cached).

    >>> fine_law(0.01).reach == fine_reach(0.01)
    True
    """
    rising = fine_thresholds(sigma)
    reach = rising.size // 2
    first = np.arange(_CELLS, dtype=np.uint64) << _SHIFT
    last = first | np.uint64((1 << (64 - _CELL_BITS)) - 1)
    below = np.searchsorted(rising, first, side="right")
    upto = np.searchsorted(rising, last, side="right")
    ambiguous = np.flatnonzero(below != upto)
    code = -reach - ambiguous.size
    table = (below - reach).astype(np.int32)
    table[ambiguous] = code + np.arange(ambiguous.size, dtype=np.int32)
    law = FineLaw(reach, rising, table, code, below[ambiguous], (upto - below)[ambiguous] > 1)
    for array in (law.table, law.below, law.several):
        array.setflags(write=False)
    return law


@dataclass(frozen=True, eq=False, slots=True)
class TorchFineLaw:
    """The same law on a torch device.

    Attributes:
        reach: K.
        thresholds: int64 (2K,): the unsigned ones with the top bit flipped, which keeps their order.
    """

    reach: int
    thresholds: torch.Tensor

    def place(self, words: torch.Tensor) -> torch.Tensor:
        """Uniform words, int64 as two's-complement bit patterns -> values, int32 of the same shape."""
        passed = torch.searchsorted(self.thresholds, words ^ (-1 << 63), right=True)
        return (passed - self.reach).to(torch.int32)


@lru_cache(maxsize=4)
def torch_fine_law(sigma: float, device: torch.device) -> TorchFineLaw:
    """Copy the law of one sigma to a device (cached)."""
    rising = fine_thresholds(sigma)
    flipped = (rising ^ np.uint64(1 << 63)).view(np.int64)
    return TorchFineLaw(rising.size // 2, torch.from_numpy(flipped).to(device))
