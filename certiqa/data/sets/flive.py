"""FLIVE, also LIVE-FB or PaQ-2-PiQ: ``labels_image.csv`` (name, mos, ...) and ``database/``; whole images, no patches.

Names in the table carry their folder (voc_emotic_ava/AVA__149.jpg). The official split circulates in two ways. With
``labels>640.csv`` and ``labels<=640_padded.csv`` (column name_image; the second has is_valid) beside the table: test is
every image of the first, val those of the second with is_valid, train the rest, also images in neither, unless the
tables name images that are not there; the signs < and > are lost in some copies. Else by the column is_valid of
labels_image.csv, if it is there: val or train, and no test part.

Not certain: whether the authors' own labels_image.csv has is_valid (the code of others that reads it uses name and mos
only). Further columns are ignored, and no standard deviation is read.
"""

from __future__ import annotations

from dataclasses import replace

from certiqa.data.sets.facts import Facts
from certiqa.data.sets.listing import Entry, Listing
from certiqa.data.sets.official import SplitTable, with_parts
from certiqa.data.sets.place import Place
from certiqa.data.table import read_table

__all__ = ["FACTS", "read"]

_INNER = ("", "database/")
_LARGE = ("labels>640.csv", "labels640.csv")
_PADDED = ("labels<=640_padded.csv", "labels=640_padded.csv")
_TRUTH = {"true": "val", "1": "val", "false": "train", "0": "train"}
_COLUMN = "official split of the column is_valid: it has no test part"
_NONE = "neither the column is_valid nor the two tables of the split: it is not known"

FACTS = Facts(
    name="flive",
    title="FLIVE (PaQ-2-PiQ)",
    files=(
        "labels_image.csv with the columns name, mos[, is_valid]",
        "labels>640.csv, labels<=640_padded.csv",
        "database/",
    ),
    mos_range=(0.0, 100.0),
    lower_better=False,
    content="the image",
    split="train, val, test: labels>640.csv and labels<=640_padded.csv; else train, val: the column is_valid",
    licence="not stated in the tables; it is made of images of several other data sets",
    paper="Ying et al., From patches to pictures (PaQ-2-PiQ): mapping the perceptual space of picture quality, "
    "CVPR 2020",
    images=39810,
)


def read(place: Place) -> Listing:
    """Read it."""
    (path,) = place.need(tuple(f"{inner}labels_image.csv" for inner in _INNER))
    table = read_table(path, ("name", "mos"), ("is_valid",))
    tables = _tables(place)
    column = table.has("is_valid") and not tables
    folder = place.folder("database", "FLIVE", ".")
    entries = tuple(
        Entry(
            name=cells["name"],
            mos=cells["mos"],
            std=None,
            content=cells["name"],
            split=_word(cells["is_valid"]) if column else None,
            row=row,
            places=(f"{folder}/{cells['name']}", cells["name"]),
        )
        for row, cells in table.texts()
    )
    if not tables:
        return Listing(entries, table.problems, (_COLUMN if column else _NONE,))
    entries, problems, notes = with_parts(entries, tables, rest="train")
    used = f"official split of {' and '.join(repr(one.name) for one in tables)}"
    return Listing(entries, (*table.problems, *problems), (used, *notes))


def _tables(place: Place) -> list[SplitTable]:
    """The two of the split, or none."""
    large = place.table(*(inner + name for inner in _INNER for name in _LARGE))
    padded = place.table(*(inner + name for inner in _INNER for name in _PADDED))
    if not large or not padded:
        return []
    test = SplitTable.of(read_table(large, ("name_image",)), "name_image", lambda cells: "test")
    others = SplitTable.of(
        read_table(padded, ("name_image", "is_valid")), "name_image", lambda cells: _word(cells["is_valid"])
    )
    large_ones = {image for _, image, _ in test.rows}
    rows = tuple(
        (row, image, "test" if part == "train" and image in large_ones else part)  # not valid: that denies val only
        for row, image, part in others.rows
    )
    return [test, replace(others, rows=rows)]


def _word(cell: str) -> str | None:
    return _TRUTH.get(cell.casefold(), cell or None)
