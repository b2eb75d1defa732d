"""Identity: no front end; the noise meets the pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, final

from certiqa.frontends.base import Floats, digest_of

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Identity"]


@final
@dataclass(frozen=True)
class Identity:
    """phi(x) = x: L = 1, and no grid but the image's own.

    >>> Identity().output_shape(30, 40), Identity().lipschitz(30, 40)
    ((3, 30, 40), 1.0)
    """

    name: ClassVar[str] = "identity"
    smallest: ClassVar[int] = 1

    @property
    def digest(self) -> str:
        """SHA-256 of its name."""
        return digest_of(self.to_dict())

    def output_shape(self, height: int, width: int) -> tuple[int, ...]:
        """The image's own."""
        return 3, height, width

    def lipschitz(self, height: int, width: int) -> float:
        """1, exactly."""
        return 1.0

    def rounding(self, height: int, width: int) -> float:
        """0: nothing is computed."""
        return 0.0

    def __call__(self, values: Floats) -> Floats:
        """The values themselves."""
        return values

    def of_tensor(self, images: Tensor) -> Tensor:
        """The images themselves."""
        return images

    def words(self, height: int, width: int) -> str:
        """That there is none."""
        return f"none: the noise meets the {width}x{height} pixels"

    def to_dict(self) -> dict[str, Any]:
        """Its name."""
        return {"name": self.name}
