"""The balls of l_inf and l2, cut with [0, 1]: exactly kept, in floats and on the 8-bit grid."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from certiqa.attacks._number import check_positive
from certiqa.attacks.budgets._l2 import fit, lengths, quantise_l2
from certiqa.attacks.budgets.base import Budget, spelled
from certiqa.errors import InputError

__all__ = ["L2", "LInf"]

_LEVEL = 1 / 255


def _check_level(name: str, eps: float, quantise: bool) -> None:
    if quantise and eps < _LEVEL * (1 - 1e-9):
        rule = f"must be at least 1/255 = {_LEVEL:.5f} ({name}): no 8-bit image but the clean one is that near"
        raise InputError.of("eps", rule, eps, "Take more, or quantise=False when the attack is loaded.")


@final
@spelled("linf")
@dataclass(frozen=True)
class LInf(Budget):
    """No intensity moves by more than ``eps``, in (0, 1]: LInf(4/255) is four grey levels.

    The largest change is compared in float64, without tolerance for float images: what :meth:`project` returns has
    max |x - clean| <= eps as real numbers.

    Raises:
        InputError: eps is not in (0, 1].

    >>> str(LInf(4 / 255)), str(LInf(0.01))
    ('linf:4/255', 'linf:0.01')
    """

    eps: float
    kind: ClassVar[str] = "linf"

    def __post_init__(self) -> None:
        remedy = "It is in intensities: for n grey levels write n/255."
        object.__setattr__(self, "eps", check_positive(self.eps, "eps", 1.0, remedy))

    @property
    def limit(self) -> float:
        """``eps``."""
        return self.eps

    def distance(self, images: Tensor, clean: Tensor) -> Tensor:
        """The largest change of an intensity."""
        return (images.double() - clean.double()).abs().amax((1, 2, 3))

    def project(self, images: Tensor, clean: Tensor) -> Tensor:
        """Each intensity clipped to [clean - eps, clean + eps] and [0, 1]."""
        exact = clean.double()
        high, low = exact + self.eps, exact - self.eps
        upper, lower = high.to(clean.dtype), low.to(clean.dtype)  # rounded, so perhaps outside by one unit
        upper = torch.where(upper > high, torch.nextafter(upper, upper - 1), upper)
        lower = torch.where(lower < low, torch.nextafter(lower, lower + 1), lower)
        return torch.minimum(torch.maximum(images, lower), upper).clamp(0.0, 1.0)

    def direction(self, gradient: Tensor) -> Tensor:
        """The sign."""
        return gradient.sign()

    def along(self, direction: Tensor, clean: Tensor) -> Tensor:
        """The largest entry of the direction moves by eps."""
        largest = direction.abs().amax((1, 2, 3), keepdim=True)
        scale = torch.where(largest > 0, self.eps / largest, torch.zeros_like(largest))
        return self.project(clean + scale * direction, clean)

    def quantise(self, images: Tensor, clean: Tensor) -> Tensor:
        """Rounded to levels, then clipped to the whole grey levels that eps allows."""
        low = (255 * (clean - self.eps) - 1e-9).ceil().clamp(0, 255)
        high = (255 * (clean + self.eps) + 1e-9).floor().clamp(0, 255)
        levels = (255 * images.double()).round()
        levels = torch.minimum(torch.maximum(levels, low), high)
        return torch.where(low <= high, levels, (255 * clean).round()).to(torch.uint8)

    def check(self, shape: tuple[int, int, int], quantise: bool) -> None:
        """At least one grey level, if an 8-bit image is wanted."""
        _check_level("l_inf", self.eps, quantise)

    def __str__(self) -> str:
        levels = round(255 * self.eps)
        return f"linf:{levels}/255" if levels and levels / 255 == self.eps else f"linf:{self.eps!r}"


@final
@spelled("l2")
@dataclass(frozen=True)
class L2(Budget):
    """The Euclidean length of the change, over all 3*H*W intensities, is at most ``eps``: the certificates' own unit.

    Compared in float64, without tolerance for float images. At most sqrt(3*H*W), which is black against white.

    Raises:
        InputError: eps is no finite number > 0.

    >>> str(L2(0.5))
    'l2:0.5'
    """

    eps: float
    kind: ClassVar[str] = "l2"

    def __post_init__(self) -> None:
        remedy = "It is a length over all intensities in [0, 1]; certiqa.statistics.percentile converts PSNR to it."
        object.__setattr__(self, "eps", check_positive(self.eps, "eps", math.inf, remedy))

    @property
    def limit(self) -> float:
        """``eps``."""
        return self.eps

    def distance(self, images: Tensor, clean: Tensor) -> Tensor:
        """The length of the change."""
        return lengths(images.double() - clean.double())

    def project(self, images: Tensor, clean: Tensor) -> Tensor:
        """The nearest image in the ball and [0, 1]: clip(clean + s * change) for one s in [0, 1]."""
        return fit(images - clean, clean, self.eps, grow=False)

    def direction(self, gradient: Tensor) -> Tensor:
        """The gradient, of length 1."""
        return unit(gradient)

    def along(self, direction: Tensor, clean: Tensor) -> Tensor:
        """Clipped at 0 and 1, and grown until the length is eps; so ``steepest`` is exact for a linear score."""
        return fit(direction, clean, self.eps, grow=True)

    def quantise(self, images: Tensor, clean: Tensor) -> Tensor:
        """The change scaled so that, rounded to whole levels, it uses up its length; the largest entries come first."""
        return torch.stack([quantise_l2(x, x0, self.eps) for x, x0 in zip(images, clean, strict=True)])

    def check(self, shape: tuple[int, int, int], quantise: bool) -> None:
        """From one grey level of one intensity (for an 8-bit image) to sqrt(d)."""
        _check_level("l2", self.eps, quantise)
        most = math.sqrt(math.prod(shape))
        if self.eps > most:
            rule = f"must be at most sqrt(3*H*W) = {most:.4g} for this image (l2)"
            raise InputError.of("eps", rule, self.eps, "No image in [0, 1] is farther away than that.")

    def __str__(self) -> str:
        return f"l2:{self.eps!r}"


def unit(gradient: Tensor) -> Tensor:
    """Each image's gradient divided by its l2 length; 0 stays 0."""
    largest = gradient.abs().amax((1, 2, 3), keepdim=True).clamp_min(torch.finfo(gradient.dtype).tiny)
    scaled = gradient / largest  # first, so that the square of a tiny gradient does not vanish
    length = lengths(scaled).to(scaled.dtype).view(-1, 1, 1, 1)
    return scaled / length.clamp_min(torch.finfo(gradient.dtype).tiny)
