"""The official split, where tables of their own say it: the part of every image, and what is wrong with these tables.

A split that is read from the wrong table, or half of it, puts images that are official test into train, and nothing
shows it later. So every name must be of an image, every image must have one part, and what cannot be so is told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from certiqa._counted import counted
from certiqa.data.sets.listing import Entry
from certiqa.data.sets.problem import Problem
from certiqa.data.table import Table

__all__ = ["SplitTable", "with_parts"]


@dataclass(frozen=True)
class SplitTable:
    """A table that says which images are in which part.

    Attributes:
        name: of the file.
        rows: (row, image, its part; None where the cell is empty).
        problems: of the table.
    """

    name: str
    rows: tuple[tuple[int, str, str | None], ...]
    problems: tuple[Problem, ...]

    @classmethod
    def of(cls, table: Table, image: str, part: Callable[[Mapping[str, str]], str | None]) -> SplitTable:
        """From a table that was read.

        Args:
            table: the table.
            image: the column that names the image.
            part: the part that a row's cells say.
        """
        rows = tuple((row, cells[image], part(cells)) for row, cells in table.texts())
        return cls(table.path.name, rows, table.problems)


def with_parts(
    entries: Sequence[Entry], tables: Sequence[SplitTable], *, rest: str | None = None
) -> tuple[tuple[Entry, ...], tuple[Problem, ...], tuple[str, ...]]:
    """The rows with their parts, and what to report: problems and notes.

    Args:
        entries: the rows, without parts.
        tables: of the split.
        rest: the part of images that no table names; None: they must be named. It is believed only if the tables
            name no stranger: else the two may be one image in two spellings.

    Returns:
        The rows (those without exactly one part have a fault), problems (a table that names none of the images is
        fatal; duplicates; strangers, if an image lacks its part), notes.
    """
    named = {entry.name for entry in entries}
    problems = [problem for table in tables for problem in table.problems]
    if wrong := [_of_others(table) for table in tables if entries and named.isdisjoint(_names(table))]:
        return tuple(entries), (*problems, *wrong), ()
    problems += [problem for table in tables for problem in _repeats(table)]
    said = _said(tables)
    strangers = [name for name in said if name not in named]
    homeless = [name for name in dict.fromkeys(entry.name for entry in entries) if name not in said]
    notes = []
    if strangers and homeless:
        problems += [Problem("unmatched", _where(said[name]), name) for name in strangers]
    elif strangers:
        are = "is" if len(strangers) == 1 else "are"
        notes.append(f"{counted(len(strangers), 'name')} of the split {are} of no image here (first: {strangers[0]!r})")
    elif homeless and rest:
        notes.append(f"{counted(len(homeless), 'image')} in no table of the split: {rest}")
        said.update({name: {rest: ""} for name in homeless})
    files = " or ".join(repr(table.name) for table in tables)
    return tuple(_settled(entry, said.get(entry.name), files) for entry in entries), tuple(problems), tuple(notes)


def _settled(entry: Entry, parts: Mapping[str | None, str] | None, files: str) -> Entry:
    """The row with its one part, or with what is wrong."""
    if parts is None:
        return replace(entry, fault=Problem("part", f"it is not in {files}", entry.name, entry.row))
    if len(parts) > 1:
        return replace(entry, fault=Problem("contradiction", _where(parts), entry.name, entry.row))
    ((part, where),) = parts.items()
    fault = Problem("part", f"the cell is empty in {where}", entry.name, entry.row) if part is None else None
    return replace(entry, split=part, fault=fault)


def _names(table: SplitTable) -> Iterator[str]:
    return (image for _, image, _ in table.rows)


def _said(tables: Sequence[SplitTable]) -> dict[str, dict[str | None, str]]:
    """Image -> part -> where it is said first."""
    said: dict[str, dict[str | None, str]] = defaultdict(dict)
    for table in tables:
        for row, image, part in table.rows:
            said[image].setdefault(part, f"row {row} of {table.name!r}")
    return dict(said)


def _where(parts: Mapping[str | None, str]) -> str:
    return ", ".join(f"{part or 'no part'} in {where}" for part, where in parts.items())


def _of_others(table: SplitTable) -> Problem:
    """None of the names of a table is of an image."""
    if not table.rows:
        detail = f"{table.name!r} has a header, but no rows"
    else:
        first = table.rows[0][1]
        detail = f"{table.name!r} names no image of the data set (first of {len(table.rows)} names: {first!r})"
    remedy = "Put the table of the split that belongs to these images there, or none: then the split is not known"
    return Problem("unmatched", f"{detail}. {remedy}", fatal=True)


def _repeats(table: SplitTable) -> Iterator[Problem]:
    first: dict[tuple[str, str | None], int] = {}
    for row, image, part in table.rows:
        known = first.setdefault((image, part), row)
        if known != row:
            yield Problem("duplicate", f"row {row} of {table.name!r} repeats row {known}", image)
