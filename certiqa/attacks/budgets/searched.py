"""Budgets without a formula for the nearest point: SSIM and any perceptual distance. They are searched for by line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar, final

import torch
from torch import Tensor

from certiqa.attacks._number import check_between, check_positive
from certiqa.attacks.budgets._l2 import lengths
from certiqa.attacks.budgets.base import Budget, spelled
from certiqa.attacks.budgets.norms import unit
from certiqa.attacks.ssim import ssim
from certiqa.errors import InputError, ModelOutputError

__all__ = ["SSIM", "Perceptual"]

_TRIES, _CLOSE = 24, 0.98


class _Searched(Budget):
    """Moves towards the clean image, on the straight line to it, until the distance is small enough."""

    def project(self, images: Tensor, clean: Tensor) -> Tensor:
        """The image farthest from the clean one on the straight line between them that was found inside."""
        images = images.clamp(0.0, 1.0)
        distance = self.distance(images, clean)
        if bool((distance <= self.limit).all()):
            return images
        change = images - clean
        return self._search(lambda s: (clean + s * change).clamp(0.0, 1.0), distance, clean)

    def _search(self, image: Callable[[Tensor], Tensor], distance: Tensor, clean: Tensor) -> Tensor:
        """image(s) for the largest s in [0, 1] found inside; ``distance`` is that of image(1), image(0) is clean."""
        outside = distance > self.limit
        high, good = torch.ones_like(distance), torch.where(outside, torch.zeros_like(distance), 1.0)
        distance_high, nearly = distance, ~outside
        for attempt in range(_TRIES):
            if bool(nearly.all()):
                break
            # Distances of this kind grow about as the square of the change: aim at the limit, then halve.
            aim = good + (high - good) * 0.5
            if attempt % 2 == 0:
                guess = 0.995 * high * (self.limit / distance_high).sqrt()
                aim = torch.where((guess > good) & (guess < high), guess, aim)
            found = self.distance(image(_wide(torch.where(nearly, good, aim), clean)), clean)
            inside = found <= self.limit
            good = torch.where(inside & ~nearly, aim, good)
            high = torch.where(inside | nearly, high, aim)
            distance_high = torch.where(inside | nearly, distance_high, found)
            nearly = nearly | (inside & (found >= _CLOSE * self.limit))
        return image(_wide(good, clean))

    def direction(self, gradient: Tensor) -> Tensor:
        """The gradient, of l2 length 1."""
        return unit(gradient)

    def along(self, direction: Tensor, clean: Tensor) -> Tensor:
        """Doubled until it is outside, then searched for."""
        length = lengths(direction)
        step = unit(direction) * (direction[0].numel() ** 0.5 / 1024)
        reach = torch.ones(len(clean), dtype=torch.float64, device=clean.device)
        for _ in range(20):
            distance = self.distance((clean + _wide(reach, clean) * step).clamp(0.0, 1.0), clean)
            growing = (distance <= self.limit) & (length > 0)
            if not bool(growing.any()):
                break
            reach = torch.where(growing, 2 * reach, reach)
        change = _wide(reach, clean) * step
        distance = self.distance((clean + change).clamp(0.0, 1.0), clean)
        return self._search(lambda s: (clean + s * change).clamp(0.0, 1.0), distance, clean)

    def radius(self, gradient: Tensor, clean: Tensor) -> Tensor:
        """The l2 length of the steepest change that fits; 1e-3 RMS where the gradient is 0."""
        change = self.steepest(gradient, clean) - clean
        least = 1e-3 * clean[0].numel() ** 0.5
        return lengths(change).clamp_min(least).view(-1, 1, 1, 1)

    def quantise(self, images: Tensor, clean: Tensor) -> Tensor:
        """The largest t in [0, 1] found for which round(255 * (clean + t * change)) is inside."""
        change = images.double() - clean

        def levels(s: Tensor) -> Tensor:
            return (255 * (clean + s * change)).round().clamp(0, 255)

        low = torch.zeros(len(clean), dtype=torch.float64, device=clean.device)
        high = torch.ones_like(low)
        inside = self.distance(levels(_wide(high, clean)) / 255, clean) <= self.limit
        low = torch.where(inside, high, low)
        for _ in range(_TRIES):
            middle = (low + high) / 2
            inside = self.distance(levels(_wide(middle, clean)) / 255, clean) <= self.limit
            low, high = torch.where(inside, middle, low), torch.where(inside, high, middle)
        return levels(_wide(low, clean)).to(torch.uint8)

    def check(self, shape: tuple[int, int, int], quantise: bool) -> None:
        """Nothing depends on the shape."""


def _wide(scale: Tensor, like: Tensor) -> Tensor:
    return scale.to(like.dtype).view(-1, 1, 1, 1)


@final
@spelled("ssim")
@dataclass(frozen=True)
class SSIM(_Searched):
    """The structural similarity to the clean image (:func:`certiqa.attacks.ssim.ssim`) stays at ``least`` or more.

    Raises:
        InputError: ``least`` is not in [0, 1).

    >>> str(SSIM(0.98))
    'ssim:0.98'
    """

    least: float
    kind: ClassVar[str] = "ssim"

    def __post_init__(self) -> None:
        remedy = "1 is the clean image itself. Try 0.98."
        object.__setattr__(self, "least", check_between(self.least, "least", 0.0, 1.0, remedy))

    @property
    def limit(self) -> float:
        """1 - ``least``."""
        return 1 - self.least

    def distance(self, images: Tensor, clean: Tensor) -> Tensor:
        """1 - SSIM."""
        with torch.no_grad():
            return 1 - ssim(images.double(), clean.double())

    def penalty(self, images: Tensor, clean: Tensor) -> Tensor:
        """1 - SSIM, differentiable."""
        return 1 - ssim(images, clean)

    def __str__(self) -> str:
        return f"ssim:{self.least!r}"


@final
@dataclass(frozen=True)
class Perceptual(_Searched):
    """A distance of your own (LPIPS, DISTS, ...) stays at ``most`` or below.

    Attributes:
        metric: (images, clean), both (B,3,H,W) float32 in [0, 1] -> (B,) distances >= 0, 0 for equal images;
            differentiable, if an attack is to use its gradient (``perceptual``).
        most: the largest distance.
        name: what the results call it.

    The rescaling to the budget takes for granted that the distance falls on the way to the clean image; whatever it
    does, the image that is returned was measured inside.

    Raises:
        InputError: the distance is not callable, or ``most`` is no finite number > 0.

    >>> budget = Perceptual(lambda x, y: (x - y).abs().mean((1, 2, 3)), 0.01, "mae")
    >>> str(budget)
    'mae:0.01'
    """

    metric: Callable[[Tensor, Tensor], Tensor] = field(repr=False)
    most: float
    name: str = "perceptual"
    kind: ClassVar[str] = "perceptual"

    def __post_init__(self) -> None:
        if not callable(self.metric):
            raise InputError.of("metric", "must be callable: (images, clean) -> (B,) distances", self.metric)
        object.__setattr__(self, "most", check_positive(self.most, "most"))

    @property
    def limit(self) -> float:
        """``most``."""
        return self.most

    def distance(self, images: Tensor, clean: Tensor) -> Tensor:
        """As the callable says, in its own arithmetic."""
        with torch.no_grad():
            return self._called(images.float(), clean.float()).double()

    def penalty(self, images: Tensor, clean: Tensor) -> Tensor:
        """The callable itself."""
        return self._called(images, clean)

    def _called(self, images: Tensor, clean: Tensor) -> Tensor:
        found = self.metric(images, clean)
        if not isinstance(found, Tensor) or found.numel() != len(images):
            shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise ModelOutputError(
                f"The distance {self.name!r} must return one number per image, ({len(images)},). Got {shape} instead."
            )
        found = found.reshape(len(images))
        if not bool(torch.isfinite(found).all()):
            raise ModelOutputError(f"The distance {self.name!r} must be finite. Got NaN or infinity.")
        return found

    def __str__(self) -> str:
        return f"{self.name}:{self.most!r}"
