"""CSIQ: ``csiq.DMOS.xlsx`` and ``dst_imgs/<distortion>/<image>.<DISTORTION>.<level>.png``.

The scores are in the sheet all_by_image, whose header (image, dst_idx, dst_type, dst_lev, dmos_std, dmos) stands in
row 4 from column D on. The image 1600 is a number there. The sheet spells two distortions otherwise than the files:
noise is AWGN, "jpeg 2000" is jpeg2000. Not every combination of image, distortion and level was rated.

DMOS from 0 to 1: higher is WORSE.

The sheet exported beside the workbook as ``csiq.DMOS.csv`` is preferred, and needs no openpyxl; the list
``csiq_label.txt`` ("name DMOS"), which circulates too, is read where neither is there.
"""

from __future__ import annotations

from certiqa.data.sets.facts import Facts
from certiqa.data.sets.listing import Entry, Listing
from certiqa.data.sets.place import Place
from certiqa.data.table import read_table, read_words

__all__ = ["FACTS", "read"]

_TABLES = ("csiq.DMOS.csv", "csiq.DMOS.xlsx")
_LABELS = "csiq_label.txt"
_COLUMNS = ("image", "dst_type", "dst_lev", "dmos")
_FOLDERS = ("dst_imgs", "dst_imgs_all", "distorted_images", ".")
_FILES = {
    "noise": "AWGN",
    "awgn": "AWGN",
    "blur": "BLUR",
    "contrast": "contrast",
    "fnoise": "fnoise",
    "jpeg": "JPEG",
    "jpeg 2000": "jpeg2000",
    "jpeg2000": "jpeg2000",
}
"""The sheet's words for the distortions -> those of the files."""

FACTS = Facts(
    name="csiq",
    title="CSIQ",
    files=("csiq.DMOS.xlsx (or its sheet all_by_image as csiq.DMOS.csv, or csiq_label.txt)", "dst_imgs/"),
    mos_range=(0.0, 1.0),
    lower_better=True,
    content="the reference image (column image)",
    split="none",
    licence="not stated in the tables",
    paper="Larson and Chandler, Most apparent distortion: full-reference image quality assessment and the role of "
    "strategy, JEI 2010",
    images=866,
)


def read(place: Place) -> Listing:
    """Read it."""
    folder = place.folder(*_FOLDERS)
    if place.table(*_TABLES) is None and (labels := place.table(_LABELS)):
        lines = read_words(labels, 2)
        return Listing(tuple(_entry(folder, row, name, dmos, None) for row, (name, dmos) in lines))
    (path,) = place.need(_TABLES)
    table = read_table(path, _COLUMNS, ("dmos_std",), sheet="all_by_image")
    entries = []
    for row, cells in table.texts():
        kind = cells["dst_type"].casefold()
        name = f"{cells['image']}.{_FILES.get(kind, kind)}.{cells['dst_lev']}.png"
        entries.append(_entry(folder, row, name, cells["dmos"], cells.get("dmos_std")))
    return Listing(tuple(entries), table.problems)


def _entry(folder: str, row: int, name: str, dmos: str, std: str | None) -> Entry:
    reference, _, rest = name.partition(".")
    kind = rest.partition(".")[0].lower()
    return Entry(name, dmos, std, reference, None, row, (f"{folder}/{kind}/{name}", f"{folder}/{name}"))
