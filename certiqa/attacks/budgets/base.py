"""How far an attacked image may be from the clean one: the budget, and what attacks ask of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, TypeVar

from torch import Tensor

from certiqa.errors import InputError, UnknownNameError

__all__ = ["KINDS", "Budget", "spelled"]

KINDS = ("linf", "l2", "ssim", "perceptual")


class Budget(ABC):
    """A set of images around a clean one. All methods take batches (B,3,H,W) of intensities in [0, 1].

    Attributes:
        kind: "linf", "l2", "ssim" or "perceptual".
    """

    kind: ClassVar[str]

    @property
    @abstractmethod
    def limit(self) -> float:
        """The largest :meth:`distance`."""

    @abstractmethod
    def distance(self, images: Tensor, clean: Tensor) -> Tensor:
        """How much of the budget is used, (B,) float64, in the units of ``limit``."""

    @abstractmethod
    def project(self, images: Tensor, clean: Tensor) -> Tensor:
        """The images, moved inside the budget and [0, 1] where they are not; nearest, where that has a meaning."""

    @abstractmethod
    def direction(self, gradient: Tensor) -> Tensor:
        """The gradient as a direction of ascent: its sign for l_inf, else of l2 length 1; 0 where it is 0."""

    @abstractmethod
    def along(self, direction: Tensor, clean: Tensor) -> Tensor:
        """The image clip(clean + t * direction) with the largest t that stays inside the budget."""

    @abstractmethod
    def quantise(self, images: Tensor, clean: Tensor) -> Tensor:
        """The images as 8-bit levels (B,3,H,W) uint8, inside the budget where that is possible.

        Args:
            images: float images inside the budget.
            clean: float64, the exact clean intensities. Where they are k/255, the result is inside the budget.
        """

    @abstractmethod
    def check(self, shape: tuple[int, int, int], quantise: bool) -> None:
        """The rules that depend on the picture's shape (3, H, W), and on whether an 8-bit image is wanted.

        Raises:
            InputError: no such change fits.
        """

    @abstractmethod
    def __str__(self) -> str: ...

    def allows(self, images: Tensor, clean: Tensor) -> Tensor:
        """Which images are inside, (B,) bool, up to a relative 1e-9 for the rounding of the distance itself."""
        return self.distance(images, clean) <= self.limit * (1 + 1e-9)

    def steepest(self, gradient: Tensor, clean: Tensor) -> Tensor:
        """The image in the budget that a linear score with this gradient likes best."""
        return self.along(self.direction(gradient), clean)

    def radius(self, gradient: Tensor, clean: Tensor) -> Tensor:
        """The length of the budget in units of :meth:`direction`, (B,1,1,1): step sizes are fractions of it."""
        return clean.new_full((len(clean), 1, 1, 1), self.limit)

    def penalty(self, images: Tensor, clean: Tensor) -> Tensor | None:
        """The differentiable distance, (B,), of a budget that has one; None for the hard balls of l_inf and l2."""
        return None

    @staticmethod
    def parse(text: object) -> Budget:
        """A budget from its text: "linf:4/255", "l2:0.5" or "ssim:0.98"; a budget comes back as it is.

        Raises:
            UnknownNameError: no such budget; InputError: the amount is no number, or breaks its rule.

        >>> Budget.parse("linf:4/255") == Budget.parse(f"linf:{4 / 255}")
        True
        >>> str(Budget.parse("ssim:0.98"))
        'ssim:0.98'
        """
        if isinstance(text, Budget):
            return text
        if not isinstance(text, str):
            raise InputError.of("budget", "must be a budget or its text", text, 'Try "linf:4/255" or "l2:0.5".')
        kind, _, amount = text.partition(":")
        if kind not in _MAKERS:
            raise UnknownNameError.among("budget", kind, _MAKERS)
        return _MAKERS[kind](_number(text, amount))


_MAKERS: dict[str, Callable[[float], Budget]] = {}
_Made = TypeVar("_Made", bound=Callable[[float], Budget])


def spelled(kind: str) -> Callable[[_Made], _Made]:
    """A decorator: :meth:`Budget.parse` makes ``KIND:AMOUNT`` by calling this class with the amount."""

    def made_known(maker: _Made) -> _Made:
        _MAKERS[kind] = maker
        return maker

    return made_known


def _number(text: str, amount: str) -> float:
    above, slash, below = amount.partition("/")
    try:
        return float(above) / float(below) if slash else float(above)
    except (ValueError, ZeroDivisionError):
        rule = "must be KIND:AMOUNT, the amount a number or a fraction"
        raise InputError.of("budget", rule, text, 'Try "linf:4/255", "l2:0.5" or "ssim:0.98".') from None
