"""FrontEnd: the protocol of a map phi that stands between the clean image and the noise."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Floats", "FrontEnd", "digest_of", "is_front_end"]

Floats = npt.NDArray[np.float64]

_METHODS = ("name", "smallest", "digest", "output_shape", "lipschitz", "rounding", "of_tensor", "words", "to_dict")


class FrontEnd(Protocol):
    """phi, for images of any size: frozen data, equal if its :meth:`to_dict` is.

    Whoever writes one vouches for :meth:`lipschitz`: for ALL images x and perturbations d of that size

        ||phi(x + d) - phi(x)||_2  <=  lipschitz(height, width) ||d||_2        (in real arithmetic).

    phi may depend on the image's size, never on its content by way of a crop, a normalisation or a noise level. A front
    end whose output is a vector of numbers, not a picture, gives them in RMS units of intensities in [0, 1]: divided by
    sqrt(3HW), so that an attack of RMS rho moves them by about rho whatever the size of the image, and lie in [-1, 1].

    Source: docs/theory.md, section 9.
    """

    @property
    def name(self) -> str:
        """What :func:`certiqa.frontends.from_dict` finds it by."""

    @property
    def smallest(self) -> int:
        """The least height and width of an image that it takes, in pixels."""

    @property
    def digest(self) -> str:
        """SHA-256 (hexadecimal) of all that defines it, weights included."""

    def output_shape(self, height: int, width: int) -> tuple[int, ...]:
        """(3, h, w) of the picture, or (m,) of the numbers, that it makes of an image of that size."""

    def lipschitz(self, height: int, width: int) -> float:
        """L, bounded from above, rounding included."""

    def rounding(self, height: int, width: int) -> float:
        """How far float64 arithmetic may take one output value from phi(x), for x in [0, 1]."""

    def __call__(self, values: Floats) -> Floats:
        """phi of one image, (3, H, W) in [0, 1]: the reference, in float64."""

    def of_tensor(self, images: Tensor) -> Tensor:
        """phi of (B, 3, H, W), differentiable, in the images' own dtype and on their device: for attacks and training.

        No certificate rests on it.
        """

    def words(self, height: int, width: int) -> str:
        """What it does to an image of that size, in a few words."""

    def to_dict(self) -> dict[str, Any]:
        """Its name and parameters as plain JSON values, from which it can be made again."""


def is_front_end(value: object) -> TypeGuard[FrontEnd]:
    """Whether it has all that the protocol :class:`FrontEnd` asks for."""
    return callable(value) and not isinstance(value, type) and all(hasattr(value, name) for name in _METHODS)


def digest_of(data: dict[str, Any]) -> str:
    """SHA-256 of plain JSON values in their canonical spelling.

    >>> digest_of({"b": 1, "a": 2}) == digest_of({"a": 2, "b": 1})
    True
    """
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()
