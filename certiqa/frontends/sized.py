"""SizedFrontEnd: a front end at one image size and noise level, and what an eps of the image is worth behind it.

The image x becomes g(x): phi(x), rounded to a grid of step t. Noise of level sigma is added to g(x), and everything
else happens behind it. A perturbation d of the image moves g(x) by at most

    ||g(x + d) - g(x)||_2  <=  L ||d||_2 + s,        s = sqrt(m) t (1 + 2 eta),        m values in all,

since each rounding moves each value by at most t (1/2 + eta), where t eta is what float64 arithmetic may get wrong in
phi(x). That length is the radius for which the scores are asked. Proof: docs/theory.md, section 9.
"""

from __future__ import annotations

import hashlib
import math
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from certiqa.errors import InputError, ModelOutputError
from certiqa.frontends.base import FrontEnd
from certiqa.frontends.grid import FINEST, subdivision
from certiqa.frontends.identity import Identity
from certiqa.frontends.resize import Resize

if TYPE_CHECKING:
    from certiqa.data.images import Picture

__all__ = ["SizedFrontEnd"]

_LARGEST_RMS_SIGMA = 0.1
"""Of numbers in RMS units: more noise than this leaves nothing of any picture."""


@dataclass(frozen=True)
class SizedFrontEnd:
    """How an image of one size and what its front end makes of it belong together.

    Attributes:
        front_end: phi.
        output_shape: of what the noise meets: (3, h, w), or (m,).
        lipschitz: L, bounded from above: how much of an l2 perturbation of the image can come through phi.
        grid: s, bounded from above: what the rounding of both images to the grid may add. 0.0: no grid of its own.
        step: t, that of the grid. 0.0: none.
    """

    front_end: FrontEnd
    output_shape: tuple[int, ...]
    lipschitz: float
    grid: float
    step: float

    @classmethod
    def of(cls, front_end: FrontEnd, height: int, width: int, sigma: float | None) -> SizedFrontEnd:
        """For images of height x width, under noise of this sigma; a resize that changes nothing is no front end.

        ``sigma=None``: no noise will come, the grid is the finest.

        Raises:
            InputError: sigma is not in the units of the front end, a resize would be unreasonably large, or the front
                end states no Lipschitz constant.

        >>> SizedFrontEnd.of(Resize(64), 512, 512, 0.5).lipschitz < 0.1255
        True
        >>> SizedFrontEnd.of(Resize(64), 64, 80, 0.5).front_end
        Identity()
        """
        if isinstance(front_end, Resize) and front_end.size(height, width) == (height, width):
            front_end = Identity()
        shape = front_end.output_shape(height, width)
        if isinstance(front_end, Identity):
            return cls(front_end, shape, 1.0, 0.0, 0.0)
        if len(shape) == 1 and sigma is not None and sigma > _LARGEST_RMS_SIGMA:
            rule = f"must be at most {_LARGEST_RMS_SIGMA:g} behind the front end {front_end.name!r}"
            remedy = (
                "Its numbers are RMS intensities, moved by .008 at 42 dB: leave sigma to the metric, or name another."
            )
            raise InputError.of("sigma", rule, sigma, remedy)
        norm, rounding = front_end.lipschitz(height, width), front_end.rounding(height, width)
        if not (0 <= norm < math.inf and 0 <= rounding < math.inf):
            rule = "must have a Lipschitz constant and a rounding bound that are finite numbers >= 0"
            raise InputError.of("front_end", rule, (norm, rounding))
        levels = 255 * (FINEST if sigma is None else subdivision(sigma))
        eta = 2 * levels * rounding  # values are at most ``levels`` steps; twice, to spare
        grid = math.sqrt(math.prod(shape)) / levels * (1 + 2 * eta)
        return cls(front_end, shape, norm, grid * (1 + 1e-14), 1 / levels)

    @property
    def is_identity(self) -> bool:
        """Whether the noise meets the pixels themselves."""
        return isinstance(self.front_end, Identity)

    @property
    def gives_pictures(self) -> bool:
        """Whether what the noise meets is a picture, to be clipped and scored as one; else it is numbers."""
        return len(self.output_shape) == 3

    @property
    def dimension(self) -> int:
        """m, the number of values that the noise meets."""
        return math.prod(self.output_shape)

    def behind(self, eps: float) -> float:
        """The radius behind the front end that an l2 radius of the image needs: L eps + s, rounded up."""
        if self.is_identity:
            return eps
        return math.nextafter(math.nextafter(self.lipschitz * eps, math.inf) + self.grid, math.inf)

    def before(self, radius: float) -> float:
        """The largest l2 radius of the image that a radius behind the front end covers, rounded down.

        0.0 where it does not even cover the grid. ``behind(before(radius)) <= radius`` otherwise.

        >>> half = SizedFrontEnd(Resize(32), (3, 32, 32), 0.5, 0.01, 1e-4)
        >>> half.before(0.11) <= 0.2, round(half.before(0.11), 12), half.before(0.01)
        (True, 0.2, 0.0)
        """
        if self.is_identity or radius == math.inf:
            return radius
        left = radius - self.grid - 4 * math.ulp(radius) if radius > self.grid else 0.0
        if self.lipschitz == 0.0:  # phi is constant
            return sys.float_info.max if self.behind(0.0) <= radius else 0.0
        eps = min(max(0.0, left / self.lipschitz), sys.float_info.max)
        while eps > 0 and self.behind(eps) > radius:
            eps *= 1 - 2.0**-50
        return eps

    def apply(self, picture: Picture) -> np.ndarray[Any, np.dtype[Any]]:
        """What the noise is added to: the picture's own pixels, or g(x) in steps of the grid, int32.

        Raises:
            ModelOutputError: phi(x) has another shape than it says, is not finite, or leaves [-1, 1].
        """
        if self.is_identity:
            return picture.pixels.copy()
        values = picture.pixels.astype(np.float64) / (255.0 if picture.on_grid else 1.0)
        found = self.front_end(values)
        name = self.front_end.name
        if found.shape != self.output_shape or found.dtype != np.float64:
            rule = f"must return float64 values of shape {self.output_shape}"
            raise ModelOutputError(f"The front end {name!r} {rule}. Got {found.dtype} {found.shape} instead.")
        most = float(np.abs(found).max()) if np.isfinite(found).all() else math.nan
        if not most <= 1 + 1e-6:
            raise ModelOutputError(
                f"The front end {name!r} must return finite values in [-1, 1]. Got {most:g} instead."
            )
        return np.rint(found * round(1 / self.step)).astype(np.int32)

    def key_text(self, picture: Picture, sigma: float) -> str:
        """What stands for the image in the key of its noise: the picture, the front end, the noise level."""
        if self.is_identity:
            return picture.sha256()
        if isinstance(self.front_end, Resize):  # as since format version 2, so that seeds keep their meaning
            _, rows, columns = self.output_shape
            text = f"certiqa-working-1|{picture.sha256()}|{rows}x{columns}|{float(sigma).hex()}"
        else:
            text = f"certiqa-front-end-1|{picture.sha256()}|{self.front_end.digest}|{float(sigma).hex()}"
        return hashlib.sha256(text.encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "front_end": self.front_end.to_dict(),
            "digest": self.front_end.digest,
            "output_shape": list(self.output_shape),
            "lipschitz": self.lipschitz,
            "grid": self.grid,
            "step": self.step,
        }
