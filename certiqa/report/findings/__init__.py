"""What was found, in sentences that are made from the figures and hold for whatever they say."""

from __future__ import annotations

from dataclasses import dataclass

from certiqa._counted import counted
from certiqa.benchmark.result import Comparison
from certiqa.report.findings.agreement import agreement
from certiqa.report.findings.certified import certified
from certiqa.report.findings.moved import moved
from certiqa.report.findings.trust import alarms, cautions, incomplete
from certiqa.report.groups import Group, groups

__all__ = ["Findings", "findings"]


@dataclass(frozen=True)
class Findings:
    """Sentences, the gravest first.

    Attributes:
        alarms: certificates that failed; empty where none did.
        incomplete: what is missing; empty where everything is there.
        opening: what was compared.
        found: per group, what about (agreement, certificate, attack) and the sentences on it.
        cautions: what a reader must know before quoting.
    """

    alarms: tuple[str, ...]
    incomplete: tuple[str, ...]
    opening: str
    found: tuple[tuple[Group, tuple[tuple[str, str], ...]], ...]
    cautions: tuple[str, ...]


def findings(comparison: Comparison) -> Findings:
    """Of a whole comparison."""
    every = groups(comparison)
    return Findings(
        alarms(comparison),
        incomplete(comparison),
        _opening(comparison, every),
        tuple((group, _about(group)) for group in every),
        cautions(comparison, every),
    )


def _about(group: Group) -> tuple[tuple[str, str], ...]:
    return (
        ("Agreement", " ".join(agreement(group))),
        ("Certificates", " ".join(certified(group))),
        ("Attacks", " ".join(moved(group))),
    )


def _opening(comparison: Comparison, every: tuple[Group, ...]) -> str:
    if not comparison.rows:
        return "Nothing has been measured yet: there are no rows."
    defences = len({row.defence for row in comparison.rows if row.kind not in ("none", "constant")})
    runs = sum(len(row.attacked) for row in comparison.rows)
    return (
        f"{counted(len(comparison.rows), 'row')}: {counted(defences, 'defence')} of "
        f"{counted(len({g.metric for g in every}), 'metric')} on {counted(len({g.data for g in every}), 'data set')}, "
        f"under {counted(runs, 'run of attacks', 'runs of attacks')}."
    )
