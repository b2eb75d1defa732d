"""Learned: a front end of trained orthogonal matrices and norms over the whole picture, 1-Lipschitz by construction."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np

from certiqa.data.resize import Resize, working_size
from certiqa.errors import InputError
from certiqa.frontends.base import Floats, digest_of
from certiqa.frontends.learned_maps import CELL, COLOURS, LOWEST, SIGNED, cosines, numbers, numbers_of_tensor
from certiqa.frontends.learned_weights import COARSE, FINE, UNIT, LearnedWeights, Stage, norm_bound

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Learned"]

LARGEST = 512
"""Pictures whose shorter side is longer than this are resized to it."""


@final
@dataclass(frozen=True)
class Learned:
    """phi(x): m numbers in RMS units, from trained maps of 8x8 blocks and of the means of 4x4 blocks.

    A picture whose shorter side exceeds 512 pixels is resized to 512, antialiased; the centre crop to multiples of 32
    is cut into blocks. Scale by scale, v -> |A v + b| with A trained to be orthogonal; then, of each coordinate over
    the whole picture, sqrt(P) times its mean, and the norms of what is left of groups of coordinates. The lowest
    cosine coefficients of the picture of 32x32-pixel means are kept with their signs. All is divided by sqrt(3hw).

    What is proved, for the float64 numbers of the weights as they stand: crops and disjoint cells are projections;
    |.|, an added bias, an orthonormal split into mean and rest, and the norms of disjoint groups do not expand; so L
    is the product of the upper bounds of the matrices' norms (:func:`certiqa.frontends.learned_weights.norm_bound`),
    parallel branches counting with the larger one, times that of the resize, over sqrt(3hw). Weights that are not
    orthogonal give a larger L, never a wrong one. Proof: docs/learned_front_end.md.

    Args:
        weights: the trained matrices; those of the package if not given.

    >>> phi = Learned()
    >>> phi.output_shape(480, 640) == (phi.dimension,)
    True
    >>> 1 <= phi.lipschitz(480, 640) * math.sqrt(3 * 480 * 640) < 1 + 1e-5
    True
    """

    name: ClassVar[str] = "learned"
    smallest: ClassVar[int] = CELL
    weights: LearnedWeights = field(default_factory=LearnedWeights.shipped)

    @classmethod
    def of_file(cls, path: Path) -> Learned:
        """With the weights of a safetensors file.

        Raises:
            WeightsError: no such file, damaged, or of another architecture.
        """
        return cls(LearnedWeights.of_file(path))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Learned:
        """The front end that :meth:`to_dict` describes: the packaged one.

        Raises:
            InputError: its weights are not the packaged ones.
        """
        found = cls()
        if data["weights"] != found.weights.sha256:
            remedy = "Register a maker that reads your own weight file: certiqa.frontends.register."
            raise InputError.of("weights", f"must be {found.weights.sha256}", data["weights"], remedy)
        return found

    @property
    def digest(self) -> str:
        """SHA-256 of its name, its configuration and that of its weights."""
        return digest_of(self.to_dict())

    @property
    def dimension(self) -> int:
        """m."""
        return FINE + 2 * self.weights.numbers + 2 * COARSE + 3 * (SIGNED**2 + 2)

    def output_shape(self, height: int, width: int) -> tuple[int, ...]:
        """(m,), the same for every size."""
        return (self.dimension,)

    def lipschitz(self, height: int, width: int) -> float:
        """L: the product of the stages' bounds, of the cosines' and of the resize's, over sqrt(3hw); rounded up."""
        rows, columns = self._size(height, width)
        low = norm_bound(COLOURS)
        for side in (rows, columns):
            low *= norm_bound(cosines(side // CELL))
        fine, coarse = self.weights.fine, self.weights.coarse
        blocks = math.prod(stage.norm for stage in fine[1:])
        means = coarse[0].norm * max(low, math.prod(stage.norm for stage in coarse[1:]))
        rises = fine[0].norm * max(1.0, blocks, means) * self._resize(height, width).norm
        count = len(fine) + len(coarse) + 12
        return rises / math.sqrt(3 * rows * columns) * (1 + count * UNIT)

    def rounding(self, height: int, width: int) -> float:
        """How far one float64 output may be from phi(x), x in [0, 1].

        In RMS units every vector on the way has a length of at most V (that of the picture, 1, through the stages, with
        their biases). An inner product of k terms is off by at most g_k |A| |v|, g_k = k u / (1 - k u), u = 2^-53; a
        stage therefore by g_(k+2) (||A||_F V + ||b||), in length over all places; the steps after it multiply that by
        at most the norms that follow. The averages of 2x2 blocks and the means (inner products with entries of one
        size, Frobenius norm at most 3 per place) add g_64 3 V, the cosines g_(R+C+3) 8 sqrt(3) V, the means over the
        picture g_(P+4) 2 V, the norms, whose squares are sums of at most N = 3hw terms, g_(N+4) V, and the division
        2 u V. The resize is off by its own relative error. The sum of all of these is doubled.
        """
        rows, columns = self._size(height, width)
        pixels = 3 * rows * columns
        fine, coarse = self.weights.fine, self.weights.coarse
        gain = self.lipschitz(height, width) / self._resize(height, width).norm * math.sqrt(pixels)
        total, longest = self._resize(height, width).rounding, 1.0
        for stages in (fine, coarse):
            size = 1.0
            for stage in stages:
                total += _stage_error(stage, size)
                size = stage.norm * size + stage.bias_length / 8
            longest = max(longest, size)
        cells = rows // CELL + columns // CELL + 3
        total += (64 * 3 + cells * 8 * math.sqrt(3) + 2 * (pixels / 192 + 4) + pixels + 4 + 2) * UNIT * longest
        return 2 * max(1.0, gain) * total

    def __call__(self, values: Floats) -> Floats:
        """phi of one image (3, H, W) in [0, 1]."""
        height, width = values.shape[1:]
        resize = self._resize(height, width)
        rows, columns = self._size(height, width)
        top, left = (resize.rows - rows) // 2, (resize.columns - columns) // 2
        small = values if (resize.rows, resize.columns) == (height, width) else resize(values)
        found = numbers(small[:, top : top + rows, left : left + columns], self.weights)
        result: Floats = found / np.sqrt(found.dtype.type(3 * rows * columns))
        return result

    def of_tensor(self, images: Tensor) -> Tensor:
        """phi of (B, 3, H, W) -> (B, m), differentiable; the gradient of a norm that is 0 is taken to be 0."""
        height, width = (int(side) for side in images.shape[2:])
        resize = self._resize(height, width)
        rows, columns = self._size(height, width)
        top, left = (resize.rows - rows) // 2, (resize.columns - columns) // 2
        small = images if (resize.rows, resize.columns) == (height, width) else resize.of_tensor(images)
        found = numbers_of_tensor(small[:, :, top : top + rows, left : left + columns], self.weights)
        return found / math.sqrt(3 * rows * columns)

    def words(self, height: int, width: int) -> str:
        """What it does to an image of that size."""
        rows, columns = self._size(height, width)
        return f"{self.dimension} learned means and norms of {columns}x{rows} pixels"

    def to_dict(self) -> dict[str, Any]:
        """Its name, its configuration, and the SHA-256 of its weight file."""
        return {"name": self.name, "largest": LARGEST, "lowest": LOWEST, "weights": self.weights.sha256}

    def _resize(self, height: int, width: int) -> Resize:
        if min(height, width) <= LARGEST:
            return Resize(height, width, height, width)
        return Resize(height, width, *working_size(height, width, LARGEST))

    def _size(self, height: int, width: int) -> tuple[int, int]:
        """(rows, columns) of pixels that are read, behind the resize: multiples of 32."""
        if min(height, width) < self.smallest:
            rule = f"must be at least {self.smallest} pixels high and wide"
            raise InputError.of("image", rule, (height, width), "Give the whole picture.")
        resize = self._resize(height, width)
        return resize.rows // CELL * CELL, resize.columns // CELL * CELL


def _stage_error(stage: Stage, size: float) -> float:
    """g_(k+2) (||A||_F size + ||b||), in RMS units: a place that carries b has at least 64 numbers, so ||b|| / 8."""
    terms = (stage.matrix.shape[1] + 3) * UNIT * 1.01
    error: float = terms * (stage.frobenius * size + stage.bias_length / 8)
    return error
