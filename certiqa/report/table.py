"""A table as data, which the page and the Markdown twin both show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from certiqa.benchmark.result import Row
from certiqa.evaluation.correlation import Estimate
from certiqa.report import numbers
from certiqa.report.groups import row_label
from certiqa.report.palette import Style

__all__ = ["Cell", "Column", "Table", "count", "estimate", "fixed", "plain", "rounded", "row_head", "words"]


@dataclass(frozen=True)
class Column:
    """A heading.

    Attributes:
        name: what is in the column.
        unit: in words or symbols; empty without.
        numeric: whether it is aligned and sorted as numbers.
    """

    name: str
    unit: str = ""
    numeric: bool = True


@dataclass(frozen=True)
class Cell:
    """What one place of a table says.

    Attributes:
        text: as shown.
        value: the number behind it, unrounded; None where there is none.
        quiet: said beside it in a quieter tone: an interval.
        note: said below it.
        tone: "", "absent", "alarm", "floor" or "best".
        style: of the defence that it names.
    """

    text: str
    value: float | None = None
    quiet: str = ""
    note: str = ""
    tone: str = ""
    style: Style | None = None


@dataclass(frozen=True)
class Table:
    """Columns and rows.

    Attributes:
        key: unique in the report.
        caption: what it shows.
        columns: their headings; the first one names the row.
        rows: of as many cells.
        tones: of whole rows: "" or "floor".
        group: key of the group that it belongs to.
        dense: whether it is long, and is written with as few bytes as will do: no values behind the texts, no sorting.
    """

    key: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    tones: tuple[str, ...] = ()
    group: str = ""
    dense: bool = False

    def tone(self, index: int) -> str:
        """Of one row."""
        return self.tones[index] if index < len(self.tones) else ""

    def renamed(self, key: str, caption: str) -> Table:
        """The same rows under another key and caption."""
        return replace(self, key=key, caption=caption)

    def only(self, *names: str) -> Table:
        """The columns of these names."""
        kept = [i for i, column in enumerate(self.columns) if column.name in names]
        rows = tuple(tuple(row[i] for i in kept) for row in self.rows)
        return replace(self, columns=tuple(self.columns[i] for i in kept), rows=rows)

    def columns_used(self) -> Table:
        """Without the columns that say nothing in any row; the first one stays."""
        kept = [i for i in range(len(self.columns)) if not i or any(row[i].text != numbers.ABSENT for row in self.rows)]
        return replace(
            self,
            columns=tuple(self.columns[i] for i in kept),
            rows=tuple(tuple(row[i] for i in kept) for row in self.rows),
        )


def words(text: str | None) -> Cell:
    """Words; nothing is said as absent."""
    return Cell(text) if text else Cell(numbers.ABSENT, tone="absent")


def plain(text: str, value: float | None) -> Cell:
    """A number, shown as this text."""
    there = numbers.is_number(value)
    return Cell(text, value=value if there else None, tone="" if there else "absent")


def fixed(value: float | None, places: int, up: bool | None = None) -> Cell:
    """A number with so many decimals; ``up`` says to which side it is rounded."""
    return plain(numbers.decimals(value, places, up), value)


def rounded(value: float | None, digits: int = 3, up: bool | None = None) -> Cell:
    """A number with so many significant digits; ``up`` says to which side it is rounded."""
    return plain(numbers.significant(value, digits, up), value)


def count(value: int | None) -> Cell:
    """A whole number."""
    return plain(numbers.ABSENT if value is None else numbers.grouped(value), value)


def estimate(found: Estimate | None, places: int = 3, up: bool | None = None, signs: bool = False) -> Cell:
    """A figure, rounded to the side of ``up``, with its interval; with ``signs``, ``places`` are significant digits."""
    if found is None:
        return Cell(numbers.ABSENT, tone="absent")
    shown = numbers.significant if signs else numbers.decimals
    text = shown(found.value, places, up)
    there = numbers.is_number(found.value)
    quiet = "" if found.interval is None else f"[{', '.join(shown(end, places) for end in found.interval)}]"
    return Cell(text, found.value if there else None, quiet, tone="" if there else "absent")


def row_head(row: Row, styles: dict[str, Style], note: str = "") -> Cell:
    """The first cell: the defence with its mark."""
    return Cell(row_label(row), note=note, style=styles[row.defence])


def numbered(texts: Sequence[str]) -> tuple[Column, ...]:
    """Columns of words."""
    return tuple(Column(text, numeric=False) for text in texts)
