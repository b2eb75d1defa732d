"""The Gaussian rounded to integers, as 64-bit thresholds: the law of the noise on the 8-bit grid.

In grey levels the noise is ``z = round(255 sigma g)``, ``g ~ N(0, 1)``, so P[z < j] = Phi((j - 1/2) / (255 sigma)).
With the thresholds ``T_j = round(2**64 * Phi((j - 1/2) / (255 sigma)))``, kept where 0 < T_j < 2**64, a uniform
64-bit u is turned into::

    z = -K + #{ j : T_j <= u }                 j = 1-K .. K, so m = 2K thresholds and -K <= z <= K

**Sixteen bits usually do.** The top 16 bits of u name one of 2**16 cells. A cell with no threshold inside has one
value, read from a table. The others (0.4 % of the draws at sigma = .12, 3 % at 1) are *ambiguous*: only for them are
the low 48 bits fetched and all of u compared with the thresholds. The law of z is exactly that of the 64-bit search.

**How far the law is from the Gaussian** (:func:`tv_slack`). Let e_j = T_j / 2**64 - P[z < j], with T_j = 0 below the
thresholds kept and 2**64 above them. By rounding, |e_j| <= 2**-65 for every integer j. The two laws give value k the
masses P[z < k+1] - P[z < k] and that plus e_{k+1} - e_k. For k = -K..K, which is m + 1 values, the masses differ by at
most 2 * 2**-65 each; below -K and above K our law has no mass, and the Gaussian's is -(e_{-K}) and e_{K+1}, at
most 2**-65 each. Half the sum is the total variation: (1/2) * ((m + 1) * 2 + 2) * 2**-65 = (m + 2) * 2**-65 for one
element, and at most d times that for d independent elements.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from mpmath import MPContext
from numpy.typing import NDArray

__all__ = ["LatticeLaw", "TorchLaw", "lattice_law", "thresholds", "torch_law", "tv_slack"]

_CELLS = 1 << 16
_LOW48 = (1 << 48) - 1
_CODE = -(1 << 15)  # table entries _CODE + i stand for "ambiguous cell number i"; they lie below every value
_FURTHEST = 10  # Phi(-10) = 7.6e-24 < 2**-65: the threshold there, and beyond, rounds to 0


@lru_cache(maxsize=64)
def thresholds(sigma: float) -> tuple[int, ...]:
    """Compute all T_j with 0 < T_j < 2**64, rising, each correctly rounded.

    The lower half is computed with mpmath (its own context, 160 bits, and more should a value ever fall too near a
    half-integer to be rounded safely); the upper half follows from the symmetry T_{1-j} = 2**64 - T_j. So the integers
    are the same on every platform.

    Args:
        sigma: standard deviation, images in [0, 1]; 0 < sigma <= 4.

    >>> [hex(t) for t in thresholds(0.001)]
    ['0x8af9f7e80', '0x66342ad1e390fbd', '0xf99cbd52e1c6f043', '0xfffffff750608180']
    """
    ctx = MPContext()  # not the global one: threads, and the caller's precision
    lower: list[int] = []
    while (0.5 + len(lower)) / (255 * sigma) <= _FURTHEST:
        threshold = _threshold(ctx, sigma, -len(lower))
        if threshold == 0:
            break
        lower.append(threshold)
    return (*reversed(lower), *(2**64 - t for t in lower))


def _threshold(ctx: MPContext, sigma: float, j: int) -> int:
    """Round 2**64 * Phi((j - 1/2) / (255 sigma)) to the nearest integer, for j <= 0."""
    for bits in (160, 320, 640):
        ctx.prec = bits
        value = ctx.ldexp(ctx.erfc((ctx.mpf(1) / 2 - j) / (255 * ctx.mpf(sigma) * ctx.sqrt(2))), 63)
        floor = int(ctx.floor(value))
        beyond_half = value - floor - ctx.mpf(1) / 2
        # value <= 2**63, so its error is of the order 2**(63 - bits), and this leaves a margin of 2**33
        if abs(beyond_half) > ctx.ldexp(1, 96 - bits):
            break
    return floor + (1 if beyond_half > 0 else 0)


def tv_slack(sigma: float, dimension: int) -> float:
    """Bound the total variation between ``dimension`` draws of this law and of the rounded Gaussian.

    The levels of a certificate move by at most this much: for every set A of noisy images the two laws' probabilities
    differ by no more. Derivation in the module's docstring. Rounded up, and at most 1.

    >>> f"{tv_slack(0.12, 512 * 512 * 3):.1e}"
    '1.2e-11'
    """
    numerator = (len(thresholds(sigma)) + 2) * dimension
    slack = math.ldexp(float(numerator), -65)
    return min(1.0, slack if int(float(numerator)) >= numerator else math.nextafter(slack, math.inf))


@dataclass(frozen=True, eq=False, slots=True)
class LatticeLaw:
    """The discretised Gaussian of one sigma, ready to be drawn from.

    Attributes:
        reach: K; values lie in -K..K.
        thresholds: uint64 (2K,), rising.
        table: int16 (65536,): a cell's value, or ``-32768 + i`` for ambiguous cell number i.
        cells: uint64: the ambiguous cells' numbers, shifted up to bits 48..63.
        below: intp: how many thresholds lie below each ambiguous cell.
        several: bool: whether more than one lies in it.
    """

    reach: int
    thresholds: NDArray[np.uint64]
    table: NDArray[np.int16]
    cells: NDArray[np.uint64]
    below: NDArray[np.intp]
    several: NDArray[np.bool_]

    def place(
        self, lanes: NDArray[np.uint16], out: NDArray[np.int16], more: Callable[[int], NDArray[np.uint64]]
    ) -> None:
        """Turn 16-bit draws into values, in place.

        Args:
            lanes: uint16 (n,), uniform.
            out: int16 (n,), filled.
            more: called with the number of ambiguous draws (if any); gives as many uniform 64-bit words, of which the
                i-th refines the i-th ambiguous draw with its low 48 bits.
        """
        self.table.take(lanes, out=out, mode="wrap")  # never wraps: 16 bits, 2**16 entries; the fastest of the modes
        where = np.flatnonzero(out < -self.reach)
        if where.size:
            cell = out.take(where).astype(np.intp) - _CODE
            u = self.cells.take(cell) | (more(where.size) & np.uint64(_LOW48))
            passed = self.below.take(cell)  # thresholds <= u: those below the cell, and perhaps its first
            passed = passed + (u >= self.thresholds.take(passed))
            several = np.flatnonzero(self.several.take(cell))  # cells in the tails, hardly ever drawn
            if several.size:
                passed[several] = np.searchsorted(self.thresholds, u[several], side="right")
            out[where] = passed - self.reach


@lru_cache(maxsize=64)
def lattice_law(sigma: float) -> LatticeLaw:
    """Build the law for one sigma in (0, 4] (cached: about 20 ms at .12, 100 ms at 1, 0.4 s at 4).

    >>> law = lattice_law(0.12)
    >>> law.reach, law.cells.size, int(law.table[32768 + 1000])
    (280, 240, 1)
    """
    exact = thresholds(sigma)
    reach = len(exact) // 2
    rising = np.array(exact, dtype=np.uint64)
    first = np.arange(_CELLS, dtype=np.uint64) << np.uint64(48)
    below = np.searchsorted(rising, first, side="right")
    upto = np.searchsorted(rising, first | np.uint64(_LOW48), side="right")
    table = below - reach
    ambiguous = np.flatnonzero(below != upto)
    table[ambiguous] = _CODE + np.arange(ambiguous.size)
    several = (upto - below)[ambiguous] > 1
    law = LatticeLaw(reach, rising, table.astype(np.int16), first[ambiguous], below[ambiguous], several)
    for array in (law.thresholds, law.table, law.cells, law.below, law.several):
        array.setflags(write=False)
    return law


@dataclass(frozen=True, eq=False, slots=True)
class TorchLaw:
    """The same law on a torch device.

    Attributes:
        reach, table, cells, thresholds: as in :class:`LatticeLaw`; the 64-bit unsigned ones are kept as int64 with
            the top bit flipped, which keeps their order.
    """

    reach: int
    table: torch.Tensor
    cells: torch.Tensor
    thresholds: torch.Tensor

    def ambiguous(self, values: torch.Tensor) -> torch.Tensor:
        """Mark the entries read from the table that are codes of ambiguous cells."""
        return values < -self.reach

    def refine(self, codes: torch.Tensor, more: torch.Tensor) -> torch.Tensor:
        """Resolve ambiguous draws: codes int16 (n,), uniform words int64 (n,) -> values int16 (n,)."""
        u = self.cells[codes.long() - _CODE] | (more & _LOW48)
        return (torch.searchsorted(self.thresholds, u, right=True) - self.reach).to(torch.int16)


@lru_cache(maxsize=16)
def torch_law(sigma: float, device: torch.device) -> TorchLaw:
    """Copy the law of one sigma to a device (cached)."""
    law = lattice_law(sigma)

    def signed(values: NDArray[np.uint64]) -> torch.Tensor:
        return torch.from_numpy((values ^ np.uint64(1 << 63)).view(np.int64)).to(device)

    return TorchLaw(law.reach, torch.from_numpy(law.table.copy()).to(device), signed(law.cells), signed(law.thresholds))
