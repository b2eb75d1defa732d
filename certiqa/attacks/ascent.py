"""Projected gradient ascent: the core that the iterative attacks share."""

from __future__ import annotations

import torch
from torch import Tensor

from certiqa.attacks.problem import Best, Problem

__all__ = ["projected_ascent"]


def projected_ascent(problem: Problem, start: Tensor, steps: int, step: float, momentum: float = 0.0) -> Best:
    """x <- project(x + step * radius * direction(gradient)), and the best x that was visited.

    Passes: ``steps`` + 1 forward (the last point is scored, too) and ``steps`` backward.

    Args:
        problem: what is climbed, and inside which budget.
        start: (B,3,H,W), inside the budget.
        steps: how many.
        step: length of a step, as a fraction of the budget's radius.
        momentum: the direction is that of the sum of the past gradients, each divided by its mean absolute value and
            weighted by a power of this factor (Dong et al. 2018, eq. 6); 0: that of the last gradient.
    """
    images, best = start, Best(problem.clean)
    velocity, radius = torch.zeros_like(start), None
    for _ in range(steps):
        gain, gradient = problem.gradient(images)
        best.update(images, gain)
        if radius is None:
            radius = problem.budget.radius(gradient, problem.clean).to(images.dtype)
        if momentum:
            mean = gradient.abs().mean((1, 2, 3), keepdim=True)
            velocity = momentum * velocity + torch.where(mean > 0, gradient / mean, gradient)
        else:
            velocity = gradient
        images = problem.project(images + step * radius * problem.budget.direction(velocity))
    best.update(images, problem.gain(images))
    return best
