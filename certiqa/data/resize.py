"""An antialiased bilinear resize as an exactly known linear map, and how far it can stretch a perturbation.

R is separable: a matrix for the rows and one for the columns, in float64, applied as they stand. So the map whose norm
is computed is the map that is applied, whatever torch's own resize may do in its next version.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Resize", "axis_matrix", "spectral_norm", "working_size"]

Floats = npt.NDArray[np.float64]

_UNIT = 2.0**-53  # the unit roundoff of float64
_ABOVE = 1e-10  # how far above the computed eigenvalue the vector of the bound is taken, relative to it


def working_size(height: int, width: int, resolution: int | tuple[int, int] | None) -> tuple[int, int]:
    """(height, width) at which the noise is added to an image of height x width.

    A pair is that size itself. An integer is the shorter side after the resize; the longer one keeps the aspect ratio,
    rounded to the nearest integer (halves up), exactly. None: the image's own size.

    >>> working_size(384, 512, 96), working_size(500, 333, 64), working_size(384, 512, (96, 96))
    ((96, 128), (96, 64), (96, 96))
    """
    if resolution is None:
        return height, width
    if isinstance(resolution, tuple):
        return resolution
    short, long = sorted((height, width))
    longer = (2 * long * resolution + short) // (2 * short)
    return (resolution, longer) if height <= width else (longer, resolution)


@lru_cache(maxsize=4)
def axis_matrix(length: int, target: int) -> Floats:
    """The resize of one axis: float64 (target, length), read-only; no entry is negative, rows sum to 1.

    Row i holds a triangle around (i + 1/2) length/target - 1/2 whose half-width is one target pixel, or one source
    pixel if that is more (so nothing is blurred when the axis grows), cut at the border and then normalised. Up to
    rounding, torch.nn.functional.interpolate(mode="bilinear", antialias=True, align_corners=False).

    >>> axis_matrix(4, 2).round(3).tolist()
    [[0.429, 0.429, 0.143, 0.0], [0.0, 0.143, 0.429, 0.429]]
    """
    scale = length / target
    centre = scale * (np.arange(target, dtype=np.float64) + 0.5)
    distance = np.abs(np.arange(length, dtype=np.float64) + 0.5 - centre[:, None])
    matrix = np.maximum(0.0, 1.0 - distance / max(scale, 1.0))
    matrix /= matrix.sum(axis=1, keepdims=True)
    matrix.setflags(write=False)
    return matrix


def spectral_norm(matrix: Floats) -> float:
    """An upper bound of max ||A d||_2 / ||d||_2, tight to about 1e-10.

    For a matrix A without negative entries it is rigorous, rounding included. B = A A^T has none either, so for EVERY
    positive vector v its largest eigenvalue, ||A||^2, is at most max_i (B v)_i / v_i (Collatz and Wielandt). How v is
    found decides how tight the bound is and nothing else: v = (mu - B)^-1 1, for mu a little above the computed
    eigenvalue, has B v = mu v - 1 < mu v. Every number in the ratio is a sum of non-negative terms, so its relative
    error is at most (m + n + 8) 2^-53 (1 + tiny), in whatever order a library adds; twice that is put on top.

    With negative entries (a bicubic kernel) it is LAPACK's singular value times 1 + 1e-12 (m + n): backward stable, but
    no proof. No certificate rests on that case.

    >>> spectral_norm(np.eye(5)), round(spectral_norm(np.full((1, 4), 0.25)), 9)
    (1.0, 0.5)
    """
    terms = sum(matrix.shape)
    if matrix.min() < 0:
        return float(np.linalg.norm(matrix, ord=2)) * (1 + 1e-12 * terms)
    if matrix.shape[0] == matrix.shape[1] and np.array_equal(matrix, np.eye(len(matrix))):
        return 1.0
    a = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    gram = a @ a.T
    above = float(np.linalg.eigvalsh(gram)[-1]) * (1 + _ABOVE)
    v = np.linalg.solve(above * np.eye(len(gram)) - gram, np.ones(len(gram)))
    v = np.maximum(np.abs(v), np.abs(v).max() * 1e-200)
    ratio = (a @ (a.T @ v)) / v
    return math.sqrt(float(ratio.max())) * (1 + 2 * (terms + 8) * _UNIT)


@lru_cache(maxsize=256)
def _axis_norm(length: int, target: int) -> float:
    return spectral_norm(axis_matrix(length, target))


@dataclass(frozen=True)
class Resize:
    """R: images of height x width -> rows x columns, every channel by itself.

    Attributes:
        height: of the images it takes.
        width: of the images it takes.
        rows: of the images it gives.
        columns: of the images it gives.

    >>> halving = Resize(64, 64, 32, 32)
    >>> round(halving.norm, 3), bool(np.allclose(halving(np.full((3, 64, 64), 0.7)), 0.7, atol=1e-15, rtol=0))
    (0.501, True)
    """

    height: int
    width: int
    rows: int
    columns: int

    @property
    def norm(self) -> float:
        """An upper bound of ||R d||_2 / ||d||_2 over all d: the product of the axes' norms (a Kronecker product)."""
        product = _axis_norm(self.height, self.rows) * _axis_norm(self.width, self.columns)
        exact = self.rows == self.height or self.columns == self.width  # times 1: no rounding
        return product if exact else math.nextafter(product, math.inf)

    def __call__(self, values: npt.NDArray[Any]) -> Floats:
        """(..., height, width) -> float64 (..., rows, columns).

        For values >= 0 every result has a relative error of at most :attr:`rounding`.
        """
        vertical, horizontal = axis_matrix(self.height, self.rows), axis_matrix(self.width, self.columns)
        result: Floats = vertical @ values.astype(np.float64) @ horizontal.T
        return result

    @property
    def rounding(self) -> float:
        """How far a result of :meth:`__call__` may be off, relative to it, for values >= 0.

        Sums of height and of width terms, none negative, in any order: (1 + u)^(height + width) - 1, u = 2^-53.
        """
        return (self.height + self.width + 8) * _UNIT

    def of_tensor(self, images: Tensor) -> Tensor:
        """The same map of a torch tensor, differentiable, in its own dtype and on its device."""
        import torch

        vertical, horizontal = (
            torch.tensor(axis_matrix(*sizes), dtype=images.dtype, device=images.device)
            for sizes in ((self.height, self.rows), (self.width, self.columns))
        )
        return vertical @ images @ horizontal.T
