"""What is wrong with a data set on disk, one by one as data and all together in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from certiqa._counted import counted
from certiqa.errors import DataError

__all__ = ["KINDS", "REMEDY", "Problem", "data_error", "grouped", "refuse"]

_SHOWN = 3
_LONGEST = 400

KINDS: dict[str, tuple[str, str]] = {
    "root": ("root folder", "root folders"),
    "option": ("option that breaks its rule", "options that break their rule"),
    "table": ("table", "tables"),
    "columns": ("table with wrong columns", "tables with wrong columns"),
    "folder": ("missing folder of images", "missing folders of images"),
    "foreign": ("name that is not this data set's", "names that are not this data set's"),
    "row": ("malformed row", "malformed rows"),
    "name": ("row without a usable image name", "rows without a usable image name"),
    "mos": ("MOS that is no finite number", "MOS that are no finite number"),
    "scale": ("MOS outside the scale", "MOS outside the scale"),
    "std": ("standard deviation that is no number >= 0", "standard deviations that are no number >= 0"),
    "content": ("row without a content", "rows without a content"),
    "split": ("unknown word for the split", "unknown words for the split"),
    "part": ("image without a part in the official split", "images without a part in the official split"),
    "unmatched": ("name of the split that no image has", "names of the split that no image has"),
    "duplicate": ("duplicate row", "duplicate rows"),
    "contradiction": ("row that contradicts another one", "rows that contradict each other"),
    "outside": ("image name that leads out of the root", "image names that lead out of the root"),
    "missing": ("missing image", "missing images"),
    "corrupt": ("image that does not decode", "images that do not decode"),
}
"""Every kind of problem, in the order in which they are told: the words for one of it, and for several."""

REMEDY = "Repair the data set, or go on without the bad rows: skip_bad=True (--skip-bad)."
"""For what is wrong with single rows."""


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
    """One line for each kind: how many, and the first ones. What makes everything unreadable has a line of its own.

    >>> grouped([Problem("missing", "", "b.png", 3), Problem("mos", "'nan'", "a.png", 2)])
    ["1 MOS that is no finite number (row 2 'a.png': 'nan')", "1 missing image (row 3 'b.png')"]
    """
    found = list(problems)
    lines = []
    for kind, words in KINDS.items():
        lines += [problem.detail for problem in found if problem.kind == kind and problem.fatal]
        of_kind = [problem for problem in found if problem.kind == kind and not problem.fatal]
        if of_kind:
            first = "; ".join(_short(str(problem)) for problem in of_kind[:_SHOWN])
            more = "; ..." if len(of_kind) > _SHOWN else ""
            lines.append(f"{counted(len(of_kind), *words)} ({first}{more})")
    return lines


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def data_error(what: str, problems: Sequence[Problem]) -> DataError:
    """The one error that tells all problems of a data set, and the way on; a fatal problem says its own way on."""
    remedy = "" if any(problem.fatal for problem in problems) else f" {REMEDY}"
    said = [line.removesuffix(".") for line in grouped(problems)]
    return DataError(f"{what} cannot be used as it is: {'. '.join(said)}.{remedy}", tuple(problems))


def refuse(kind: str, detail: str, remedy: str) -> DataError:
    """An error about one fatal problem; whoever knows the data set's name puts it into the full sentence."""
    problem = Problem(kind, f"{detail}. {remedy}", fatal=True)
    return DataError(problem.detail, (problem,))
