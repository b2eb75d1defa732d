"""NES: a gradient estimated from scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from certiqa import _checks as check
from certiqa.attacks._number import check_positive
from certiqa.attacks.base import Attack
from certiqa.attacks.blackbox._count import check_queries
from certiqa.attacks.problem import Best, Problem
from certiqa.errors import InputError

__all__ = ["NES"]


@final
@dataclass(frozen=True, kw_only=True)
class NES(Attack):
    """Projected ascent along a gradient estimated by antithetic finite differences.

    A step scores ``population`` images, in pairs clean +- sigma * u with Gaussian u clipped to [0, 1], estimates the
    gradient by sum((f(x + sigma u) - f(x - sigma u)) * u), moves, and scores where it came to. u is constant on tiles
    of ``tile`` x ``tile`` pixels: fewer unknowns, at the price of a blind eye for finer patterns; 1: none.

    Passes: (population + 1) * floor(queries / (population + 1)) forward, none backward.

    Attributes:
        queries: forward passes per image, at most.
        population: scores per estimate, even.
        sigma: length of the finite difference, in intensities.
        step: length of a step, as a fraction of the budget.
        tile: side of the tiles, in pixels.

    Source: Ilyas, Engstrom, Athalye and Lin 2018 (arXiv 1804.08598), algorithm 1; tiles: Ilyas, Engstrom and Madry 2019
    (arXiv 1807.07978), section 3.2.

    >>> attack = NES(queries=63, population=20)
    >>> result = attack(lambda x: (x**2).mean((1, 2, 3)), torch.full((1, 3, 16, 16), 0.5), "raise", "linf:8/255")[0]
    >>> result.queries, result.gradients, result.change > 0
    (63, 0, True)
    """

    name: ClassVar[str] = "nes"
    summary: ClassVar[str] = "ascent along a gradient estimated from scores"
    paper: ClassVar[str] = "Ilyas et al., ICML 2018 (arXiv 1804.08598)"
    access: ClassVar[str] = "scores"
    singly: ClassVar[bool] = True

    queries: int = 1000
    population: int = 20
    sigma: float = 0.01
    step: float = 0.25
    tile: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        if check.check_count(self.population, "population", 2) % 2:
            raise InputError.of("population", "must be even: the images come in pairs", self.population, "Try 20.")
        check_queries(self.queries, self.population + 1)
        check_positive(self.sigma, "sigma", 1.0, "Try 0.01.")
        check_positive(self.step, "step", 2.0, "It is a fraction of the budget: try 0.25.")
        check.check_count(self.tile, "tile")

    def run(self, problem: Problem) -> Tensor:
        """The best point that was scored."""
        clean, best, radius = problem.clean, Best(problem.clean), None
        images = clean
        for _ in range(self.queries // (self.population + 1)):
            gradient = self._estimate(problem, images)
            if radius is None:
                radius = problem.budget.radius(gradient, clean).to(clean.dtype)
            images = problem.project(images + self.step * radius * problem.budget.direction(gradient))
            best.update(images, problem.gain(images))
        return best.images

    def _estimate(self, problem: Problem, images: Tensor) -> Tensor:
        channels, height, width = images.shape[1:]
        rows, columns = -(-height // self.tile), -(-width // self.tile)
        coarse = torch.empty(self.population // 2, channels, rows, columns).normal_(generator=problem.generators[0])
        fine = coarse.repeat_interleave(self.tile, 2).repeat_interleave(self.tile, 3)
        noise = fine[..., :height, :width].to(images)
        pairs = torch.cat((images + self.sigma * noise, images - self.sigma * noise)).clamp(0.0, 1.0)
        up, down = problem.gains(pairs).chunk(2)
        slope = (up - down).nan_to_num(0.0, 0.0, 0.0).to(images.dtype).view(-1, 1, 1, 1)
        return (slope * noise).sum(0, keepdim=True)
