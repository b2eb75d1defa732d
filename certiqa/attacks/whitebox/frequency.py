"""One gradient step in a band of frequencies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import torch  # noqa: F401 (for the example)
from torch import Tensor

from certiqa.attacks._filters import band_pass
from certiqa.attacks._number import check_between
from certiqa.attacks.base import Attack
from certiqa.attacks.problem import Problem
from certiqa.errors import InputError

__all__ = ["Frequency"]


@final
@dataclass(frozen=True, kw_only=True)
class Frequency(Attack):
    """One iteration, made hard to see: the direction of ascent, band-passed, scaled until the budget is used up.

    Precisely: d = sign of the gradient at the clean image (l_inf) or the gradient (other budgets); d is filtered by an
    ideal band-pass of the two-dimensional Fourier transform that keeps [low, high] of the Nyquist frequency; the result
    is clip(clean + t * d) with the largest t inside the budget. By default the upper half of the frequencies is kept,
    to which the eye is least sensitive. It is in the spirit of IOI (one iteration, high frequencies), and no copy of
    it: IOI's own weighting in space is not reproduced.

    Passes: 1 forward, 1 backward.

    Attributes:
        low, high: the band, fractions of the Nyquist frequency, 0 <= low < high <= 1.

    Source: after Shumitskaya, Antsiferova and Vatolin 2024, "IOI: invisible one-iteration adversarial attack on
    no-reference image- and video-quality metrics" (ICML 2024).

    >>> x = torch.full((1, 3, 16, 16), 0.5)
    >>> wave = torch.cos(3.14159 * torch.arange(16))
    >>> result = Frequency()(lambda x: (x * wave).sum((1, 2, 3)), x, "raise", "linf:4/255")[0]
    >>> round(result.change / (4 / 255 * 3 * 256), 3)
    1.0
    """

    name: ClassVar[str] = "frequency"
    summary: ClassVar[str] = "one gradient step, restricted to a band of frequencies"
    paper: ClassVar[str] = "after Shumitskaya, Antsiferova, Vatolin, ICML 2024"

    low: float = 0.5
    high: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_between(self.low, "low", 0.0, 1.0, "It is a fraction of the Nyquist frequency: try 0.5.")
        check_between(self.high, "high", 0.0, 1.0 + 1e-12, "It is a fraction of the Nyquist frequency: try 1.")
        if self.low >= self.high:
            raise InputError.of("low", f"must be less than high, {self.high}", self.low, "Try low=0.5, high=1.")

    def run(self, problem: Problem) -> Tensor:
        """The image at the end of the step."""
        _, gradient = problem.gradient(problem.clean)
        direction = band_pass(problem.budget.direction(gradient), self.low, self.high)
        return problem.budget.along(direction, problem.clean)
