"""The trainable front end on macroblocks, and a head: what certiqa.frontends.learned computes, in float32 and bfloat16.

Scales. A block of 8x8 pixels is 192 numbers in [0, 1]; a norm over all P blocks is divided by sqrt(192 P), so that the
outputs are RMS intensities.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from learned_training.pictures import Seen, dct

__all__ = ["Head", "Maps", "Rotation", "groups", "start"]

COLOURS = np.array([[1.0, 1.0, 1.0], [1.0, -1.0, 0.0], [1.0, 1.0, -2.0]])
COLOURS /= np.linalg.norm(COLOURS, axis=1, keepdims=True)


def start(side: int) -> np.ndarray:
    """(3 side^2, 3 side^2): colour rotation and DCT of a block (y, x, rgb); the three means first."""
    one = dct(side)
    full = np.einsum("ai,bj,kc->abkijc", one, one, COLOURS).reshape(3 * side * side, -1)
    return full[order(side)]


def order(side: int) -> np.ndarray:
    """The rows (u, v, colour) by band, so that one group is one run of rows; the means come first."""
    bands = [band(u, v) for u in range(side) for v in range(side) for _ in range(3)]
    colours = np.tile(np.arange(3), side * side)
    return np.lexsort((colours, [b[1] for b in bands], [b[0] for b in bands]))


def band(u: int, v: int) -> tuple[int, int]:
    """The ring max(u, v) and one of three orientations."""
    return max(u, v), 0 if u > v else (1 if u < v else 2)


def groups(side: int) -> np.ndarray:
    """The group (ring, orientation, colour) of each row of ``start`` but the first three."""
    names: list[tuple[int, int, int]] = []
    for u in range(side):
        names += [(*band(u, v), k) for v in range(side) for k in range(3)]
    rows = [names[i] for i in order(side)][3:]
    known = sorted(set(rows))
    return np.array([known.index(row) for row in rows])


def skew(free: Tensor) -> Tensor:
    """The Cayley transform of free - free^T: orthogonal."""
    a = (free - free.T) / 2
    eye = torch.eye(len(a), dtype=a.dtype, device=a.device)
    out: Tensor = torch.linalg.solve(eye + a, eye - a)
    return out


class Rotation(nn.Module):
    """An orthogonal matrix; the identity at first."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.free = nn.Parameter(torch.zeros(size, size))
        self.bias = nn.Parameter(torch.zeros(size))

    def matrix(self) -> Tensor:
        return skew(self.free)

    def forward(self, values: Tensor) -> Tensor:
        out: Tensor = functional.linear(values, self.matrix().to(values.dtype), self.bias.to(values.dtype)).abs()
        return out


class SumOfSquares(torch.autograd.Function):
    """(B, n, k) -> (B, k) float32, without a float32 copy of its argument."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        ctx.save_for_backward(values)
        return torch.sum(values * values, dim=1, dtype=torch.float32)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (values,) = ctx.saved_tensors
        return values * (2 * gradient).to(values.dtype)[:, None]


def squares_of(values: Tensor) -> Tensor:
    out: Tensor = SumOfSquares.apply(values)
    return out


class Maps(nn.Module):
    """phi of what is seen of a batch of pictures -> (B, m)."""

    def __init__(self, depth: int = 1, dtype: torch.dtype = torch.bfloat16) -> None:
        super().__init__()
        self.dtype = dtype
        self.register_buffer("fine", torch.from_numpy(start(8))[3:].float())
        self.register_buffer("coarse", torch.from_numpy(start(4))[3:].float())
        self.register_buffer("colours", torch.from_numpy(COLOURS).float())
        self.first, self.coarse_first = Rotation(189), Rotation(45)
        self.deep = nn.ModuleList(Rotation(189) for _ in range(depth))
        self.coarse_deep = nn.ModuleList(Rotation(45) for _ in range(depth))
        self.register_buffer("group", torch.from_numpy(groups(8)))
        self.register_buffer("ring", torch.from_numpy(rings()))

    @property
    def numbers(self) -> int:
        """m."""
        return 189 + 2 * (int(self.group.max()) + 1) + 2 * 45 + 3 * (16 + 2)

    def turned(self) -> dict[str, float]:
        """How far the maps are from where they started: ||Q - I||_F / sqrt(size)."""
        rotations = {"first": self.first, "coarse_first": self.coarse_first}
        rotations |= {f"deep{index}": one for index, one in enumerate(self.deep)}
        return {
            name: round(float((one.matrix().detach() - torch.eye(len(one.free))).norm()) / len(one.free) ** 0.5, 3)
            for name, one in rotations.items()
        }

    def forward(self, seen: Seen) -> Tensor:
        return torch.cat([*self._fine(seen.cells), *self._coarse(seen.means), *self._low(seen.lowest)], dim=1)

    def _fine(self, cells: Tensor) -> list[Tensor]:
        """Haar over 2x2 blocks; details as norms of groups, averages through the deep maps to means and norms."""
        batch, count = cells.shape[:2]
        four = (cells[:, :, y : y + 8, x : x + 8].reshape(batch, count, 64, 3) for y in (0, 8) for x in (0, 8))
        matrix = (self.first.matrix() @ self.fine).to(self.dtype)
        bias = self.first.bias.to(self.dtype)
        total = math.sqrt(192 * 4 * count)
        average: Tensor | int = 0
        squares: Tensor | int = 0
        for block in four:
            values = block.float()
            rest = torch.sub(values, values.mean(dim=2, keepdim=True)).to(self.dtype).view(batch, count, 192)
            c = functional.linear(rest, matrix / 255, bias).abs()
            average, squares = average + c, squares + squares_of(c)
        values = torch.as_tensor(average) * 0.5
        details = (squares - squares_of(values)).clamp(min=0)
        for layer in self.deep:
            values = layer(values)
        mean, square = self._mean_and_rest(values)
        return [mean / total, self._grouped(details) / total, self._grouped(square) / total]

    def _grouped(self, squares: Tensor) -> Tensor:
        out = squares.new_zeros(len(squares), int(self.group.max()) + 1).index_add(1, self.group, squares)
        return (out + 1e-6).sqrt()

    @staticmethod
    def _mean_and_rest(values: Tensor) -> tuple[Tensor, Tensor]:
        """sum / sqrt(P), and the sum of squares less its square: the orthonormal split."""
        mean = values.sum(dim=1, dtype=torch.float32) / math.sqrt(values.shape[1])
        return mean, (squares_of(values) - mean.square()).clamp(min=0)

    def _coarse(self, mean: Tensor) -> list[Tensor]:
        """The block means, 4x4 a macroblock, times 8: orthonormal."""
        values, count = 8 * mean, mean.shape[1]
        matrix = self.coarse_first.matrix() @ self.coarse
        values = functional.linear(values, matrix, self.coarse_first.bias).abs()
        for layer in self.coarse_deep:
            values = layer(values)
        means, squares = self._mean_and_rest(values)
        total = math.sqrt(192 * 16 * count)
        return [means / total, (squares + 1e-6).sqrt() / total]

    def _low(self, lowest: Tensor) -> list[Tensor]:
        """RMS units: a mean over 1024 pixels of three colours is divided by sqrt(3)."""
        values = lowest @ self.colours.T / math.sqrt(3)
        signed = values[:, :4, :4].reshape(len(values), -1)
        squares = values.square().reshape(len(values), 64, 3)
        rest = squares.new_zeros(len(values), 2, 3).index_add(1, self.ring[self.ring >= 0], squares[:, self.ring >= 0])
        return [signed, (rest.reshape(len(values), -1) + 1e-12).sqrt()]


def rings() -> np.ndarray:
    """Of the 8x8 lowest DCT coefficients of the macroblock means: -1 (signed), then the rings 4-5 and 6-7."""
    largest = np.maximum(np.arange(8)[:, None], np.arange(8)[None]).ravel()
    return np.where(largest < 4, -1, (largest - 4) // 2)


class Head(nn.Module):
    """(B, m) noisy numbers -> (B,) scores in (0, 1)."""

    def __init__(self, numbers: int, sigma: float, hidden: int = 192, dropout: float = 0.2) -> None:
        super().__init__()
        self.sigma = sigma
        self.norm = nn.BatchNorm1d(numbers, affine=False, momentum=0.02)
        self.layers = nn.Sequential(
            nn.Linear(numbers, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, hidden), nn.GELU(),
            nn.Dropout(dropout), nn.Linear(hidden, 1),
        )  # fmt: skip

    def forward(self, z: Tensor) -> Tensor:
        out: Tensor = torch.sigmoid(self.layers(self.norm(torch.asinh(z / (2 * self.sigma)))).squeeze(1))
        return out
