"""Transfer: attack one model, measure on another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, final

import torch
from torch import Tensor

from certiqa._provenance import model_name
from certiqa.attacks._gate import checked_budget
from certiqa.attacks.adaptive import eot
from certiqa.attacks.base import Attack
from certiqa.attacks.problem import Problem
from certiqa.errors import InputError

__all__ = ["Transfer"]


@final
@dataclass(frozen=True, kw_only=True)
class Transfer(Attack):
    """Run any attack on a ``source`` model, and see what its images do to the model that is given.

    The model itself is not asked while the attack runs; the images are scored by it afterwards, as for every attack.
    The objective is the source's: "target:50" on a source of another scale aims at that scale's 50.

    Passes of the model: none; a note counts those of the source.

    Attributes:
        source: the model that is attacked.
        attack: an attack's name, or an attack.
        attack_options: of the attack, if it is a name.

    Source: Papernot, McDaniel and Goodfellow 2016 (arXiv 1605.07277).

    >>> attack = Transfer(source=lambda x: x.mean((1, 2, 3)), attack="fgsm")
    >>> x = torch.full((1, 3, 8, 8), 0.5)
    >>> result = attack(lambda x: 3 * x[:, 0].mean((1, 2)), x, "raise", "linf:4/255")[0]
    >>> result.queries, round(result.change / (4 / 255), 3)
    (0, 3.0)
    """

    name: ClassVar[str] = "transfer"
    summary: ClassVar[str] = "an attack on another model, measured on this one"
    paper: ClassVar[str] = "Papernot, McDaniel, Goodfellow 2016 (arXiv 1605.07277)"
    access: ClassVar[str] = "transfer"

    source: Callable[[Tensor], Any] | None = None
    attack: str | Attack = "pgd"
    attack_options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not callable(self.source):
            rule = "must be the model that is attacked in place of the other"
            raise InputError.of("source", rule, self.source, 'Try source=certiqa.metrics.load("builtin").')
        self._inner()

    def run(self, problem: Problem) -> Tensor:
        """The images that the attack on the source returns."""
        inner, source = self._inner(), self.source
        if source is None:  # checked when this was made
            return problem.clean
        checked_budget(problem.budget, inner.norms, inner.name)
        other = problem.on(source if inner.samples == 1 else eot(source, inner.samples))
        parts = [other.one(i) for i in range(len(problem.clean))] if inner.singly else [other]
        images = torch.cat([inner.run(part) for part in parts])
        shares = len(parts)
        problem.notes.append(
            f"{inner.name} on the source {model_name(source)}: {other.scorer.queries // shares} forward and "
            f"{other.scorer.gradients // shares} backward passes per image, not counted as queries"
        )
        return images

    def _inner(self) -> Attack:
        from certiqa.attacks.registry import load

        if isinstance(self.attack, Attack):
            return self.attack
        return load(self.attack, **self.attack_options)
