"""Everything that the page and its twin show, in their order, before any markup."""

from __future__ import annotations

from dataclasses import dataclass

from certiqa.benchmark.result import Comparison
from certiqa.report.figures.attacked import ATTACKED, attacked
from certiqa.report.figures.curves import Shown, as_figure, examples
from certiqa.report.figures.figure import Figure
from certiqa.report.figures.frontier import FRONTIER, frontier
from certiqa.report.figures.levels import LEVELS, levels
from certiqa.report.figures.strength import STRENGTH, strength
from certiqa.report.findings import Findings, findings
from certiqa.report.groups import Group, groups
from certiqa.report.palette import Style, styles
from certiqa.report.settings_text import settings_text
from certiqa.report.table import Table
from certiqa.report.tables.attacks import attacks
from certiqa.report.tables.certificates import certificates
from certiqa.report.tables.settings import costs, datasets, digests, facts
from certiqa.report.tables.summary import summary

__all__ = ["MOST_PANELS", "Content", "Section", "content"]

MOST_PANELS = 120
"""Of a kind in the whole report, shared by the groups: more would be too many to read, and too many bytes. The
strongest attack on each row is always there."""


@dataclass(frozen=True)
class Section:
    """Tables and figures under a heading.

    Attributes:
        key: for links to it.
        title: the heading.
        words: how to read it.
        empty: what is said where there is nothing.
        tables: always in view.
        figures: likewise.
        folded: tables that are opened on demand.
    """

    key: str
    title: str
    words: str
    empty: str
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()
    folded: tuple[Table, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing."""
        return not (self.tables or self.figures or self.folded)


@dataclass(frozen=True)
class Content:
    """The report."""

    comparison: Comparison
    findings: Findings
    groups: tuple[Group, ...]
    styles: dict[str, Style]
    sections: tuple[Section, ...]
    examples: tuple[Shown, ...]
    details: tuple[Table, ...]
    settings: str

    @property
    def figures(self) -> tuple[Figure, ...]:
        """All of them, those of the examples last."""
        found = [figure for section in self.sections for figure in section.figures]
        return tuple(found + ([as_figure(self.examples)] if self.examples else []))


def content(comparison: Comparison) -> Content:
    """Of a comparison."""
    every, look = groups(comparison), styles(comparison.rows)
    most = max(MOST_PANELS // max(len(every), 1), 1)
    return Content(
        comparison,
        findings(comparison),
        every,
        look,
        _sections(every, look, most),
        examples(comparison.examples, look),
        _details(comparison),
        settings_text(comparison.config),
    )


def _sections(every: tuple[Group, ...], look: dict[str, Style], most: int) -> tuple[Section, ...]:
    def figures(*found: Figure | None) -> tuple[Figure, ...]:
        return tuple(figure for figure in found if figure is not None)

    def tables(*found: Table) -> tuple[Table, ...]:
        return tuple(table.columns_used() for table in found if table.rows)

    return (
        Section(
            "summary",
            "Summary",
            "One row per defence and sigma. Agreement is with human scores, over all images of the row. A certificate "
            "covers every attack up to its size; an attack only shows what one attacker managed. Brackets are "
            "intervals; the best of a column is underlined.",
            "There are no rows.",
            tables(*(summary(group, look) for group in every)),
        ),
        Section(
            "frontier",
            "Agreement against certified strength",
            f"What a certificate costs: a good defence is far to the right and high up. {FRONTIER}",
            "No row has an SROCC.",
            figures=figures(*(frontier(group, look) for group in every)),
        ),
        Section(
            "attacked",
            "Certified against attacked",
            f"What an attack did to each image, and what the certificate allows. {ATTACKED}",
            "No attack kept its images.",
            figures=figures(*(figure for group in every for figure in attacked(group, look, most))),
        ),
        Section(
            "levels",
            "By quality",
            f"Whether bad or good images are moved farther. {LEVELS}",
            "No attack was cut into levels of quality.",
            figures=figures(*(levels(group, look, max(most // 10, 1)) for group in every)),
        ),
        Section(
            "strength",
            "By strength of the attack",
            f"What more budget buys an attacker. {STRENGTH}",
            "No attack was run at more than one budget.",
            figures=figures(*(strength(group, look) for group in every)),
        ),
        Section(
            "certificates",
            "Certificates by size of attack",
            "Bounds are rounded up: no more is claimed than was proved. tau bounds the change of the smoothed median.",
            "No row has a certificate.",
            folded=tables(*(certificates(group, look) for group in every)),
        ),
        Section(
            "attacks",
            "Attacks, one by one",
            "Gain is after minus before. R is the base-10 R robustness: 1 means that an attack uses a tenth of the "
            "room.",
            "No attack was run.",
            folded=tables(*(attacks(group, look) for group in every)),
        ),
        Section(
            "cost",
            "Cost",
            "Of one deployed score. Times depend on the machine and on what else it does; compare ratios.",
            "There are no rows.",
            folded=tables(*(costs(group, look) for group in every)),
        ),
    )


def _details(comparison: Comparison) -> tuple[Table, ...]:
    run = {
        "name": comparison.name,
        "date of the newest figure": comparison.date,
        "time of computing": f"{comparison.seconds:,.0f} s".replace(",", "\u202f"),
        "complete": comparison.complete,
        "schema": comparison.schema,
    }
    found = (
        facts("run", "The run", run),
        datasets(comparison),
        digests(comparison),
        facts("versions", "Versions", dict(comparison.versions)),
        facts("machine", "Machine", comparison.machine),
    )
    return tuple(table for table in found if table.rows)
