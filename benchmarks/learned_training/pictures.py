"""Rated pictures as cells: lattices of shifted, mirrored crops to train on, all of a picture to measure.

A cell is 16x16 pixels, 2x2 blocks. What is expensive is computed on a lattice of cells, evenly spread over the picture
(a random sixth of it), what is cheap on all of it: so the norms of a picture hardly vary with the sample.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from certiqa.data import open_dataset
from certiqa.data.resize import Resize, working_size
from certiqa.data.splits import fold

__all__ = ["SOURCES", "Part", "Seen", "Shifting", "dct", "is_dev", "read", "whole"]

SOURCES = ("agiqa3k", "livec")
MACRO, CELL, BLOCK = 32, 16, 8
SIDE, MOST = 512, 15
STRIDES = (2, 3)


@dataclass(frozen=True)
class Part:
    """Pictures with human scores of one source, uint8 (H, W, 3); scores mapped to 0-100."""

    images: list[np.ndarray]
    scores: np.ndarray
    contents: list[str]

    def where(self, keep: Callable[[str], bool]) -> Part:
        rows = [i for i, content in enumerate(self.contents) if keep(content)]
        return Part([self.images[i] for i in rows], self.scores[rows], [self.contents[i] for i in rows])


class Seen(NamedTuple):
    """What the maps see of a batch: cells (B, n, 16, 16, 3) uint8, block means (B, M, 48), lowest DCT (B, 8, 8, 3)."""

    cells: Tensor
    means: Tensor
    lowest: Tensor


def is_dev(content: str) -> bool:
    """One content in five of the fit part."""
    return fold(content, 5, salt="learned-dev") == 0


def read(data: Path, source: str, part: str, resized: bool = True) -> Part:
    """One part of one source, large pictures resized as the front end does, to 8 bits; or as they are."""
    rated = open_dataset(source, data / source).part(part)
    low, high = rated.mos_range
    images = [np.asarray(Image.open(record.path).convert("RGB")) for record in rated.records]
    images = [_small(image) if resized else image for image in images]
    return Part(images, (rated.mos() - low) * 100 / (high - low), list(rated.contents()))


def _small(image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    if min(height, width) <= SIDE:
        return image
    small = Resize(height, width, *working_size(height, width, SIDE))(image.transpose(2, 0, 1))
    return np.rint(small).clip(0, 255).astype(np.uint8).transpose(1, 2, 0)


def whole(image: np.ndarray) -> Seen:
    """Everything of the centre crop to multiples of 32, as a batch of one."""
    rows, columns = (side // MACRO * MACRO for side in image.shape[:2])
    top, left = ((side - kept) // 2 for side, kept in zip(image.shape, (rows, columns), strict=False))
    crop = image[top : top + rows, left : left + columns]
    return Seen(*(one[None] for one in _seen(crop, block_means(crop), (1, 1), (0, 0))))


class Shifting:
    """A source's pictures, as endless batches of random, perhaps mirrored windows of 480x480 pixels.

    A window starts at one of a few random phases of each picture plus a multiple of 8, so that block means are computed
    once. Pictures smaller than a window are left out.
    """

    def __init__(self, part: Part, rng: np.random.Generator, phases: int = 3) -> None:
        self.rng, self.size = rng, MOST * MACRO
        kept = [i for i, image in enumerate(part.images) if min(image.shape[:2]) >= self.size + BLOCK - 1]
        self.images = [part.images[i] for i in kept]
        self.scores = part.scores[kept]
        self.starts = rng.integers(BLOCK, size=(len(kept), phases, 2))
        self.means = [
            [block_means(image[top:, left:]) for top, left in starts]
            for image, starts in zip(self.images, self.starts, strict=True)
        ]
        self.order: list[int] = []

    def batch(self, count: int) -> tuple[Seen, Tensor]:
        """What is seen of so many pictures, and their scores."""
        strides = STRIDES if self.rng.random() < 0.5 else STRIDES[::-1]
        seen, scores = [], []
        for _ in range(count):
            self.order = self.order or self.rng.permutation(len(self.images)).tolist()
            index = self.order.pop()
            seen.append(self._window(index, strides))
            scores.append(self.scores[index])
        return Seen(*(torch.stack(one) for one in zip(*seen, strict=True))), torch.tensor(scores, dtype=torch.float32)

    def view(self, count: int) -> Iterator[Seen]:
        """One window of every picture, in order, in batches of so many."""
        for first in range(0, len(self.images), count):
            strides = STRIDES if self.rng.random() < 0.5 else STRIDES[::-1]
            some = range(first, min(first + count, len(self.images)))
            yield Seen(*(torch.stack(one) for one in zip(*(self._window(i, strides) for i in some), strict=True)))

    def _window(self, index: int, strides: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
        phase, blocks = int(self.rng.integers(len(self.means[index]))), self.size // BLOCK
        means = self.means[index][phase]
        down, across = (int(self.rng.integers(side - blocks + 1)) for side in means.shape[:2])
        top, left = self.starts[index, phase] + BLOCK * np.array([down, across])
        crop = self.images[index][top : top + self.size, left : left + self.size]
        means = means[down : down + blocks, across : across + blocks]
        if self.rng.random() < 0.5:
            crop, means = crop[:, ::-1], means[:, ::-1]
        offsets = (int(self.rng.integers(strides[0])), int(self.rng.integers(strides[1])))
        return _seen(crop, means, strides, offsets)


def block_means(image: np.ndarray) -> np.ndarray:
    """(rows, columns, 3) float32 in [0, 1]: the means of the whole 8x8 blocks of a picture."""
    rows, columns = (side // BLOCK for side in image.shape[:2])
    crop = image[: rows * BLOCK, : columns * BLOCK]
    down = np.add.reduce(crop.reshape(rows, BLOCK, -1), axis=1, dtype=np.uint16)
    sums = np.add.reduce(down.reshape(rows, columns, BLOCK, 3), axis=2, dtype=np.float32)
    return sums / np.float32(255 * BLOCK * BLOCK)


def _seen(
    crop: np.ndarray, means: np.ndarray, strides: tuple[int, int], offsets: tuple[int, int]
) -> tuple[Tensor, Tensor, Tensor]:
    rows, columns = (side // CELL for side in crop.shape[:2])
    cells = crop.reshape(rows, CELL, columns, CELL, 3).swapaxes(1, 2)
    cells = cells[offsets[0] :: strides[0], offsets[1] :: strides[1]].reshape(-1, CELL, CELL, 3)
    four = np.ascontiguousarray(means).reshape(rows // 2, 4, columns // 2, 4, 3)
    macros = np.ascontiguousarray(four.swapaxes(1, 2)).reshape(-1, 48)
    return torch.from_numpy(np.ascontiguousarray(cells)), torch.from_numpy(macros), lowest(four.mean(axis=(1, 3)))


def lowest(means: np.ndarray) -> Tensor:
    """(8, 8, 3): the lowest coefficients of the orthonormal DCT of (rows, columns, 3), over sqrt(rows columns)."""
    rows, columns = means.shape[:2]
    down, across = (dct(side)[:8] for side in (rows, columns))
    found = np.zeros((8, 8, 3), np.float32)
    some = np.tensordot(across, np.tensordot(down, means, (1, 0)), (1, 1)).swapaxes(0, 1)
    found[: len(down), : len(across)] = some / np.sqrt(rows * columns)
    return torch.from_numpy(found)


@lru_cache(maxsize=64)
def dct(length: int) -> np.ndarray:
    """The orthonormal DCT-II, (length, length) float64."""
    k, i = np.arange(length)[:, None], np.arange(length)[None] + 0.5
    matrix = np.cos(np.pi * k * i / length) * np.sqrt(2 / length)
    matrix[0] = np.sqrt(1 / length)
    return matrix
