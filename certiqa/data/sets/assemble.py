"""From a reader's listing to a data set: the gate that every row passes, and the one report of what does not."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from certiqa.data.sets.dataset import OFFICIAL, DataSet
from certiqa.data.sets.facts import Facts
from certiqa.data.sets.listing import Entry, Listing
from certiqa.data.sets.place import Place, inside
from certiqa.data.sets.problem import Problem, refuse
from certiqa.data.sets.record import Record
from certiqa.data.table import as_text

__all__ = ["assemble"]


def assemble(place: Place, facts: Facts, listing: Listing, *, decode: bool) -> DataSet:
    """Check every row; what is wrong with any of them stands in ``problems``, and the rows are left out.

    Raises:
        DataError: the table has no row at all.
    """
    if not listing.entries and not listing.problems:
        raise refuse("table", "the table has a header, but no rows")
    mos_range = listing.mos_range or facts.mos_range
    lower_better = facts.lower_better if listing.lower_better is None else listing.lower_better
    if mos_range is None or lower_better is None:
        raise TypeError(f"the reader {facts.name!r} gave neither a scale nor a direction")
    accepted = listing.accepted or (None if listing.mos_range else facts.accepted) or mos_range
    checked = [_check(place, entry, accepted) for entry in listing.entries]
    found = [one for one in checked if isinstance(one, Record)]
    problems = [*listing.problems, *(one for one in checked if isinstance(one, Problem))]
    records, duplicates = _without_duplicates(found)
    problems += duplicates
    if decode:
        from certiqa.data.sets.decoding import decode_all

        decoded = decode_all(records)
        records = list(decoded.records)
        problems += decoded.problems
    notes = (*listing.notes, *_renamed(place))
    licence, paper = facts.licence, facts.paper
    problems.sort(key=lambda problem: problem.row or 0)
    return DataSet(
        facts.name, place.root, tuple(records), mos_range, lower_better, licence, paper, tuple(problems), notes
    )


def _check(place: Place, entry: Entry, accepted: tuple[float, float]) -> Record | Problem:
    """The record of a row, or the first thing that is wrong with it."""

    def problem(kind: str, detail: str) -> Problem:
        return Problem(kind, detail, entry.name, entry.row)

    if not entry.name.strip():
        return problem("name", "the name is empty")
    mos = _number(entry.mos)
    if mos is None or not math.isfinite(mos):
        return problem("mos", repr(as_text(entry.mos)))
    if not accepted[0] <= mos <= accepted[1]:
        return problem("scale", f"{mos:g} is not in [{accepted[0]:g}, {accepted[1]:g}]")
    std = _number(entry.std) if as_text(entry.std) else math.nan
    if std is None or std < 0 or math.isinf(std):
        return problem("std", repr(as_text(entry.std)))
    if not entry.content.strip():
        return problem("content", "nothing says what must not be split from it")
    if entry.split is not None and entry.split not in OFFICIAL:
        return problem("split", repr(entry.split))
    try:
        inside(entry.name)
        path = next((path for path in map(place.find, entry.places) if path), None)
    except ValueError:
        return problem("outside", "refused")
    if path is None:
        return problem("missing", f"looked for {' and '.join(repr(where) for where in entry.places)}")
    if fault := _fault(path):
        return problem("corrupt", fault)
    return Record(path, entry.name, mos, None if math.isnan(std) else std, entry.content, entry.split, entry.row)


def _number(cell: object) -> float | None:
    try:
        return float(cell if isinstance(cell, int | float) else as_text(cell))
    except (ValueError, OverflowError):
        return None


def _fault(path: Path) -> str:
    """What can be seen without reading the file."""
    try:
        if not path.is_file():
            return "not a file"
        return "" if path.stat().st_size else "a file of 0 bytes"
    except OSError as error:
        return error.strerror or str(error)


def _without_duplicates(records: Sequence[Record]) -> tuple[list[Record], list[Problem]]:
    """The first of equal rows is kept; where rows about one image contradict each other, none is."""
    rows: dict[Path, list[Record]] = defaultdict(list)
    for record in records:
        rows[record.path].append(record)
    bad: dict[int, Problem] = {}
    for same in rows.values():
        first = same[0]
        agree = all((one.mos, one.std, one.content, one.split) == _facts_of(first) for one in same)
        for record in same[1:] if agree else same if len(same) > 1 else ():
            others = ", ".join(str(one.row) for one in same if one is not record)
            detail = f"repeats row {first.row}" if agree else f"contradicts row {others}, none of them is kept"
            bad[id(record)] = Problem("duplicate", detail, record.name, record.row)
    return [record for record in records if id(record) not in bad], list(bad.values())


def _facts_of(record: Record) -> tuple[float, float | None, str, str | None]:
    return record.mos, record.std, record.content, record.split


def _renamed(place: Place) -> tuple[str, ...]:
    if not place.renamed:
        return ()
    asked, found = next(iter(place.renamed.items()))
    count = len(place.renamed)
    return (
        f"{count} file names differ from the table's in the case of their letters (first: {found!r} for {asked!r})",
    )
