"""From a reader's listing to a data set: the gate that every row passes, and the one report of what does not."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from certiqa._counted import counted
from certiqa.data.sets.belonging import belonging, how_many
from certiqa.data.sets.dataset import OFFICIAL, DataSet
from certiqa.data.sets.facts import Facts
from certiqa.data.sets.listing import Entry, Listing
from certiqa.data.sets.place import Place, either, inside
from certiqa.data.sets.problem import Problem
from certiqa.data.sets.record import Record
from certiqa.data.table import as_text
from certiqa.errors import DataError

__all__ = ["assemble"]

_OF_THE_FILE = ("missing", "corrupt", "outside")
"""What is wrong with an image whatever its row says of it."""


def assemble(place: Place, facts: Facts, listing: Listing, *, decode: bool) -> DataSet:
    """Check every row; what is wrong with any of them stands in ``problems``, and the rows are left out.

    Raises:
        DataError: nothing can be used: an option breaks its rule, the table has no row at all, or is another data
            set's, there is no folder of images. It carries all problems, those of single rows too.
    """
    mos_range = listing.mos_range or facts.mos_range
    lower_better = facts.lower_better if listing.lower_better is None else listing.lower_better
    accepted = listing.accepted or (None if listing.mos_range else facts.accepted) or mos_range
    foreign, doubts = belonging(facts, listing.entries, _finite(listing.entries), mos_range)
    problems = [*listing.problems, *foreign]
    strangers = {problem.row for problem in foreign}
    entries, repeats = _without_repeats([entry for entry in listing.entries if entry.row not in strangers])
    checked = [_check(place, entry, accepted or (-math.inf, math.inf)) for entry in entries]
    found = [one for one in checked if isinstance(one, Record)]
    records, duplicates = _without_duplicates(found)
    problems += [*repeats, *_once_an_image(one for one in checked if isinstance(one, Problem)), *duplicates]
    problems += _absent(place, listing.entries, anything=bool(found))
    if not listing.entries and all(problem.kind == "option" for problem in problems):
        detail = "the table has a header, but no rows. Pass the folder of a table with a row for each image"
        problems.append(Problem("table", detail, fatal=True))
    problems.sort(key=lambda problem: problem.row or 0)
    if any(problem.fatal for problem in problems):
        raise DataError("the data set cannot be used", tuple(problems))
    if mos_range is None or lower_better is None:
        raise TypeError(f"the reader {facts.name!r} gave neither a scale nor a direction")
    if decode:
        from certiqa.data.sets.decoding import decode_all

        decoded = decode_all(records)
        records = list(decoded.records)
        problems += decoded.problems
    notes = (*listing.notes, *how_many(facts, len(listing.entries)), *doubts, *_renamed(place))
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
    if entry.fault:
        return entry.fault
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
        path = _path(place, entry)
    except ValueError:
        return problem("outside", "refused")
    if path is None:
        return problem("missing", f"looked for {' and '.join(repr(where) for where in entry.places)}")
    if fault := _fault(path):
        return problem("corrupt", fault)
    return Record(path, entry.name, mos, None if math.isnan(std) else std, entry.content, entry.split, entry.row)


def _path(place: Place, entry: Entry) -> Path | None:
    """Where the image of a row lies; None if it is not there.

    Raises:
        ValueError: the name leads out of the root.
    """
    inside(entry.name)
    return next((path for path in map(place.find, entry.places) if path), None)


def _finite(entries: Sequence[Entry]) -> list[float]:
    """The scores that are finite numbers."""
    return [mos for entry in entries if (mos := _number(entry.mos)) is not None and math.isfinite(mos)]


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


def _without_repeats(entries: Sequence[Entry]) -> tuple[list[Entry], list[Problem]]:
    """A row that says what another one said is no news: it is counted as a repetition, and for nothing else."""
    first: dict[tuple[str, ...], int] = {}
    kept, repeats = [], []
    for entry in entries:
        said = tuple(map(as_text, (entry.name, entry.mos, entry.std, entry.content, entry.split)))
        row = first.setdefault(said, entry.row)
        if row == entry.row:
            kept.append(entry)
        else:
            repeats.append(Problem("duplicate", f"repeats row {row}", entry.name, entry.row))
    return kept, repeats


def _once_an_image(problems: Iterable[Problem]) -> Iterator[Problem]:
    """An image that is missing or damaged is told once, however many rows name it."""
    first: dict[str, int | None] = {}
    for problem in problems:
        if problem.kind in _OF_THE_FILE and problem.name is not None:
            row = first.setdefault(problem.name, problem.row)
            if row != problem.row:
                detail = f"names the image of row {row}, which cannot be used"
                yield Problem("duplicate", detail, problem.name, problem.row)
                continue
        yield problem


def _absent(place: Place, entries: Sequence[Entry], *, anything: bool) -> Iterator[Problem]:
    """The folders of images that are not there, unless the images are found elsewhere."""
    for names in place.absent if entries else ():
        if "." in names and (anything or any(map(_is_there(place), entries))):
            continue
        where = either(tuple(name for name in names if name != "."))
        if anything:
            yield Problem("folder", f"{where} is not there")
            continue
        detail = f"there is no folder of images {where}; {place.contents()}"
        yield Problem("folder", f"{detail}. Put the images, and the folder, where the table is", fatal=True)


def _is_there(place: Place) -> Callable[[Entry], bool]:
    def answer(entry: Entry) -> bool:
        try:
            return _path(place, entry) is not None
        except ValueError:
            return False

    return answer


def _without_duplicates(records: Sequence[Record]) -> tuple[list[Record], list[Problem]]:
    """The first of equal rows is kept; where rows about one image contradict each other, none is."""
    rows: dict[Path, list[Record]] = defaultdict(list)
    for record in records:
        rows[record.path].append(record)
    bad: dict[int, Problem] = {}
    for same in rows.values():
        first = same[0]
        agree = all(_facts_of(one) == _facts_of(first) for one in same)
        for record in same[1:] if agree else same:
            others = [one.row for one in same if one is not record]
            which = f"row{'s' if len(others) > 1 else ''} {', '.join(map(str, others))}"
            kind, detail = "contradiction", f"contradicts {which}, none of them is kept"
            if agree:
                kind, detail = "duplicate", f"repeats row {first.row}"
            bad[id(record)] = Problem(kind, detail, record.name, record.row)
    return [record for record in records if id(record) not in bad], list(bad.values())


def _facts_of(record: Record) -> tuple[float, float | None, str, str | None]:
    return record.mos, record.std, record.content, record.split


def _renamed(place: Place) -> tuple[str, ...]:
    if not place.renamed:
        return ()
    asked, found = next(iter(place.renamed.items()))
    count = len(place.renamed)
    differ = "differs" if count == 1 else "differ"
    said = f"{counted(count, 'file name')} {differ} from the table's in the case of their letters"
    return (f"{said} (first: {found!r} for {asked!r})",)
