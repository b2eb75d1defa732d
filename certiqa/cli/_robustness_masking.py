"""Signs of gradient masking in what ``certiqa robustness`` ran: which runs stand for which side of each check."""

from __future__ import annotations

from typing import Any

import numpy as np

from certiqa.cli._robustness_options import Settings
from certiqa.evaluation.masking import MaskingReport, masking_report
from certiqa.trial.attacked import effect
from certiqa.trial.chosen import Chosen

__all__ = ["masking_of"]

Json = dict[str, Any]


def masking_of(
    settings: Settings, found: dict[tuple[str, str], dict[str, Json]], norms: dict[str, float | None]
) -> dict[str, MaskingReport]:
    """A report for each budget, over the images that every attack of it could attack."""
    reports = {}
    for budget in settings.budgets:
        runs = {one.label: one for one, size in settings.pairs if size is budget and (one.label, str(size)) in found}
        if not runs:
            continue
        siblings = [size for size in settings.budgets if size.kind == budget.kind]
        strongest = max(siblings, key=lambda size: size.limit)
        every = [found[label, str(budget)] for label in runs]
        white = [label for label, one in runs.items() if one.access == "gradient"]
        others = [found[white[0], str(size)] for size in siblings if white and (white[0], str(size)) in found]
        names = sorted(set.intersection(*(set(one) for one in [*every, *others])))
        if not names:
            continue
        reports[str(budget)] = _report(
            settings, found, norms, budget, names, runs, siblings if budget is strongest else []
        )
    return reports


def _report(
    settings: Settings,
    found: dict[tuple[str, str], dict[str, Json]],
    norms: dict[str, float | None],
    budget: Any,
    names: list[str],
    runs: dict[str, Chosen],
    siblings: list[Any],
) -> MaskingReport:
    """Effects of the float images: what the attack reached before it was rounded."""

    def effects(label: str, size: Any = budget) -> list[float]:
        kept = [found[label, str(size)][name] for name in names]
        return [effect(settings.objective, one["score_before"], one["score_after"]) for one in kept]

    def best(labels: list[str]) -> list[float] | None:
        return np.max([effects(label) for label in labels], axis=0).tolist() if labels else None

    white = [label for label, one in runs.items() if one.access == "gradient"]
    steps = {label: runs[label].attack.options().get("steps") for label in white}
    restarts = {label: runs[label].attack.options().get("restarts", 1) for label in white}
    single = [label for label in white if runs[label].attack.name == "fgsm" or steps[label] == 1]
    many = [label for label in white if label not in single and restarts[label] == 1]
    again = [label for label in white if label not in single and restarts[label] != 1]
    once = [label for label in many if runs[label].attack.name in {runs[other].attack.name for other in again}]
    ladder = white[0] if white else ""
    sizes = {size.limit: effects(ladder, size) for size in siblings if (ladder, str(size)) in found}
    known = [norms.get(name) for name in names]
    return masking_report(
        one_step=best(single),
        many_steps=best(many),
        restarts=best(again),
        one_start=best(once),
        transfer=best([label for label, one in runs.items() if one.access == "transfer"]),
        black_box=best([label for label, one in runs.items() if one.access == "scores"]),
        by_budget=sizes or None,
        gradient_norms=None if None in known else known,
    )
