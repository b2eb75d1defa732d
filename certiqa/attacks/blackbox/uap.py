"""UAP: a universal pattern, added to the image."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import ClassVar, final

import torch  # noqa: F401 (for the example)
from torch import Tensor

from certiqa.attacks._number import check_positive
from certiqa.attacks.base import Attack
from certiqa.attacks.problem import Problem
from certiqa.attacks.universal.pattern import UniversalPattern
from certiqa.errors import InputError

__all__ = ["UAP"]


@final
@dataclass(frozen=True, kw_only=True)
class UAP(Attack):
    """Add a trained pattern (:func:`certiqa.attacks.train_uap`), tiled and scaled. The model is not asked at all.

    Attributes:
        pattern: the pattern, or the path of its file.
        amplitude: the largest entry of the pattern after scaling, in intensities; the budget then clips what is too
            much. None: as large as the budget lets it be.

    Source: Shumitskaya, Antsiferova and Vatolin 2022 (BMVC 2022).

    >>> attack = UAP(pattern=UniversalPattern(torch.ones(3, 4, 4), {"objective": "raise"}))
    >>> result = attack(lambda x: x.mean((1, 2, 3)), torch.full((1, 3, 6, 7), 0.5), "raise", "linf:4/255")[0]
    >>> result.queries, round(255 * result.change, 3)
    (0, 4.0)
    """

    name: ClassVar[str] = "uap"
    summary: ClassVar[str] = "a trained universal pattern, tiled"
    paper: ClassVar[str] = "Shumitskaya, Antsiferova, Vatolin, BMVC 2022"
    access: ClassVar[str] = "transfer"

    pattern: UniversalPattern | str | os.PathLike[str] | None = None
    amplitude: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.amplitude is not None:
            check_positive(self.amplitude, "amplitude", 1.0, "It is in intensities: try 0.04.")
        if isinstance(self.pattern, str | os.PathLike):
            object.__setattr__(self, "pattern", UniversalPattern.load(self.pattern))
        if not isinstance(self.pattern, UniversalPattern):
            remedy = "Make one: attacks.train_uap(model, images).save('uap.safetensors')."
            raise InputError.of("pattern", "must be a universal pattern or the path of its file", self.pattern, remedy)

    def run(self, problem: Problem) -> Tensor:
        """Clean + pattern."""
        pattern = self.pattern
        if not isinstance(pattern, UniversalPattern):  # checked when this was made
            return problem.clean
        wanted = pattern.card.get("objective")
        if wanted is not None and wanted != str(problem.objective):
            problem.notes.append(f"the pattern was trained to {wanted!r}, and is used to {str(problem.objective)!r}")
        clean = problem.clean
        tiled = pattern.tiled(*clean.shape[2:]).to(clean).expand_as(clean)
        if self.amplitude is None:
            return problem.budget.along(tiled, clean)
        scale = self.amplitude / float(pattern.pixels.abs().max())
        return problem.project((clean + scale * tiled).clamp(0.0, 1.0))
