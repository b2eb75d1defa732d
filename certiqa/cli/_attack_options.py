"""The options of ``certiqa attack``, checked before anything is loaded or attacked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from certiqa.errors import InputError
from certiqa.trial.chosen import Chosen, check_budget, chosen, key_values
from certiqa.trial.defence import Defence

if TYPE_CHECKING:
    from certiqa.attacks import Budget, Objective

__all__ = ["Settings"]


@dataclass(frozen=True)
class Settings:
    """What every image of a run has in common.

    Attributes:
        certify: scores of each certificate; None: nothing is certified.
    """

    chosen: Chosen
    budget: Budget
    objective: Objective
    defence: Defence
    seed: int
    certify: int | None

    @classmethod
    def of(
        cls,
        *,
        images: Sequence[str],
        attack: str,
        budget: str,
        objective: str,
        steps: int | None,
        certify: bool,
        options: Sequence[str],
        seed: int,
        device: str | None,
        **defence: Any,
    ) -> Settings:
        """Check all of them.

        Raises:
            InputError: one breaks its rule.
        """
        from certiqa.attacks import Budget
        from certiqa.cli._attack_verdict import scores_for
        from certiqa.trial.attacked import checked_objective

        if not images:
            raise InputError.of("IMAGE", "must be one file at least", [], "Try sample:coffee, or --list.")
        more = key_values(options, "--option")
        if steps is not None:
            if "steps" in more:
                raise InputError.of("--steps", "must not be given twice", f"--steps {steps} and --option steps")
            more["steps"] = str(steps)
        found = chosen(attack, more, device)
        size = Budget.parse(budget)
        check_budget(size, [found])
        plan = Defence.of(seed=seed, **defence)
        return cls(found, size, checked_objective(objective), plan, seed, scores_for(certify, plan.sigma, plan.n))
