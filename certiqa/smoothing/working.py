"""Working resolution: an antialiased resize R before the noise, and what an eps of the original is worth behind it.

The image x becomes g(x): R x, rounded to a grid of step s. Noise of level sigma is added to g(x), and everything else
happens behind it. An attack d of the original moves g(x) by at most

    ||g(x + d) - g(x)||_2  <=  ||R||_2 ||d||_2 + sqrt(D) s (1 + 2 eta),        D = 3 h w at the working size,

R being linear, and each rounding moving each of the D values by at most s (1/2 + eta), where s eta is what float64
arithmetic may get wrong in R x. That length is the radius for which the scores are asked. Proof: docs/theory.md,
section 8.
"""

from __future__ import annotations

import hashlib
import math
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from certiqa.data.resize import Resize

if TYPE_CHECKING:
    from certiqa.data.images import Picture

__all__ = ["Working", "fits", "grid_pixels", "subdivision", "working_digest"]

_STEPS_PER_SIGMA = 1 << 14
_LARGEST = 1 << 25
_FINEST = 1 << 15  # 255 * 2**15 + 10 sigma in steps stays below 2**24: every value is a float32


def subdivision(sigma: float) -> int:
    """k of the grid of step 1/(255 k): the smallest power of two with at least 16384 steps in sigma; at most 2**15.

    So, for sigma from .002 on, the rounding costs at most sqrt(D)/16384 of sigma, and the noise's thresholds stay below
    5 MB, whatever sigma is.

    >>> [subdivision(sigma) for sigma in (0.06, 0.12, 0.25, 0.5, 1.0)]
    [2048, 1024, 512, 256, 128]
    """
    k = 1
    while 255 * sigma * k < _STEPS_PER_SIGMA and k < _FINEST:
        k *= 2
    return k


def fits(original: tuple[int, int], size: tuple[int, int]) -> bool:
    """Whether the matrices of this resize and its result are of a reasonable size: 2**25 numbers each at most."""
    return max(original[0] * size[0], original[1] * size[1], size[0] * size[1]) <= _LARGEST


@dataclass(frozen=True)
class Working:
    """How the original image and the working image belong together.

    Attributes:
        height: of the working image.
        width: of the working image.
        norm: ||R||_2, bounded from above: how much of an l2 perturbation can come through R.
        grid: sqrt(D) s (1 + 2 eta), bounded from above: what the rounding of both images to the grid may add.
        step: s, that of the grid, for intensities in [0, 1].
    """

    height: int
    width: int
    norm: float
    grid: float
    step: float

    @classmethod
    def of(cls, original: tuple[int, int], size: tuple[int, int], sigma: float) -> Working:
        """For images of (height, width) ``original``, resized to ``size``, under noise of this sigma.

        >>> Working.of((512, 512), (64, 64), 0.5).norm < 0.1255
        True
        """
        resize = Resize(*original, *size)
        levels = 255 * subdivision(sigma)
        eta = 2 * levels * resize.rounding  # values are at most ``levels`` steps; twice, for (1 + tiny) everywhere
        grid = math.sqrt(3 * size[0] * size[1]) / levels * (1 + 2 * eta)
        return cls(*size, resize.norm, grid * (1 + 1e-14), 1 / levels)

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"

    @property
    def dimension(self) -> int:
        """D, the number of values of the working image."""
        return 3 * self.height * self.width

    def at_work(self, eps: float) -> float:
        """The radius at the working resolution that an l2 radius of the original needs: norm eps + grid, rounded up."""
        return math.nextafter(math.nextafter(self.norm * eps, math.inf) + self.grid, math.inf)

    def at_original(self, radius: float) -> float:
        """The largest l2 radius of the original that a radius at the working resolution covers, rounded down.

        0.0 where it does not even cover the grid. ``at_work(at_original(radius)) <= radius`` otherwise.

        >>> half = Working(32, 32, 0.5, 0.01, 1e-4)
        >>> half.at_original(0.11) <= 0.2, round(half.at_original(0.11), 12), half.at_original(0.01)
        (True, 0.2, 0.0)
        """
        if radius == math.inf:
            return math.inf
        left = radius - self.grid - 4 * math.ulp(radius) if radius > self.grid else 0.0
        eps = min(max(0.0, left / self.norm), sys.float_info.max)
        while eps > 0 and self.at_work(eps) > radius:
            eps *= 1 - 2.0**-50
        return eps


def grid_pixels(picture: Picture, size: tuple[int, int], sigma: float) -> npt.NDArray[np.int32]:
    """g(x) in steps of the grid: int32 (3, h, w), 255 k being white."""
    resize = Resize(picture.height, picture.width, *size)
    k = subdivision(sigma)
    steps = resize(picture.pixels) * (k if picture.on_grid else 255 * k)
    return np.rint(steps).astype(np.int32)


def working_digest(picture: Picture, size: tuple[int, int], sigma: float) -> str:
    """What stands for the image in the key of its noise: the picture, the working size, the noise level."""
    text = f"certiqa-working-1|{picture.sha256()}|{size[0]}x{size[1]}|{float(sigma).hex()}"
    return hashlib.sha256(text.encode()).hexdigest()
