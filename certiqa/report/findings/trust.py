"""Alarms, what is missing, and what to know before quoting."""

from __future__ import annotations

from certiqa._counted import counted
from certiqa.benchmark.result import Comparison
from certiqa.report.groups import Group, alarms_of, attack_label, row_label
from certiqa.report.numbers import together

__all__ = ["alarms", "cautions", "incomplete"]


def alarms(comparison: Comparison) -> tuple[str, ...]:
    """A sentence per row whose certificates failed."""
    return tuple(
        f"{counted(number, 'soundness alarm')}: {row_label(row)} of {row.metric} on {row.data} "
        f"({together([attack_label(one) for one in row.attacked if one.alarms])}). An attack inside a certified radius "
        "moved the median certainly out of the certified interval. Do not quote this row's certificates."
        for row in comparison.rows
        if (number := alarms_of(row))
    )


def incomplete(comparison: Comparison) -> tuple[str, ...]:
    """What is not there; one sentence where that was not recorded."""
    if comparison.missing:
        return comparison.missing
    return () if comparison.complete else ("The run is not complete, and what is missing was not recorded.",)


def cautions(comparison: Comparison, every: tuple[Group, ...]) -> tuple[str, ...]:
    """What holds for these rows."""
    found = []
    judged = [row for row in comparison.rows if alarms_of(row) is not None]
    if judged and not any(alarms_of(row) for row in judged):
        runs = sum(one.alarms is not None for row in judged for one in row.attacked)
        found.append(
            f"No soundness alarm: in {counted(runs, 'run of attacks', 'runs of attacks')} on certified defences, no "
            "median certainly left its certified interval. That is a check of the code, not the proof."
        )
    elif comparison.rows and not judged:
        found.append("No certificate was attacked, so soundness alarms could not arise.")
    lacking = [group.title for group in every if all(row.kind != "constant" for row in group.rows)]
    if any(row.kind == "constant" for row in comparison.rows):
        found.append(
            "The constant predictor gives every image the same score. No attack moves it and it agrees with nobody: "
            "it is the floor, and is left out of every comparison above. A row that looks like it has stopped to look."
        )
    if lacking:
        found.append(f"There is no constant predictor to compare with for {together(lacking)}.")
    unaware = sum(not one.adaptive for row in comparison.rows if row.kind != "none" for one in row.attacked)
    if unaware:
        found.append(
            f"{counted(unaware, 'run of attacks', 'runs of attacks')} on defended rows did not know the defence. "
            "Such an attack was made on the undefended metric; one that knows the defence may move it much farther."
        )
    return (*found, *_proofs(comparison))


def _proofs(comparison: Comparison) -> tuple[str, ...]:
    weak = [
        row_label(row)
        for row in comparison.rows
        if row.certified and any(at.proved.value < 1 for at in row.certified.at)
    ]
    if not weak:
        return ()
    return (
        "At some sizes of attack, the scores of some images prove no bound, and only the metric's enforced range is "
        "left (or nothing): see 'proved by scores' in the tables of certificates "
        f"({together(list(dict.fromkeys(weak)))}).",
    )
