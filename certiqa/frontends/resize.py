"""Resize: the working resolution as a front end, an antialiased bilinear resize whose operator norm is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, final

from certiqa._checks import check_resolution
from certiqa.data import resize
from certiqa.errors import InputError
from certiqa.frontends.base import Floats, digest_of

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Resize"]

_LARGEST = 1 << 25


@final
@dataclass(frozen=True)
class Resize:
    """phi(x) = R x, R an antialiased bilinear resize: L = ||R||_2, the smaller the picture the smaller.

    Args:
        resolution: the shorter side after the resize (the longer one keeps the aspect ratio, rounded to the nearest
            pixel), or (height, width); from 2 to 4096 pixels.

    Raises:
        InputError: the resolution breaks its rule.

    >>> Resize(96).output_shape(384, 512), round(Resize(96).lipschitz(384, 512), 3)
    ((3, 96, 128), 0.251)
    """

    name: ClassVar[str] = "resize"
    smallest: ClassVar[int] = 1
    resolution: int | tuple[int, int]

    def __post_init__(self) -> None:
        checked = check_resolution(self.resolution)
        if checked is None:
            raise InputError.of("resolution", "must be a size, not None", None, "Identity() is no resize at all.")
        object.__setattr__(self, "resolution", checked)

    @property
    def digest(self) -> str:
        """SHA-256 of its name and resolution."""
        return digest_of(self.to_dict())

    def size(self, height: int, width: int) -> tuple[int, int]:
        """(height, width) of the picture that comes out."""
        return resize.working_size(height, width, self.resolution)

    def fits(self, height: int, width: int) -> bool:
        """Whether its matrices and its result are of a reasonable size: 2**25 numbers each at most."""
        rows, columns = self.size(height, width)
        return max(height * rows, width * columns, rows * columns) <= _LARGEST

    def output_shape(self, height: int, width: int) -> tuple[int, ...]:
        """(3, rows, columns)."""
        return 3, *self.size(height, width)

    def lipschitz(self, height: int, width: int) -> float:
        """||R||_2, bounded from above (:func:`certiqa.data.resize.spectral_norm`)."""
        return self._map(height, width).norm

    def rounding(self, height: int, width: int) -> float:
        """That of its sums, none of whose terms is negative."""
        return self._map(height, width).rounding

    def __call__(self, values: Floats) -> Floats:
        """R x."""
        return self._map(*values.shape[1:])(values)

    def of_tensor(self, images: Tensor) -> Tensor:
        """R x of each image."""
        return self._map(int(images.shape[-2]), int(images.shape[-1])).of_tensor(images)

    def words(self, height: int, width: int) -> str:
        """The size that comes out, and what is unusual about it."""
        rows, columns = self.size(height, width)
        stretch = rows * width / (columns * height)
        larger = rows > height or columns > width
        enlarged = ", which enlarges it: the certificate is weaker than without" if larger else ""
        distorted = "" if 0.9 <= stretch <= 1.1 else ", which changes the aspect ratio"
        return f"antialiased bilinear resize to {columns}x{rows} before the noise{distorted}{enlarged}"

    def to_dict(self) -> dict[str, Any]:
        """Its name and resolution."""
        size = self.resolution
        return {"name": self.name, "resolution": size if isinstance(size, int) else list(size)}

    def _map(self, height: int, width: int) -> resize.Resize:
        return resize.Resize(height, width, *self.size(height, width))
