"""Sizes of attacks as text: l2 in [0, 1] units, l_inf, PSNR, grey levels."""

from __future__ import annotations

import math
from dataclasses import dataclass

from certiqa.errors import InputError

__all__ = ["Eps"]

_LARGEST = {"l2": math.inf, "linf": 1.0, "psnr": 1000.0, "grey": 255.0}
_REMEDY = "Try 0.5 (l2, images in [0, 1]), linf:2/255, psnr:45 or grey:1 (RMS grey levels of 255)."


@dataclass(frozen=True)
class Eps:
    """A size of attack in the unit it was given in.

    Attributes:
        unit: "l2", "linf", "psnr" or "grey".
        value: in that unit.
    """

    unit: str
    value: float

    @classmethod
    def parse(cls, text: str, option: str = "--eps") -> Eps:
        """Read it; ``option`` is what errors blame.

        Raises:
            InputError: no such unit, no number, or out of the unit's range.

        >>> Eps.parse("linf:2/255").unit, Eps.parse("0.5").value
        ('linf', 0.5)
        """
        unit, _, number = text.strip().rpartition(":")
        unit = unit.strip().lower() or "l2"
        if unit not in _LARGEST:
            raise InputError.of(option, f"must have a unit out of {', '.join(_LARGEST)}", text, _REMEDY)
        above, _, below = number.partition("/")
        try:
            value = float(above) / float(below) if "/" in number else float(number)
        except (ValueError, ZeroDivisionError):
            raise InputError.of(option, "must be a number, or unit:number", text, _REMEDY) from None
        if not math.isfinite(value) or value < 0:
            raise InputError.of(option, "must be a finite number >= 0", text, _REMEDY)
        if value > _LARGEST[unit]:
            remedy = f"Try linf:{value:g}/255." if unit == "linf" and value <= 255 else _REMEDY
            raise InputError.of(option, f"must be at most {_LARGEST[unit]:g} in the unit {unit}", text, remedy)
        return cls(unit, value)

    def length(self, dimension: int) -> float:
        """The l2 radius, for an image of ``dimension`` = 3HW values."""
        from certiqa.statistics import percentile

        if self.unit == "linf":
            return percentile.eps_from_linf(self.value, dimension)
        if self.unit == "psnr":
            return percentile.eps_from_psnr(self.value, dimension)
        return percentile.eps_from_rms(self.value, dimension) if self.unit == "grey" else self.value

    def length_for(self, path: str) -> float:
        """The l2 radius for the image in a file, which is read only if the unit depends on its size."""
        if self.unit == "l2":
            return self.value
        from certiqa.data.images import read_image

        return self.length(read_image(path).dimension)
