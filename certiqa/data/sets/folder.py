"""Any folder with a table: the reader for data that no other reader knows.

The scale cannot be guessed from the scores that happen to be there, so ``mos_range`` must be said.
"""

from __future__ import annotations

from certiqa.data.sets.facts import Facts
from certiqa.data.sets.listing import Listing
from certiqa.data.sets.options import flag, gathered, scale_ends
from certiqa.data.sets.place import Place
from certiqa.data.sets.plain import Columns, read_plain
from certiqa.data.sets.problem import Problem
from certiqa.errors import DataError

__all__ = ["FACTS", "read"]

FACTS = Facts(
    name="folder",
    title="any folder with a table",
    files=("mos.csv (or table=...) with the columns image, mos[, std][, content or prompt][, split]", "images/"),
    mos_range=None,
    lower_better=None,
    content="the column content or prompt (or content_column=...); without it, the image",
    split="the column split, if there is one",
    licence="yours to know",
    paper="",
)


def read(
    place: Place,
    *,
    mos_range: object = None,
    lower_better: object = False,
    table: str = "mos.csv",
    images: str | None = None,
    image_column: str = "image",
    mos_column: str = "mos",
    std_column: str = "std",
    content_column: str | None = None,
    split_column: str = "split",
) -> Listing:
    """Read it.

    Args:
        place: the root.
        mos_range: (lowest, highest) of the scale, or the text "LOWEST,HIGHEST"; it must be said.
        lower_better: whether a higher number is a worse image (DMOS); a bool, or the text "true" or "false".
        table: .csv or .xlsx, relative to the root.
        images: the folder of images, relative to the root; default: images/ if it is there, else the root.
        image_column: the column that names the image.
        mos_column: the column of the score.
        std_column: the column of the standard deviation, read if it is there.
        content_column: the column of the content; default: content or prompt if it is there, else the image.
        split_column: the column of the official split, read if it is there: train, val, test.

    Returns:
        The rows. Options that break their rule stand among its problems, so that the rows are looked at all the same.

    Raises:
        DataError: no such table, or other columns; with it all options that break their rule.
    """
    faults: list[Problem] = []
    scale = gathered(faults, lambda: scale_ends(mos_range))
    direction = gathered(faults, lambda: flag("lower_better", lower_better))
    columns = Columns(image_column, mos_column, std_column, content_column, split_column)
    found = gathered(faults, lambda: read_plain(place, table, images, columns))
    if found is None:
        raise DataError("the table cannot be read", tuple(faults))
    return Listing(found.entries, (*faults, *found.problems), found.notes, scale, direction)
