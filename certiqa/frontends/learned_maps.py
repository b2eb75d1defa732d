"""The learned front end's arithmetic: one picture in NumPy, the reference; batches in torch, for attacks and training.

The picture's sides are multiples of 32. All numbers come out in intensities: the caller divides by sqrt(3HW).
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from certiqa.frontends.learned_weights import LearnedWeights, Stage

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["CELL", "COLOURS", "LOWEST", "SIGNED", "cosines", "numbers", "numbers_of_tensor", "rings"]

CELL = 32
"""Pixels of a macroblock's side: 4x4 blocks of 8x8."""

LOWEST, SIGNED = 8, 4
"""Of the picture of macroblock means, 8x8 cosine coefficients are kept: 4x4 with their signs, the others as norms."""

Array = npt.NDArray[Any]

COLOURS = np.array([[1.0, 1.0, 1.0], [1.0, -1.0, 0.0], [1.0, 1.0, -2.0]])
COLOURS /= np.linalg.norm(COLOURS, axis=1, keepdims=True)
COLOURS.setflags(write=False)


@lru_cache(maxsize=64)
def cosines(length: int) -> Array:
    """The first rows, at most 8, of the orthonormal DCT-II of that length: float64, read-only.

    >>> cosines(2).round(3).tolist()
    [[0.707, 0.707], [0.707, -0.707]]
    """
    k, place = np.arange(min(length, LOWEST))[:, None], np.arange(length)[None] + 0.5
    matrix = np.cos(np.pi * k * place / length) * math.sqrt(2 / length)
    matrix[0] = math.sqrt(1 / length)
    matrix.setflags(write=False)
    return matrix


def rings() -> npt.NDArray[np.int64]:
    """(8, 8): which of two norms a cosine coefficient belongs to, max(u, v) in 4-5 or in 6-7; -1: kept signed."""
    largest = np.maximum(np.arange(LOWEST)[:, None], np.arange(LOWEST)[None])
    return np.where(largest < SIGNED, -1, (largest - SIGNED) // 2)


def numbers(values: Array, weights: LearnedWeights) -> Array:
    """(3, 32R, 32C) -> (m,), in the values' own floating-point type (at least float64)."""
    kind = values.dtype
    rows, columns = (side // CELL for side in values.shape[1:])
    blocks = values.reshape(3, rows, 4, 8, columns, 4, 8).transpose(1, 4, 2, 5, 3, 6, 0).reshape(-1, 16, 64, 3)
    first = _stage(blocks.reshape(-1, 16, 192), weights.fine[0])
    pairs = first.reshape(-1, 2, 2, 2, 2, first.shape[-1])
    top, bottom = pairs[:, :, 0] + pairs[:, :, 1], pairs[:, :, 0] - pairs[:, :, 1]
    average = ((top[:, :, :, 0] + top[:, :, :, 1]) / 2).reshape(-1, first.shape[-1])
    details = np.stack([top[:, :, :, 0] - top[:, :, :, 1], bottom[:, :, :, 0] + bottom[:, :, :, 1],
                        bottom[:, :, :, 0] - bottom[:, :, :, 1]]) / 2  # fmt: skip
    for stage in weights.fine[1:]:
        average = _stage(average, stage)
    fine, rest = _split(average)
    means = blocks.sum(axis=2) / 8
    coarse = _stage(means.reshape(-1, 48), weights.coarse[0])
    for stage in weights.coarse[1:]:
        coarse = _stage(coarse, stage)
    coarse, varied = _split(coarse)
    group, count = weights.group, weights.numbers
    out = [fine, _grouped(details.reshape(-1, len(group)), group, count), _grouped(rest, group, count)]
    out += [coarse, np.sqrt(np.square(varied).sum(axis=0)), *_low(means.sum(axis=1).reshape(rows, columns, 3) / 4)]
    return np.concatenate(out).astype(kind)


def _stage(values: Array, stage: Stage) -> Array:
    result: Array = np.abs(values @ stage.matrix.T + stage.bias)
    return result


def _split(values: Array) -> tuple[Array, Array]:
    """(P, k) -> sqrt(P) times the mean of each column, and what is left of it: an orthonormal split."""
    count = values.dtype.type(len(values))
    total = values.sum(axis=0)
    return total / np.sqrt(count), values - total / count


def _grouped(values: Array, group: npt.NDArray[np.int64], count: int) -> Array:
    squares = np.square(values).sum(axis=0)
    found = np.zeros(count, dtype=values.dtype)
    np.add.at(found, group, squares)
    result: Array = np.sqrt(found)
    return result


def _low(means: Array) -> list[Array]:
    """(R, C, 3) macroblock means, orthonormal -> 48 signed coefficients and 6 norms."""
    rows, columns = means.shape[:2]
    found = np.zeros((LOWEST, LOWEST, 3), dtype=means.dtype)
    some = np.tensordot(cosines(rows), means, (1, 0))
    some = np.tensordot(some, cosines(columns), (1, 1)).swapaxes(1, 2) @ COLOURS.T
    found[: some.shape[0], : some.shape[1]] = some
    ring = rings()
    norms = [np.sqrt(np.square(found[ring == index]).sum(axis=0)) for index in range(2)]
    return [found[:SIGNED, :SIGNED].reshape(-1), *norms]


def numbers_of_tensor(images: Tensor, weights: LearnedWeights) -> Tensor:
    """(B, 3, 32R, 32C) -> (B, m), differentiable; where a norm is 0 its gradient is taken to be 0."""
    import torch

    batch = len(images)
    rows, columns = (side // CELL for side in images.shape[2:])
    blocks = images.reshape(batch, 3, rows, 4, 8, columns, 4, 8).permute(0, 2, 5, 3, 6, 4, 7, 1)
    blocks = blocks.reshape(batch, -1, 16, 64, 3)
    first = _stage_of_tensor(blocks.reshape(batch, -1, 16, 192), weights.fine[0])
    pairs = first.view(batch, -1, 2, 2, 2, 2, first.shape[-1])
    top, bottom = pairs[:, :, :, 0] + pairs[:, :, :, 1], pairs[:, :, :, 0] - pairs[:, :, :, 1]
    average = ((top[:, :, :, :, 0] + top[:, :, :, :, 1]) / 2).reshape(batch, -1, first.shape[-1])
    details = torch.stack(
        [top[:, :, :, :, 0] - top[:, :, :, :, 1], bottom[:, :, :, :, 0] + bottom[:, :, :, :, 1],
         bottom[:, :, :, :, 0] - bottom[:, :, :, :, 1]], dim=1)  # fmt: skip
    for stage in weights.fine[1:]:
        average = _stage_of_tensor(average, stage)
    means = blocks.sum(dim=3) / 8
    coarse = means.reshape(batch, -1, 48)
    for stage in weights.coarse:
        coarse = _stage_of_tensor(coarse, stage)
    fine, rest = _split_of_tensor(average)
    coarse, varied = _split_of_tensor(coarse)
    members = [torch.from_numpy(np.flatnonzero(weights.group == index)) for index in range(weights.numbers)]
    detail_norms = [_norm(details[..., one.to(images.device)].flatten(1)) / 2 for one in members]
    rest_norms = [_norm(rest[..., one.to(images.device)].flatten(1)) for one in members]
    low = _low_of_tensor(means.sum(dim=2).view(batch, rows, columns, 3) / 4)
    parts = [fine, torch.stack(detail_norms, 1), torch.stack(rest_norms, 1)]
    return torch.cat([*parts, coarse, torch.linalg.vector_norm(varied, dim=1), *low], dim=1)


def _norm(values: Tensor) -> Tensor:
    import torch

    result: Tensor = torch.linalg.vector_norm(values, dim=1)
    return result


def _like(array: Array, tensor: Tensor) -> Tensor:
    import torch

    return torch.tensor(array, dtype=tensor.dtype, device=tensor.device)


def _stage_of_tensor(values: Tensor, stage: Stage) -> Tensor:
    return (values @ _like(stage.matrix, values).T + _like(stage.bias, values)).abs()


def _split_of_tensor(values: Tensor) -> tuple[Tensor, Tensor]:
    total, count = values.sum(dim=1), values.shape[1]
    return total / math.sqrt(count), values - total[:, None] / count


def _low_of_tensor(means: Tensor) -> list[Tensor]:
    from torch.nn import functional

    down, across = (_like(cosines(side), means) for side in means.shape[1:3])
    some = (down @ means.permute(0, 3, 1, 2) @ across.T).permute(0, 2, 3, 1) @ _like(COLOURS, means).T
    found = functional.pad(some, (0, 0, 0, LOWEST - some.shape[2], 0, LOWEST - some.shape[1]))
    ring = rings()
    masks = [_like((ring == index)[..., None], means) for index in range(2)]
    norms = [(found * mask).flatten(1, 2) for mask in masks]
    import torch

    return [found[:, :SIGNED, :SIGNED].flatten(1), *(torch.linalg.vector_norm(one, dim=1) for one in norms)]
