"""What a metric does with the size of its input: take any, cut a fixed grid of crops, or resize."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from certiqa.data.resize import spectral_norm

__all__ = ["AnySize", "CropGrid", "InputPolicy", "Resized"]


@dataclass(frozen=True)
class AnySize:
    """The whole image, at its own size.

    Attributes:
        min_size: least height and width, in pixels.
    """

    min_size: int = 1

    def __str__(self) -> str:
        return f"any size from {self.min_size}x{self.min_size}"


@dataclass(frozen=True)
class CropGrid:
    """A fixed grid of square crops, the same for every image of one size; pixels outside all crops do not count.

    Attributes:
        crop: side of a crop, in pixels.
        count: how many crops; None where it depends on the image's size.
        min_size: least height and width, in pixels.
    """

    crop: int
    count: int | None
    min_size: int

    def __str__(self) -> str:
        many = "a grid of" if self.count is None else str(self.count)
        return f"{many} crops of {self.crop}x{self.crop}, from {self.min_size}x{self.min_size}"


@dataclass(frozen=True)
class Resized:
    """The metric resizes the image itself before it looks.

    A certificate in the pixels of the given image holds all the same: the resize is a part of the metric.
    :meth:`operator_norm` says by how much an l2 perturbation of the image can grow (or must shrink) on its way through.

    Attributes:
        height: rows after the resize; None with ``shorter`` if the aspect ratio is kept.
        width: columns after the resize; None likewise.
        shorter: the shorter side after the resize, the aspect ratio kept; None if height and width are fixed.
        mode: "bilinear" or "bicubic", as torch.nn.functional.interpolate names them.
        antialias: whether the kernel is widened when the image shrinks.
        min_size: least height and width of the given image, in pixels.
    """

    height: int | None
    width: int | None
    shorter: int | None
    mode: Literal["bilinear", "bicubic"]
    antialias: bool
    min_size: int = 1

    def __str__(self) -> str:
        size = f"{self.height}x{self.width}" if self.shorter is None else f"shorter side {self.shorter}"
        return f"resized to {size} ({self.mode}{', antialias' if self.antialias else ''})"

    def size_after(self, height: int, width: int) -> tuple[int, int]:
        """(height, width) after the resize of an image of this height and width.

        >>> Resized(None, None, 224, "bilinear", True).size_after(448, 600)
        (224, 300)
        """
        if self.shorter is None:
            return self.height or height, self.width or width
        scale = self.shorter / min(height, width)
        return max(1, math.floor(height * scale)), max(1, math.floor(width * scale))

    def operator_norm(self, height: int, width: int) -> float:
        """The largest ||R d||_2 / ||d||_2 over all perturbations d of an image of this size, R being the linear resize.

        R is separable, so it is the product of the two one-dimensional norms, each the largest singular value, bounded
        from above (:func:`certiqa.data.resize.spectral_norm`), of the matrix that torch.nn.functional.interpolate
        stands for, in float64. For an antialiased halving it is near 1/2.
        Clipping to [0, 1] after a bicubic resize, as some metrics do, cannot enlarge it.

        >>> round(Resized(64, 64, None, "bilinear", True).operator_norm(128, 128), 3)
        0.501
        """
        rows, columns = self.size_after(height, width)
        return _norm(height, rows, self.mode, self.antialias) * _norm(width, columns, self.mode, self.antialias)


InputPolicy = AnySize | CropGrid | Resized


@lru_cache(maxsize=256)
def _norm(length: int, target: int, mode: str, antialias: bool) -> float:
    """The spectral norm of the resize of one axis: the basis vectors are the columns of one image."""
    import torch
    from torch.nn.functional import interpolate

    basis = torch.eye(length, dtype=torch.float64)[None, None]  # (one pixel wide, torch 2.13 gets the antialias wrong)
    matrix = interpolate(basis, size=(target, length), mode=mode, antialias=antialias, align_corners=False)
    return spectral_norm(matrix[0, 0].numpy())
