"""The plain form of a data set: a folder of images and one table with a row for each image.

It is how data sets are commonly re-packed: ``images/`` beside ``mos.csv`` with the columns image, mos and, if they are
known, std, prompt or content, split.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from certiqa.data.sets.listing import Entry, Listing, as_split
from certiqa.data.sets.place import Place, inside
from certiqa.data.table import read_table
from certiqa.errors import InputError

__all__ = ["CONTENT_COLUMNS", "Columns", "read_plain"]

CONTENT_COLUMNS = ("content", "prompt")
"""The column that names the content, best first, where none is asked for."""


@dataclass(frozen=True)
class Columns:
    """What the columns are called.

    Attributes:
        image: name of the image, relative to the folder of images.
        mos: the score.
        std: standard deviation of the ratings; read if it is there.
        content: what must not be split; None: the first of :data:`CONTENT_COLUMNS` that is there, else the image.
        split: the official split; read if it is there.
    """

    image: str = "image"
    mos: str = "mos"
    std: str = "std"
    content: str | None = None
    split: str = "split"


def read_plain(
    place: Place,
    table: str = "mos.csv",
    images: str | None = None,
    columns: Columns = Columns(),
    content_of: Callable[[str], str] = lambda image: image,
) -> Listing:
    """Read the plain form.

    Args:
        place: the root.
        table: the table, relative to the root.
        images: the folder of images, relative to the root; None: ``images`` if it is there, else the root.
        columns: what the columns are called; a content column that is asked for must be there.
        content_of: the content of an image, where no column says it.

    Raises:
        InputError: ``table`` or ``images`` leads out of the root.
        DataError: no such table, or other columns.
    """
    _stay_below("table", table)
    if images is not None:
        _stay_below("images", images)
    (path,) = place.need((table,), instead="name the table: table=... (--option table=...)")
    required = [columns.image, columns.mos, *([columns.content] if columns.content else [])]
    read = read_table(path, required, (columns.std, columns.split, *CONTENT_COLUMNS))
    content = columns.content or next((name for name in CONTENT_COLUMNS if read.has(name)), None)
    folder = place.folder("images", ".") if images is None else place.folder(images)
    entries = []
    for row, cells in read.texts():
        name = cells[columns.image]
        entries.append(
            Entry(
                name=name,
                mos=cells[columns.mos],
                std=cells.get(columns.std),
                content=cells[content] if content else content_of(name),
                split=as_split(cells.get(columns.split, "")),
                row=row,
                places=(f"{folder}/{name}",),
            )
        )
    return Listing(tuple(entries), read.problems)


def _stay_below(option: str, name: str) -> None:
    try:
        if name != ".":
            inside(name)
    except ValueError:
        rule = "must be a name below the root"
        raise InputError.of(option, rule, name, "Pass another root, and the name as it is seen from there.") from None
