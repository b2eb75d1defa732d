"""Auto-PGD: gradient ascent that halves its own step when it stops paying."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from certiqa import _checks as check
from certiqa.attacks._number import check_between, check_flag
from certiqa.attacks.base import Attack
from certiqa.attacks.problem import Best, Problem
from certiqa.attacks.whitebox.pgd import random_point

__all__ = ["APGD"]

_FIRST, _LESS, _LEAST = 0.22, 0.03, 0.06  # of all steps: the first interval between checks, by how much less, at least


@final
@dataclass(frozen=True, kw_only=True)
class APGD(Attack):
    """PGD without a step size: it starts at twice the budget and is halved, image by image, at checkpoints.

    A step is halved, and the search goes on from the best point, when fewer than ``rho`` of the steps since the last
    checkpoint raised the gain, or when neither the step nor the best gain changed between the last two. Steps carry a
    momentum of 0.25.

    Passes: restarts * (steps + 1) forward, restarts * steps backward.

    Attributes:
        steps: of each restart.
        restarts: how many starting points.
        rho: share of the steps that must succeed, in (0, 1).
        random_start: as for PGD.

    Source: Croce and Hein 2020 (arXiv 2003.01690), algorithm 1, with the score's gain as the loss.

    >>> attack = APGD(steps=10)
    >>> result = attack(lambda x: (x**2).mean((1, 2, 3)), torch.full((1, 3, 8, 8), 0.5), "raise", "l2:0.5")[0]
    >>> result.queries, result.gradients, result.change > 0
    (11, 10, True)
    """

    name: ClassVar[str] = "apgd"
    summary: ClassVar[str] = "PGD that controls its own step size"
    paper: ClassVar[str] = "Croce, Hein, ICML 2020 (arXiv 2003.01690)"

    steps: int = 50
    restarts: int = 1
    rho: float = 0.75
    random_start: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check.check_count(self.steps, "steps", 2)
        check.check_count(self.restarts, "restarts")
        check_between(self.rho, "rho", 1e-9, 1.0, "Try 0.75.")
        check_flag(self.random_start, "random_start")

    def run(self, problem: Problem) -> Tensor:
        """The best image of all restarts."""
        best = Best(problem.clean)
        for restart in range(self.restarts):
            start = problem.clean if restart == 0 and not self.random_start else random_point(problem)
            found = self._climb(problem, start)
            best.update(found.images, found.gain)
        return best.images

    def _climb(self, problem: Problem, start: Tensor) -> Best:
        images, previous, best = start, start, Best(problem.clean)
        gain, gradient = problem.gradient(images)
        best.update(images, gain)
        best_gradient = gradient
        step = 2 * problem.budget.radius(gradient, problem.clean).to(images.dtype)
        checks, interval, last = _checkpoints(self.steps), 0, 0
        raised = torch.zeros_like(gain)
        halved, best_then = torch.ones_like(gain, dtype=torch.bool), best.gain.clone()
        for index in range(1, self.steps + 1):
            ahead = problem.project(images + step * problem.budget.direction(gradient))
            if index > 1:
                ahead = problem.project(images + 0.75 * (ahead - images) + 0.25 * (images - previous))
            previous, images, gain_before = images, ahead, gain
            if index == self.steps:
                best.update(images, problem.gain(images))
                break
            gain, gradient = problem.gradient(images)
            raised += (gain > gain_before).double()
            better = best.update(images, gain).view(-1, 1, 1, 1)
            best_gradient = torch.where(better, gradient, best_gradient)
            if index in checks:
                interval, last = index - last, index
                halve = (raised < self.rho * interval) | (~halved & (best.gain <= best_then))
                wide = halve.view(-1, 1, 1, 1)
                step = torch.where(wide, step / 2, step)
                images, gradient = torch.where(wide, best.images, images), torch.where(wide, best_gradient, gradient)
                previous = torch.where(wide, images, previous)
                gain = torch.where(halve, best.gain, gain)
                halved, best_then, raised = halve, best.gain.clone(), torch.zeros_like(raised)
        return best


def _checkpoints(steps: int) -> set[int]:
    """The steps after which the step size is looked at (section 3.1 of the paper)."""
    shares, found = [0.0, _FIRST], set()
    while shares[-1] < 1:
        found.add(max(1, -int(-shares[-1] * steps // 1)))
        shares.append(shares[-1] + max(shares[-1] - shares[-2] - _LESS, _LEAST))
    return found
