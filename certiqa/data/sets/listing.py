"""What a reader found in the tables, before it is checked row by row."""

from __future__ import annotations

from dataclasses import dataclass

from certiqa.data.sets.problem import Problem

__all__ = ["Entry", "Listing", "as_split"]

_SPLITS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
    "": None,
}


@dataclass(frozen=True)
class Entry:
    """One row, unchecked.

    Attributes:
        name: as the table names the image.
        mos: the cell: text, a number, or None.
        std: the cell; None, empty text and NaN mean "not published".
        content: what must not be split; empty if the table does not say.
        split: the official split, or the table's unknown word for it.
        row: row of the table, from 1.
        places: where the file may lie, relative to the root, best first.
        fault: what the reader knows to be wrong with the image of this row, which is then left out.
    """

    name: str
    mos: object
    std: object
    content: str
    split: str | None
    row: int
    places: tuple[str, ...]
    fault: Problem | None = None


@dataclass(frozen=True)
class Listing:
    """What a reader hands over.

    Attributes:
        entries: the rows, in the table's order.
        problems: those that the reader itself noticed.
        notes: choices that the reader made, in words.
        mos_range: where it is not that of the facts.
        lower_better: where it is not that of the facts.
        accepted: what lies outside is refused; None: that of the facts.
    """

    entries: tuple[Entry, ...]
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    mos_range: tuple[float, float] | None = None
    lower_better: bool | None = None
    accepted: tuple[float, float] | None = None


def as_split(cell: str) -> str | None:
    """The split that a cell means; an unknown word is handed through, to be reported.

    >>> as_split("Training"), as_split("validation"), as_split(""), as_split("fold 3")
    ('train', 'val', None, 'fold 3')
    """
    word = cell.strip()
    return _SPLITS.get(word.casefold(), word)
