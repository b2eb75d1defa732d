"""The noise: who draws it, from which bits, and what it is assumed to be.

**The streams.** Every bit comes from Philox4x64-10 (:mod:`certiqa.smoothing.philox`) under a 128-bit key. For sample
``n`` the counter of block ``b`` (from 1) is ``(b, n, stream, 0)``. Elements e = 0, 1, ... run through the (3, H, W)
image in C order.

* Stream 0, lattice, coarse: element e owns 16 bits, in block ``e // 16 + 1``, word ``(e % 16) // 4``, bits
  ``16 * (e % 4)`` and up (the words' little-endian uint16 view).
* Stream 1, lattice, refinement: the i-th ambiguous element of the sample (i = 0, 1, ... in the order of e) takes the
  low 48 bits of the stream's i-th word. Its 64-bit draw is ``coarse << 48 | refinement``. Addressing by rank, not by e,
  reads 1 word per ambiguous element instead of 1 block, in one sequential run; rank and words depend on (key, n) alone.
* Stream 2, float: elements 2i and 2i+1 share the stream's i-th word, w: with ``a = (w >> 32 + 1/2) / 2**32`` and
  ``b = (w % 2**32 + 1/2) / 2**32`` they get ``sqrt(-2 ln a) cos(2 pi b)`` and ``sqrt(-2 ln a) sin(2 pi b)``,
  computed in float64, times sigma, rounded to float32 (Box and Muller, 1958).
* Stream 3, fine lattice (pictures behind a resize): element e takes the stream's e-th word, all 64 bits of it.
* Stream 4, vector (numbers of a front end): the counter is ``(b, n // 2**32, 4, 0)``, sample n of m numbers owns the
  blocks from ``(n % 2**32) ceil(m/4) + 1`` on, and element e takes their e-th word: samples lie behind each other.

So sample n is the same whatever the batch size, order, worker, restart or device (on the lattices, bit for bit).
Addressing a draw by its sample index is also what makes samples i.i.d.: an index is never used twice under one key.
"""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

import torch
from numpy.typing import NDArray

from certiqa.smoothing.fine_noise import FineNoise
from certiqa.smoothing.float_noise import FloatNoise
from certiqa.smoothing.lattice_noise import LatticeNoise
from certiqa.smoothing.philox import Key, fresh_seed, noise_key, seed_commitment
from certiqa.smoothing.vector_noise import VectorNoise

__all__ = [
    "FineNoise",
    "FloatNoise",
    "LatticeNoise",
    "Noise",
    "VectorNoise",
    "fresh_seed",
    "noise_key",
    "seed_commitment",
]


class Noise(Protocol):
    """What the sampler asks of a noise."""

    name: ClassVar[str]
    assumption: ClassVar[str]

    @property
    def sigma(self) -> float:
        """Standard deviation, images in [0, 1], or in the units of the front end."""

    @property
    def key(self) -> Key:
        """The generator's key."""

    def noisy(self, pixels: NDArray[Any] | torch.Tensor, start: int, count: int, *, clip: bool) -> torch.Tensor:
        """Draw noisy copies ``start .. start + count - 1`` of an image, or of numbers: float32 (count, *its shape)."""

    def tv_slack(self, dimension: int) -> float:
        """Bound the total variation between this noise and the Gaussian it stands for."""
