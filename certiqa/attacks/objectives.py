"""What an attack is after: objectives, stated in terms of the score.

A score has no side of its own here: "raise" raises the number, whether or not more of it means better quality. A metric
whose ``lower_better`` is True looks better after :class:`Lower`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import final

from torch import Tensor

from certiqa.attacks._number import check_between
from certiqa.errors import InputError, UnknownNameError

__all__ = ["Lower", "Move", "Objective", "Raise", "RankFlip", "Target", "objective"]


class Objective(ABC):
    """What is gained by a score: attacks climb ``gain`` and know its derivative ``slope``."""

    @abstractmethod
    def gain(self, scores: Tensor, before: Tensor) -> Tensor:
        """What each image has gained, in units of the score, (B,): 0 at the clean score, > 0 for a success.

        Args:
            scores: (B,) of the images as they are now.
            before: (B,) of the clean images.
        """

    @abstractmethod
    def slope(self, scores: Tensor, before: Tensor) -> Tensor:
        """The derivative of ``gain`` by the score, (B,): the gradient of the gain is slope * gradient of the score."""

    def alternatives(self) -> tuple[Objective, ...]:
        """The objectives that are tried one after the other; the best result of each image is kept."""
        return (self,)

    @abstractmethod
    def __str__(self) -> str: ...


@final
@dataclass(frozen=True)
class Raise(Objective):
    """Make the score a larger number.

    >>> import torch
    >>> Raise().gain(torch.tensor([3.0]), torch.tensor([1.0]))
    tensor([2.])
    """

    def gain(self, scores: Tensor, before: Tensor) -> Tensor:
        """Score - clean score."""
        return scores - before

    def slope(self, scores: Tensor, before: Tensor) -> Tensor:
        """1."""
        return scores.new_ones(scores.shape)

    def __str__(self) -> str:
        return "raise"


@final
@dataclass(frozen=True)
class Lower(Objective):
    """Make the score a smaller number.

    >>> import torch
    >>> Lower().gain(torch.tensor([3.0]), torch.tensor([1.0]))
    tensor([-2.])
    """

    def gain(self, scores: Tensor, before: Tensor) -> Tensor:
        """Clean score - score."""
        return before - scores

    def slope(self, scores: Tensor, before: Tensor) -> Tensor:
        """-1."""
        return -scores.new_ones(scores.shape)

    def __str__(self) -> str:
        return "lower"


@final
@dataclass(frozen=True)
class Move(Objective):
    """Change the score, whichever way is farther.

    |score - clean score| has no gradient at the clean image. So the attack runs twice, once for :class:`Raise` and once
    for :class:`Lower`, and each image keeps the larger change: it costs twice the passes, and they are counted.

    >>> [str(one) for one in Move().alternatives()]
    ['raise', 'lower']
    """

    def gain(self, scores: Tensor, before: Tensor) -> Tensor:
        """|score - clean score|."""
        return (scores - before).abs()

    def slope(self, scores: Tensor, before: Tensor) -> Tensor:
        """The sign of the change; 0 where nothing has changed."""
        return (scores - before).sign()

    def alternatives(self) -> tuple[Objective, ...]:
        """Raise and Lower."""
        return Raise(), Lower()

    def __str__(self) -> str:
        return "move"


@final
@dataclass(frozen=True)
class Target(Objective):
    """Bring the score as near to ``value`` as possible.

    >>> import torch
    >>> Target(50).gain(torch.tensor([45.0]), torch.tensor([30.0]))
    tensor([15.])
    """

    value: float

    def __post_init__(self) -> None:
        number = check_between(self.value, "value", -1e300, 1e300, "Name a score on the metric's own scale.")
        object.__setattr__(self, "value", number)

    def gain(self, scores: Tensor, before: Tensor) -> Tensor:
        """By how much the distance to ``value`` has become less."""
        return (before - self.value).abs() - (scores - self.value).abs()

    def slope(self, scores: Tensor, before: Tensor) -> Tensor:
        """The sign of value - score."""
        return (self.value - scores).sign()

    def __str__(self) -> str:
        return f"target:{self.value:g}"


@final
@dataclass(frozen=True)
class RankFlip:
    """Turn round the order of two images: raise the one with the lower score, lower the other.

    It is an objective for exactly two images, each with the whole budget; ``result.flipped`` says whether the order of
    the attacked float images is the other one, and ``flipped_quantised`` the same of the 8-bit images. Images of two
    sizes are a list.

    Attributes:
        move: "both" images; or only the "higher" or the "lower" one, and the other stays as it is.

    >>> import torch
    >>> [str(one) for one in RankFlip().of_pair(torch.tensor([3.0, 1.0])) if one]
    ['lower', 'raise']
    >>> [one and str(one) for one in RankFlip("lower").of_pair(torch.tensor([3.0, 1.0]))]
    [None, 'raise']
    """

    move: str = "both"

    def __post_init__(self) -> None:
        if self.move not in ("both", "higher", "lower"):
            raise InputError.of("move", "must be one of 'both', 'higher', 'lower'", self.move)

    def of_pair(self, before: Tensor) -> tuple[Objective | None, Objective | None]:
        """The objective of each of the two images; None: it is left alone.

        Raises:
            InputError: the scores are equal, so that there is no order to turn round.
        """
        first, second = before.tolist()
        if first == second:
            rule = "must be two images with different scores for the objective 'rank-flip'"
            raise InputError.of("images", rule, (first, second), "Pass another pair.")
        down = Lower() if self.move in ("both", "higher") else None
        up = Raise() if self.move in ("both", "lower") else None
        return (down, up) if first > second else (up, down)

    def __str__(self) -> str:
        return "rank-flip" if self.move == "both" else f"rank-flip:{self.move}"


def objective(text: object) -> Objective | RankFlip:
    """An objective from its name: "raise", "lower", "move", "target:50", "rank-flip" or "rank-flip:higher".

    An objective comes back as it is.

    Raises:
        UnknownNameError: no such objective; InputError: a target that is no number.

    >>> objective("target:50")
    Target(value=50.0)
    """
    if isinstance(text, Objective | RankFlip):
        return text
    if not isinstance(text, str):
        raise InputError.of("objective", "must be an objective or its name", text, 'Try attacks.Raise() or "raise".')
    name, colon, rest = text.partition(":")
    if name == "rank-flip":
        return RankFlip(rest if colon else "both")
    if name == "target" and colon:
        try:
            return Target(float(rest))
        except ValueError:
            raise InputError.of("objective", "must be target:VALUE with a number", text, 'Try "target:50".') from None
    plain: dict[str, Objective] = {"raise": Raise(), "lower": Lower(), "move": Move()}
    if text not in plain:
        raise UnknownNameError.among("objective", text, [*plain, "target:VALUE", "rank-flip"])
    return plain[text]
