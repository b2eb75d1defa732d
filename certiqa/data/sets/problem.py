"""What is wrong with a data set on disk, one by one as data and all together in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from certiqa.errors import DataError

__all__ = ["KINDS", "Problem", "data_error", "grouped", "refuse"]

_SHOWN = 3
_LONGEST = 400

KINDS: dict[str, str] = {
    "root": "root folder",
    "table": "table",
    "columns": "wrong columns",
    "row": "malformed rows",
    "name": "rows without a usable image name",
    "mos": "MOS that are no finite number",
    "scale": "MOS outside the scale",
    "std": "standard deviations that are no number >= 0",
    "content": "rows without a content",
    "split": "unknown words for the split",
    "duplicate": "duplicate rows",
    "outside": "image names that lead out of the root",
    "missing": "missing images",
    "corrupt": "images that do not decode",
}
"""Every kind of problem, in the order in which they are told."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        kind: one of :data:`KINDS`.
        detail: in words.
        name: the image, as the table names it; None if it is not about one image.
        row: row of the table, from 1; None if it is not about one row.
        fatal: whether nothing can be read at all because of it.
    """

    kind: str
    detail: str
    name: str | None = None
    row: int | None = None
    fatal: bool = False

    def __str__(self) -> str:
        where = f"row {self.row}" if self.row is not None else ""
        about = " ".join(part for part in (where, repr(self.name) if self.name is not None else "") if part)
        return f"{about}: {self.detail}" if about and self.detail else about or self.detail


def grouped(problems: Iterable[Problem]) -> list[str]:
    """One line for each kind: how many, and the first ones.

    >>> grouped([Problem("missing", "", "b.png", 3), Problem("mos", "'nan'", "a.png", 2)])
    ["1 MOS that are no finite number (row 2 'a.png': 'nan')", "1 missing images (row 3 'b.png')"]
    """
    found = list(problems)
    lines = []
    for kind, words in KINDS.items():
        of_kind = [problem for problem in found if problem.kind == kind]
        if not of_kind:
            continue
        if of_kind[0].fatal:
            lines += [problem.detail for problem in of_kind]
            continue
        first = "; ".join(_short(str(problem)) for problem in of_kind[:_SHOWN])
        more = "; ..." if len(of_kind) > _SHOWN else ""
        lines.append(f"{len(of_kind)} {words} ({first}{more})")
    return lines


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def data_error(what: str, problems: Sequence[Problem]) -> DataError:
    """The one error that tells all problems of a data set, and the way on."""
    remedy = (
        ""
        if any(problem.fatal for problem in problems)
        else (" Repair the data set, or go on without the bad rows: skip_bad=True (--skip-bad).")
    )
    return DataError(f"{what} cannot be used as it is: {'. '.join(grouped(problems))}.{remedy}", tuple(problems))


def refuse(kind: str, detail: str) -> DataError:
    """An error about one fatal problem; whoever knows the data set's name puts it into the full sentence."""
    problem = Problem(kind, detail, fatal=True)
    return DataError(detail, (problem,))
