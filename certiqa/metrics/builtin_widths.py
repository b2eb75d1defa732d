"""The widths of the built-in network, and how they are read off its weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

__all__ = ["Widths"]

MOST_SCALES = 6
"""Of a network that is read from a file: at the sixth, 1024 pixels are 32."""


@dataclass(frozen=True)
class Widths:
    """The channels of every part of the network."""

    stem: tuple[int, int] = (32, 48)
    stages: tuple[int, ...] = (72, 128, 192, 192)
    hidden: int = 128
    scales: int = 2
    """The image is looked at in so many sizes, each half of the one before, by the same convolutions."""
    kinds: int = 0
    """How many kinds of sources it tells apart; 0: none, the head alone gives the score."""

    @property
    def statistics(self) -> int:
        """How many numbers the head gets: a mean and a spread for every pooled channel, at every scale."""
        return 2 * (self.stem[1] + sum(self.stages)) * self.scales

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor]) -> Widths:
        """The widths that the weights of such a network show, by name.

        What they do not show, or not as a number from 1 on, is as in the network that ships; whether the tensors fit
        these widths is for the caller to see.
        """

        def width(name: str, axis: int, otherwise: int) -> int:
            shape = tensors[name].shape if name in tensors else ()
            return shape[axis] if len(shape) > axis and shape[axis] else otherwise

        usual = cls()
        stem = (width("stem.0.weight", 0, usual.stem[0]), width("stem.2.weight", 0, usual.stem[1]))
        count = 1 + max((int(name.split(".")[1]) for name in tensors if _of_a_stage(name)), default=-1)
        usual_stages = dict(enumerate(usual.stages))
        stages = tuple(
            width(f"stages.{number}.down.weight", 0, usual_stages.get(number, usual.stages[-1]))
            for number in range(min(count, 16) or len(usual.stages))
        )
        hidden = width("head.0.weight", 0, usual.hidden)
        one = cls(stem, stages, hidden, scales=1)
        scales = round(width("head.0.weight", 1, one.statistics * usual.scales) / one.statistics)
        kinds = width("kind.weight", 0, 0)
        return cls(stem, stages, hidden, min(max(scales, 1), MOST_SCALES), kinds)


def _of_a_stage(name: str) -> bool:
    first, _, rest = name.partition(".")
    return first == "stages" and rest.split(".")[0].isdecimal()
