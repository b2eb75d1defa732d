"""Energies: the norms of bands of one orthonormal transform of the picture, a hundred numbers that noise hardly hurts.

Noise on pixels that covers an attack of two grey levels drowns every detail. The l2 norm of a band of K coefficients is
one number: no perturbation d moves it by more than the part of d that lies in the band, while it grows like sqrt(K)
with the picture, and it meets one draw of noise instead of K.

>>> import numpy as np
>>> phi = Energies(rings=6, orientations=1, signed=2)
>>> image = np.random.default_rng(0).random((3, 48, 64))
>>> numbers = phi(image)
>>> numbers.shape == phi.output_shape(48, 64) == (3 * (6 + 4),)
True
>>> bool(np.isclose(np.sum(numbers**2), np.mean(image**2)))
True
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np
import numpy.typing as npt

from certiqa import _checks as check
from certiqa.data.resize import Resize, working_size
from certiqa.errors import InputError
from certiqa.frontends.bands import COLOURS, band_of, dct_error, dct_matrix

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Energies"]

Floats = npt.NDArray[np.float64]

_UNIT = 2.0**-53
_LONGEST = 8  # the longer side is at most so many times ``side``
_VERSION = 1


@final
@dataclass(frozen=True)
class Energies:
    """phi: an image of any size -> m numbers in [-1, 1], in RMS units of intensities in [0, 1].

    The image is reduced to a shorter side of ``side`` pixels if it is larger (antialiased, never enlarged; the longer
    side to at most eight times that), rotated to three orthonormal colours, and transformed by the orthonormal DCT-II
    of the whole picture. Of every colour there remain the ``signed`` x ``signed`` lowest coefficients as they are, and
    the l2 norm of each band (:func:`certiqa.frontends.bands.band_of`) of all the others, divided by
    sqrt(3 height width) of the transformed picture. The squares of the numbers add up to its mean square.

    By the reverse triangle inequality | ||P x|| - ||P(x + d)|| | <= ||P d||; the bands are disjoint sets of
    coefficients of one orthonormal transform, so all numbers together are 1-Lipschitz before the division.

    Args:
        side: the shorter side above which an image is reduced first, in pixels, from 64.
        rings: of radial frequency, from 3.
        orientations: 1, or 2: near an axis of the frequency plane and oblique.
        signed: side of the square of lowest coefficients that keep their signs, from 1 to 16.

    Raises:
        InputError: a parameter breaks its rule.
    """

    name: ClassVar[str] = "energies"
    side: int = 512
    rings: int = 24
    orientations: int = 1
    signed: int = 4

    def __post_init__(self) -> None:
        check.check_count(self.side, "side", 64)
        check.check_count(self.rings, "rings", 3)
        check.check_count(self.signed, "signed")
        if self.signed > 16:
            raise InputError.of("signed", "must be at most 16", self.signed, "Its squares cost noise: try 4.")
        if self.orientations not in (1, 2) or isinstance(self.orientations, bool):
            raise InputError.of("orientations", "must be 1 or 2", self.orientations)

    @property
    def smallest(self) -> int:
        """16 pixels: less has no bands to speak of."""
        return 16

    @property
    def bands(self) -> int:
        """How many bands each colour has."""
        return self.rings * self.orientations

    @property
    def numbers(self) -> int:
        """m."""
        return 3 * (self.bands + self.signed**2)

    @property
    def digest(self) -> str:
        """SHA-256 of its parameters and of the version of its definition."""
        text = json.dumps({**self.to_dict(), "version": _VERSION}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def size(self, height: int, width: int) -> tuple[int, int]:
        """(rows, columns) of the picture that is transformed."""
        if min(height, width) > self.side:
            height, width = working_size(height, width, self.side)
        return min(height, _LONGEST * self.side), min(width, _LONGEST * self.side)

    def output_shape(self, height: int, width: int) -> tuple[int, ...]:
        """(m,), whatever the size.

        Raises:
            InputError: the image is smaller than :attr:`smallest`.
        """
        if min(height, width) < self.smallest:
            rule = f"must be at least {self.smallest} pixels high and wide for the front end 'energies'"
            raise InputError.of("image", rule, (height, width), "Use a larger image.")
        return (self.numbers,)

    def lipschitz(self, height: int, width: int) -> float:
        """||R|| / sqrt(3 rows columns), R the reduction: an upper bound, rounding included."""
        rows, columns = self.size(height, width)
        return self._reduction(height, width).norm / math.sqrt(3 * rows * columns) * (1 + 1e-14)

    def rounding(self, height: int, width: int) -> float:
        """A bound, per number, of what float64 arithmetic in :meth:`__call__` may get wrong, for x in [0, 1].

        Sum of the errors of the stages, in RMS units, for an input of RMS at most 1: the reduction's
        (:attr:`certiqa.data.resize.Resize.rounding`); that of the colours, 3 terms and entries off by 4 u, 13 u in all;
        that of either axis (:func:`certiqa.frontends.bands.dct_error`); a norm is moved by no more than what its
        coefficients are; its own sum of at most rows x columns squares, the root and the division. Twice the total, for
        the terms of second order.
        """
        rows, columns = self.size(height, width)
        own = (13 + rows * columns + 8) * _UNIT
        return 2 * (self._reduction(height, width).rounding + dct_error(rows) + dct_error(columns) + own)

    def __call__(self, values: Floats) -> Floats:
        """phi of one image, (3, H, W) in [0, 1]: the reference, in float64."""
        height, width = values.shape[1:]
        self.output_shape(height, width)
        rows, columns = self.size(height, width)
        picture = values if (rows, columns) == (height, width) else self._reduction(height, width)(values)
        mixed = np.einsum("ck,khw->chw", COLOURS, picture.astype(np.float64))
        coefficients = dct_matrix(rows) @ mixed @ dct_matrix(columns).T
        labels = self._labels(rows, columns).ravel()
        squares = np.square(coefficients).reshape(3, -1)
        sums = np.stack([np.bincount(labels, squares[c], self.bands + 1)[: self.bands] for c in range(3)])
        low = coefficients[:, : self.signed, : self.signed].reshape(3, -1)
        found: Floats = np.concatenate([np.sqrt(sums), low], axis=1).ravel() / math.sqrt(3 * rows * columns)
        return found

    def of_tensor(self, images: Tensor) -> Tensor:
        """phi of (B, 3, H, W): (B, m), differentiable (the gradient of a band's norm at zero is taken as zero)."""
        import torch

        height, width = int(images.shape[-2]), int(images.shape[-1])
        self.output_shape(height, width)
        rows, columns = self.size(height, width)
        if (rows, columns) != (height, width):
            images = self._reduction(height, width).of_tensor(images)
        colours, vertical, horizontal = (
            torch.tensor(matrix, dtype=images.dtype, device=images.device)
            for matrix in (COLOURS, dct_matrix(rows), dct_matrix(columns))
        )
        scaled = torch.einsum("ck,bkhw->bchw", colours, images) / math.sqrt(3 * rows * columns)
        coefficients = vertical @ scaled @ horizontal.T
        labels = torch.tensor(self._labels(rows, columns), device=images.device).ravel()
        sums = coefficients.new_zeros(len(images), 3, self.bands + 1)
        sums = sums.index_add(2, labels, coefficients.flatten(2).square())[..., : self.bands]
        there = sums > 0
        norms = torch.where(there, torch.where(there, sums, 1).sqrt(), 0)
        low = coefficients[..., : self.signed, : self.signed].flatten(2)
        return torch.cat([norms, low], dim=2).flatten(1)

    def words(self, height: int, width: int) -> str:
        """What it does to an image of that size, in a few words."""
        rows, columns = self.size(height, width)
        reduced = "" if (rows, columns) == (height, width) else f" of the image reduced to {columns}x{rows}"
        return f"{self.numbers} band energies and low frequencies{reduced}"

    def to_dict(self) -> dict[str, Any]:
        """Its name and parameters."""
        own = {"side": self.side, "rings": self.rings, "orientations": self.orientations, "signed": self.signed}
        return {"name": self.name, **own}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Energies:
        """Read what :meth:`to_dict` made.

        Raises:
            InputError: a parameter breaks its rule; KeyError, TypeError: one is missing or unknown.
        """
        return cls(**{name: value for name, value in data.items() if name != "name"})

    def _reduction(self, height: int, width: int) -> Resize:
        return Resize(height, width, *self.size(height, width))

    def _labels(self, rows: int, columns: int) -> npt.NDArray[np.intp]:
        """The band of every coefficient; those that keep their signs in a band too many, which is left out."""
        labels = band_of(rows, columns, self.rings, self.orientations, self.signed)
        return np.where(labels < 0, self.bands, labels)
