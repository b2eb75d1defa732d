"""AGIQA-3K: ``data.csv`` (name, prompt, adj1, adj2, style, mos_quality, std_quality, mos_align, std_align) and images.

The quality scores are read; mos_align says how well the image fits the prompt, which is another question. The folder of
images is not the same in every copy (the archive has no fixed one): images, img, image, file, or the root itself.

Also the plain form (``images/`` and ``mos.csv`` with the column prompt). Pictures of one prompt are one content: a
split by image would put pictures of the same thing on both sides.
"""

from __future__ import annotations

from certiqa.data.sets.facts import Facts
from certiqa.data.sets.listing import Entry, Listing
from certiqa.data.sets.place import Place
from certiqa.data.sets.plain import Columns, read_plain
from certiqa.data.table import read_table

__all__ = ["FACTS", "read"]

_INNER = ("", "AGIQA-3K/")

FACTS = Facts(
    name="agiqa3k",
    title="AGIQA-3K",
    files=("data.csv with the columns name, prompt, mos_quality, std_quality", "images/; or mos.csv and images/"),
    mos_range=(0.0, 5.0),
    lower_better=False,
    content="the prompt",
    split="none",
    licence="MIT",
    paper="Li et al., AGIQA-3K: an open database for AI-generated image quality assessment, IEEE TCSVT 2023",
    images=2982,
)


def read(place: Place) -> Listing:
    """Read it; the root may also be a folder above that holds ``AGIQA-3K/``."""
    path = place.table(*(f"{inner}data.csv" for inner in _INNER))
    if path is None and place.table("mos.csv"):
        return read_plain(place, columns=Columns(content="prompt"))
    (path,) = place.need(
        tuple(f"{inner}data.csv" for inner in _INNER),
        instead="the one of the plain form: images/ and mos.csv with the columns image, mos, prompt",
    )
    table = read_table(path, ("name", "prompt", "mos_quality"), ("std_quality",))
    names = ("images", "img", "image", "file")
    folder = place.folder(*(inner + name for inner in _INNER for name in names), ".", "AGIQA-3K")
    entries = tuple(
        Entry(
            name=cells["name"],
            mos=cells["mos_quality"],
            std=cells.get("std_quality"),
            content=cells["prompt"],
            split=None,
            row=row,
            places=(f"{folder}/{cells['name']}", *(f"{inner}{cells['name']}" for inner in _INNER)),
        )
        for row, cells in table.texts()
    )
    return Listing(entries, table.problems)
