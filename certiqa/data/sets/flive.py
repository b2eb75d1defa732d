"""FLIVE, also LIVE-FB or PaQ-2-PiQ: ``labels_image.csv`` (name, mos, ...) and ``database/``; whole images, no patches.

Names in the table carry their folder (voc_emotic_ava/AVA__149.jpg). The official split circulates in two ways. With
``labels>640.csv`` and ``labels<=640_padded.csv`` (column name_image; the second has is_valid) beside the table: test is
every image of the first, val those of the second with is_valid, train the rest; the signs < and > are lost in some
copies. Else by the column is_valid of labels_image.csv, if it is there: val or train, and no test part.

Not certain: whether the authors' own labels_image.csv has is_valid (the code of others that reads it uses name and mos
only). Further columns are ignored, and no standard deviation is read.
"""

from __future__ import annotations

from collections.abc import Callable

from certiqa.data.sets.facts import Facts
from certiqa.data.sets.listing import Entry, Listing
from certiqa.data.sets.place import Place
from certiqa.data.table import read_table

__all__ = ["FACTS", "read"]

_INNER = ("", "database/")
_LARGE = ("labels>640.csv", "labels640.csv")
_PADDED = ("labels<=640_padded.csv", "labels=640_padded.csv")
_TRUTH = {"true": "val", "1": "val", "false": "train", "0": "train"}

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
    split_of, note = _split(place, has_column=table.has("is_valid"))
    folder = place.folder("database", "FLIVE", ".")
    entries = tuple(
        Entry(
            name=cells["name"],
            mos=cells["mos"],
            std=None,
            content=cells["name"],
            split=split_of(cells),
            row=row,
            places=(f"{folder}/{cells['name']}", cells["name"]),
        )
        for row, cells in table.texts()
    )
    return Listing(entries, table.problems, (note,))


def _split(place: Place, *, has_column: bool) -> tuple[Callable[[dict[str, str]], str | None], str]:
    """How to tell the split of a row, and where from."""
    large = place.table(*(inner + name for inner in _INNER for name in _LARGE))
    padded = place.table(*(inner + name for inner in _INNER for name in _PADDED))
    if large and padded:
        test = {cells["name_image"] for _, cells in read_table(large, ("name_image",)).texts()}
        rows = read_table(padded, ("name_image", "is_valid")).texts()
        val = {cells["name_image"] for _, cells in rows if _word(cells["is_valid"]) == "val"}
        return (
            lambda cells: "test" if cells["name"] in test else "val" if cells["name"] in val else "train",
            f"official split of {large.name!r} and {padded.name!r}",
        )
    if has_column:
        return lambda cells: _word(cells["is_valid"]), "official split of the column is_valid: it has no test part"
    return lambda cells: None, "neither the column is_valid nor the two tables of the split: it is not known"


def _word(cell: str) -> str | None:
    return _TRUTH.get(cell.casefold(), cell or None)
