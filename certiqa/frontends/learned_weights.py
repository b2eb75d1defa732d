"""LearnedWeights: the trained matrices of the learned front end, read from a file, and upper bounds of their norms.

Nothing is taken on trust: whatever a file holds, the bounds below are true of it. A file whose matrices are not
orthogonal is not refused, it is certified with the larger constant that it deserves.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import final

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as parse_safetensors

from certiqa.errors import WeightsError
from certiqa.frontends.base import Floats

__all__ = ["FILE", "LearnedWeights", "Stage", "norm_bound"]

FILE = "learned.safetensors"
UNIT = 2.0**-53
"""The unit roundoff of float64."""

FINE, COARSE = 189, 45
"""Numbers of a block of 8x8 pixels, and of 4x4 blocks' means, beside the three means themselves."""


def norm_bound(matrix: Floats) -> float:
    """An upper bound of ||A||_2 that is proved for the float64 numbers as they stand, rounding included.

    ||A||_2^2 = ||A A^T||_2 <= 1 + ||A A^T - I||_F, and likewise with A^T A: the smaller of the two squares is used. In
    float64 every entry of A A^T is an inner product of k terms, in whatever order a library adds; it is off by at most
    g_k (|A| |A|^T), g_k = k u / (1 - k u), u = 2^-53 (Higham, Accuracy and Stability of Numerical Algorithms,
    section 3.1). In the Frobenius norm that is at most g_k ||A||_F^2. It is added, and the few sums of n^2 non-negative
    terms that remain are enlarged by (n^2 + 16) u relative to them. Tight to about the rounding of the entries, which
    is what makes a matrix stored in float32 differ from an orthogonal one.

    >>> norm_bound(np.eye(4)) < 1 + 1e-12, norm_bound(2 * np.eye(4)) >= 2
    (True, True)
    """
    rows, columns = matrix.shape
    a = matrix if rows <= columns else matrix.T
    gram = a @ a.T
    terms = (a.size + 16) * UNIT
    frobenius = float(np.square(a).sum()) * (1 + 2 * terms)
    inner = (a.shape[1] + 2) * UNIT * 1.01
    excess = float(np.linalg.norm(gram - np.eye(len(gram)))) * (1 + 2 * terms) + inner * frobenius + len(gram) * UNIT
    return math.sqrt(1 + excess) * (1 + 4 * UNIT)


@dataclass(frozen=True, eq=False)
class Stage:
    """v -> |A v + b|, at every place of a picture alike: its constant is that of A.

    Attributes:
        matrix: A, float64, as stored.
        bias: b, in intensities.
        norm: an upper bound of ||A||_2; for the first stage of a scale, of A stacked on the means it is orthogonal to.
    """

    matrix: Floats = field(repr=False)
    bias: Floats = field(repr=False)
    norm: float

    @property
    def frobenius(self) -> float:
        """||A||_F, rounded up."""
        return float(np.linalg.norm(self.matrix)) * (1 + (self.matrix.size + 16) * UNIT)

    @property
    def bias_length(self) -> float:
        """||b||_2, rounded up."""
        return float(np.linalg.norm(self.bias)) * (1 + (self.bias.size + 16) * UNIT)


@final
@dataclass(frozen=True)
class LearnedWeights:
    """What a weight file holds. Equal to another if the files' bytes are.

    Attributes:
        sha256: of the file's bytes.
        fine: the stages of 8x8 blocks.
        coarse: the stages of the means of 4x4 blocks.
        group: for each of the 189 numbers of a block, which norm it belongs to.
    """

    sha256: str
    fine: tuple[Stage, ...] = field(repr=False, compare=False)
    coarse: tuple[Stage, ...] = field(repr=False, compare=False)
    group: np.ndarray[tuple[int], np.dtype[np.int64]] = field(repr=False, compare=False)

    @classmethod
    def shipped(cls) -> LearnedWeights:
        """Those in the package; read once.

        >>> LearnedWeights.shipped() is LearnedWeights.shipped()
        True
        """
        return _shipped()

    @classmethod
    def of_file(cls, path: Path) -> LearnedWeights:
        """Those of a safetensors file.

        Raises:
            WeightsError: no such file, not a safetensors file, or not the tensors of this front end.
        """
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            raise WeightsError(f"The weight file {str(path)!r} cannot be read: {error.strerror}.") from None
        return cls.of_bytes(data, str(path))

    @classmethod
    def of_bytes(cls, data: bytes, name: str) -> LearnedWeights:
        """Those of a file's bytes; ``name`` is what error messages call it.

        Raises:
            WeightsError: not a safetensors file, or not the tensors of this front end.
        """
        try:
            tensors = parse_safetensors(data)
        except (SafetensorError, KeyError, ValueError) as error:
            said = " ".join(str(error).split())
            raise WeightsError(f"The weight file {name!r} is damaged ({said}). Install it again.") from None
        group = _group(tensors, name)
        fine = _stages(tensors, "fine", (FINE, FINE + 3), name)
        coarse = _stages(tensors, "coarse", (COARSE, COARSE + 3), name)
        if tensors:
            raise _refused(name, f"has tensors that this front end does not know: {', '.join(sorted(tensors))}")
        return cls(hashlib.sha256(data).hexdigest(), fine, coarse, group)

    @property
    def numbers(self) -> int:
        """How many groups the norms of blocks have."""
        return int(self.group.max()) + 1


@cache
def _shipped() -> LearnedWeights:
    return LearnedWeights.of_bytes((resources.files("certiqa.frontends") / "weights" / FILE).read_bytes(), FILE)


def _refused(name: str, why: str) -> WeightsError:
    return WeightsError(
        f"The weight file {name!r} {why}. Install it again, or train it with the script of this version."
    )


def _group(tensors: dict[str, np.ndarray], name: str) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    group = tensors.pop("group", None)
    if group is None or group.shape != (FINE,) or group.dtype != np.int64:
        raise _refused(name, f"must have a tensor 'group' of {FINE} int64")
    if not np.array_equal(np.unique(group), np.arange(int(group.max()) + 1)):
        raise _refused(name, "must number its groups 0, 1, 2, ... without a gap")
    group.setflags(write=False)
    return group


def _stages(tensors: dict[str, np.ndarray], scale: str, first: tuple[int, int], name: str) -> tuple[Stage, ...]:
    """The stages scale.0, scale.1, ...: the first beside the means of its cell, the others square."""
    stages: list[Stage] = []
    while (key := f"{scale}.{len(stages)}") in tensors or not stages:
        shape = (first[0], first[0]) if stages else first
        matrix = _floats(tensors, key, shape, name)
        bias = _floats(tensors, f"{key}.bias", shape[:1], name)
        stacked = matrix if stages else np.concatenate([_means(first[1]), matrix])
        stages.append(Stage(matrix, bias, norm_bound(stacked)))
    return tuple(stages)


def _means(values: int) -> Floats:
    """(3, values): the orthonormal means of a cell's three colours, (y, x, rgb) in its order; exact in float64."""
    places = values // 3
    return np.tile(np.eye(3), places) / math.isqrt(places)


def _floats(tensors: dict[str, np.ndarray], key: str, shape: tuple[int, ...], name: str) -> Floats:
    tensor = tensors.pop(key, None)
    if tensor is None or tensor.shape != shape or tensor.dtype != np.float32:
        found = "none" if tensor is None else f"{tensor.dtype} {tensor.shape}"
        raise _refused(name, f"must have a tensor {key!r} of float32 {shape}, got {found}")
    values = tensor.astype(np.float64)
    if not np.isfinite(values).all() or np.abs(values).max() > 10:
        raise _refused(name, f"must have finite numbers of at most 10 in {key!r}")
    values.setflags(write=False)
    return values
