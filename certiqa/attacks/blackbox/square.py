"""The square attack: random search by squares, from scores alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor

from certiqa.attacks._number import check_positive
from certiqa.attacks.base import Attack
from certiqa.attacks.blackbox._count import check_queries
from certiqa.attacks.blackbox._draws import place, signs
from certiqa.attacks.blackbox._square_l2 import first_change, moved
from certiqa.attacks.problem import Problem

__all__ = ["Square"]

_HALVED_AT = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)  # of 10 000 queries


@final
@dataclass(frozen=True, kw_only=True)
class Square(Attack):
    """Random squares of +-eps (l_inf), or bumps that move the change's mass about (l2); what helps is kept.

    It starts from vertical stripes (l_inf) or a grid of bumps (l2), or, where these make it worse (to a metric they may
    look like damage), from the clean image: two queries. Every further query is one proposal. The side of the squares
    falls on the paper's schedule, scaled to the number of queries. The start from the clean image is ours.

    Passes: exactly ``queries`` forward, none backward.

    Attributes:
        queries: forward passes per image.
        p: share of the pixels in the first square, in (0, 1].

    Source: Andriushchenko, Croce, Flammarion and Hein 2020 (arXiv 1912.00049), algorithms 1-3.

    >>> attack = Square(queries=50)
    >>> result = attack(lambda x: (x**2).mean((1, 2, 3)), torch.full((1, 3, 16, 16), 0.5), "raise", "linf:8/255")[0]
    >>> result.queries, result.gradients, result.change > 0
    (50, 0, True)
    """

    name: ClassVar[str] = "square"
    summary: ClassVar[str] = "random search by squares"
    paper: ClassVar[str] = "Andriushchenko et al., ECCV 2020 (arXiv 1912.00049)"
    access: ClassVar[str] = "scores"
    norms: ClassVar[tuple[str, ...]] = ("linf", "l2")
    singly: ClassVar[bool] = True

    queries: int = 1000
    p: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        check_queries(self.queries, 3)
        check_positive(self.p, "p", 1.0, "Try 0.1.")

    def run(self, problem: Problem) -> Tensor:
        """The best image found."""
        flat = problem.budget.kind == "linf"
        draw = problem.generators[0]
        shape = problem.clean.shape[1:]
        change = _stripes(shape, problem.budget.limit, draw) if flat else first_change(shape, draw)
        best = _image(problem, change)
        gain, plain = problem.gain(best), problem.gain(problem.clean)
        if bool(plain > gain):
            change, best, gain = torch.zeros_like(change), problem.clean, plain
        for index in range(2, self.queries):
            side = _side(shape, _share(self.p, index, self.queries))
            trial = (
                _square(change, side, problem.budget.limit, draw)
                if flat
                else moved(change, best[0].cpu() - problem.clean[0].cpu(), side, problem.budget.limit, draw)
            )
            candidate = _image(problem, trial)
            found = problem.gain(candidate)
            if bool(found > gain):
                change, best, gain = trial, candidate, found
        return best


def _image(problem: Problem, change: Tensor) -> Tensor:
    """l_inf: clean + change; l2: clean + eps * change / length."""
    wide = change[None].to(problem.clean)
    if problem.budget.kind == "linf":
        return problem.project(problem.clean + wide)
    return problem.budget.along(wide, problem.clean)


def _share(p: float, index: int, queries: int) -> float:
    scaled = index / queries * 10_000
    return p * 0.5 ** sum(scaled > limit for limit in _HALVED_AT)


def _side(shape: torch.Size, share: float) -> int:
    _, height, width = shape
    return max(1, min(round(math.sqrt(share * height * width)), min(height, width) - 1))


def _stripes(shape: torch.Size, eps: float, draw: torch.Generator) -> Tensor:
    return (eps * signs((shape[0], 1, shape[2]), draw)).expand(shape).clone()


def _square(change: Tensor, side: int, eps: float, draw: torch.Generator) -> Tensor:
    """The change with one square of +-eps, one sign a channel, that differs from what was there."""
    _, height, width = change.shape
    trial = change.clone()
    for _ in range(32):
        top, left = (place(extent - side, draw) for extent in (height, width))
        window = trial[:, top : top + side, left : left + side]
        fresh = eps * signs((change.shape[0], 1, 1), draw)
        if bool((window != fresh).any()):
            window[:] = fresh
            break
    return trial
