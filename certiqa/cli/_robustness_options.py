"""The options of ``certiqa robustness``, checked before anything is loaded, read or attacked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from certiqa.errors import InputError, UnknownNameError
from certiqa.trial.chosen import Chosen, check_budget, chosen, key_values
from certiqa.trial.defence import Defence

if TYPE_CHECKING:
    from certiqa.attacks import Budget, Objective

__all__ = ["Settings"]


@dataclass(frozen=True)
class Settings:
    """What was asked for.

    Attributes:
        attacks: in the order given; no label twice.
        budgets: likewise.
        pairs: the attacks with the budgets that each can use.
        figures: the options of :func:`certiqa.evaluation.robustness_of` that the command line sets.
    """

    data: str
    root: str
    part: str
    options: dict[str, str]
    limit: int | None
    attacks: tuple[Chosen, ...]
    budgets: tuple[Budget, ...]
    objective: Objective
    scale: tuple[float, float] | None
    figures: dict[str, Any]
    defence: Defence
    seed: int

    @property
    def pairs(self) -> list[tuple[Chosen, Budget]]:
        """Every attack in every budget that it can use."""
        return [(one, size) for one in self.attacks for size in self.budgets if size.kind in one.norms]

    @classmethod
    def of(
        cls,
        *,
        data: str | None,
        root: str | None,
        part: str,
        attacks: Sequence[str],
        budgets: Sequence[str],
        objective: str,
        limit: int | None,
        scale: str | None,
        levels: int,
        binning: str,
        options: Sequence[str],
        confidence: float,
        resamples: int,
        seed: int,
        device: str | None,
        **defence: Any,
    ) -> Settings:
        """Check all of them.

        Raises:
            InputError: one breaks its rule.
        """
        from certiqa import _checks as check
        from certiqa.attacks import Budget
        from certiqa.data.sets.dataset import PARTS
        from certiqa.evaluation.bootstrap import check_confidence
        from certiqa.evaluation.levels import BINNINGS
        from certiqa.trial.attacked import checked_objective

        if data is None or root is None:
            rule = "must be given as --data NAME ROOT, a name and a folder"
            raise InputError.of("--data", rule, (data, root), "Try --data livec path/to/livec.")
        if part not in PARTS:
            raise UnknownNameError.among("part", part, PARTS)
        check_confidence(confidence)
        check.check_count(resamples, "resamples", 100, "Try --resamples 2000.")
        check.check_count(levels, "levels", 1, "Try --levels 5.")
        check.check_choice(binning, "binning", BINNINGS)
        found = tuple(chosen(text, device=device) for text in attacks)
        sizes = tuple(Budget.parse(text) for text in budgets)
        _no_twins("--attack", [one.label for one in found])
        _no_twins("--budget", [str(size) for size in sizes])
        for size in sizes:
            check_budget(size, [one for one in found if size.kind in one.norms] or found)
        for one in found:
            if not any(size.kind in one.norms for size in sizes):
                check_budget(sizes[0], [one])
        return cls(
            data=data,
            root=root,
            part=part,
            options=key_values(options, "--option"),
            limit=None if limit is None else check.check_count(limit, "limit", 1, "Try --limit 50."),
            attacks=found,
            budgets=sizes,
            objective=checked_objective(objective),
            scale=_scale(scale),
            figures={"levels": levels, "binning": binning, "confidence": confidence, "resamples": resamples},
            defence=Defence.of(seed=seed, **defence),
            seed=seed,
        )


def _no_twins(option: str, names: list[str]) -> None:
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InputError.of(option, "must not be given twice", twice[0])


def _scale(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    try:
        low, high = (float(end) for end in text.split(","))
    except ValueError:
        raise InputError.of("--scale", "must be two numbers, LOW,HIGH", text, "Try --scale 0,100.") from None
    from certiqa.evaluation.r_score import check_scale

    return check_scale((low, high))
