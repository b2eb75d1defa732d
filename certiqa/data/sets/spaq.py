"""SPAQ: ``Annotations/MOS and Image attribute scores.xlsx`` and ``TestImage/``.

The columns "Image name" and MOS are read; the attributes (Brightness, Colorfulness, Contrast, Noisiness, Sharpness) are
not. No standard deviation is published there. The table exported as .csv beside the workbook is preferred, and needs no
openpyxl. Despite its name, TestImage/ holds all images; there is no official split.
"""

from __future__ import annotations

from certiqa.data.sets.facts import Facts
from certiqa.data.sets.listing import Entry, Listing
from certiqa.data.sets.place import Place
from certiqa.data.table import read_table

__all__ = ["FACTS", "read"]

_STEM = "MOS and Image attribute scores"
_FOLDERS = ("Annotations/", "", "SPAQ/Annotations/", "Dataset/Annotations/")
_TABLES = tuple(
    folder + stem + ending
    for ending in (".csv", ".xlsx")
    for folder in _FOLDERS
    for stem in (_STEM, _STEM.replace(" ", "_"))
)

FACTS = Facts(
    name="spaq",
    title="SPAQ",
    files=(f"Annotations/{_STEM}.xlsx (or .csv) with the columns Image name, MOS", "TestImage/"),
    mos_range=(0.0, 100.0),
    lower_better=False,
    content="the image",
    split="none",
    licence="educational and research use; commercial use only with the authors' permission",
    paper="Fang, Zhu, Zeng, Ma and Wang, Perceptual quality assessment of smartphone photography, CVPR 2020",
    images=11125,
)


def read(place: Place) -> Listing:
    """Read it."""
    path = place.table(*_TABLES) or place.need((f"Annotations/{_STEM}.xlsx", f"Annotations/{_STEM}.csv"))[0]
    table = read_table(path, ("Image name", "MOS"))
    folder = place.folder("TestImage", "SPAQ/TestImage", "Dataset/TestImage", "images")
    entries = tuple(
        Entry(
            name=cells["Image name"],
            mos=cells["MOS"],
            std=None,
            content=cells["Image name"],
            split=None,
            row=row,
            places=(f"{folder}/{cells['Image name']}",),
        )
        for row, cells in table.texts()
    )
    return Listing(entries, table.problems)
