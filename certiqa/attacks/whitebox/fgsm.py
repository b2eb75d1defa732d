"""FGSM: one step along the gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch  # noqa: F401 (for the example)
from torch import Tensor

from certiqa.attacks.base import Attack
from certiqa.attacks.problem import Problem

__all__ = ["FGSM"]


@final
@dataclass(frozen=True, kw_only=True)
class FGSM(Attack):
    """One gradient step that uses up the budget: for l_inf, clean + eps * sign(gradient).

    For a linear score it is the best attack there is, also where [0, 1] is in the way: eps * ||g||_1 for l_inf and
    eps * ||g||_2 for l2 in the interior. For other budgets it goes along the gradient as far as the budget lets it.

    Passes: 1 forward, 1 backward.

    Source: Goodfellow, Shlens and Szegedy 2015 (arXiv 1412.6572), section 4.

    >>> result = FGSM()(lambda x: x.sum((1, 2, 3)), torch.full((1, 3, 8, 8), 0.5), "raise", "linf:4/255")[0]
    >>> round(result.change / (4 / 255 * 192), 4), result.queries, result.gradients
    (1.0, 1, 1)
    """

    name: ClassVar[str] = "fgsm"
    summary: ClassVar[str] = "one gradient step that uses up the budget"
    paper: ClassVar[str] = "Goodfellow, Shlens, Szegedy, ICLR 2015 (arXiv 1412.6572)"

    def run(self, problem: Problem) -> Tensor:
        """The image at the end of the step."""
        _, gradient = problem.gradient(problem.clean)
        return problem.budget.steepest(gradient, problem.clean)
