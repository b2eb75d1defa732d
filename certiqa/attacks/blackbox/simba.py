"""SimBA: random search along cosine patterns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from certiqa.attacks._filters import cosine
from certiqa.attacks._number import check_positive
from certiqa.attacks.base import Attack
from certiqa.attacks.blackbox._count import check_queries
from certiqa.attacks.problem import Problem

__all__ = ["SimBA"]


@final
@dataclass(frozen=True, kw_only=True)
class SimBA(Attack):
    """One low-frequency cosine pattern of one channel at a time: forth, else back, else left alone.

    The patterns come in random order without repetition, then in a new order. Unlike the original, which grows the
    change by a fixed amount a step, it projects on the budget.

    Passes: exactly ``queries`` forward, none backward.

    Attributes:
        queries: forward passes per image, the clean image's among them.
        step: length of a step, as a fraction of the budget.
        frequencies: share of the frequencies in each direction, from the lowest, in (0, 1].

    Source: Guo, Gardner, You, Wilson and Weinberger 2019 (arXiv 1905.07121), algorithm 1, SimBA-DCT.

    >>> attack = SimBA(queries=30)
    >>> result = attack(lambda x: (x**2).mean((1, 2, 3)), torch.full((1, 3, 16, 16), 0.5), "raise", "l2:0.5")[0]
    >>> result.queries, result.gradients, result.change > 0
    (30, 0, True)
    """

    name: ClassVar[str] = "simba"
    summary: ClassVar[str] = "random search along low-frequency cosine patterns"
    paper: ClassVar[str] = "Guo et al., ICML 2019 (arXiv 1905.07121)"
    access: ClassVar[str] = "scores"
    singly: ClassVar[bool] = True

    queries: int = 1000
    step: float = 0.2
    frequencies: float = 0.25

    def __post_init__(self) -> None:
        super().__post_init__()
        check_queries(self.queries, 2)
        check_positive(self.step, "step", 1.0, "It is a fraction of the budget: try 0.2.")
        check_positive(self.frequencies, "frequencies", 1.0, "Try 0.25.")

    def run(self, problem: Problem) -> Tensor:
        """The best image found."""
        clean, budget = problem.clean, problem.budget
        images, gain, left = clean, problem.gain(clean), self.queries - 1
        for pattern in self._patterns(problem):
            for direction in (pattern, -pattern):
                if not left:
                    return images
                change = self.step * (budget.along(direction, clean) - clean)
                candidate = problem.project(images + change)
                found = problem.gain(candidate)
                left -= 1
                if bool(found > gain):
                    images, gain = candidate, found
                    break
        return images

    def _patterns(self, problem: Problem) -> Iterator[Tensor]:
        """(1,3,H,W) cosines, without end."""
        channels, height, width = problem.clean.shape[1:]
        rows, columns = (max(1, round(self.frequencies * side)) for side in (height, width))
        count = channels * rows * columns
        while True:
            keys = torch.empty(count).uniform_(generator=problem.generators[0])
            for index in keys.argsort().tolist():
                channel, rest = divmod(index, rows * columns)
                pattern = torch.zeros(1, channels, height, width)
                pattern[0, channel] = cosine(height, width, *divmod(rest, columns))
                yield pattern.to(problem.clean)
