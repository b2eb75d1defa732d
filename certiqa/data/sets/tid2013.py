"""TID2013: ``mos_with_names.txt`` (a line "MOS name" for each image), ``mos_std.txt`` and ``distorted_images/``.

The names in the table and on disk differ in case (I01_01_1.bmp, i25_01_1.bmp), and not in the same places in every
copy: they are matched whatever the case. A name i01_24_5.bmp says: reference 01, distortion 24, level 5.
"""

from __future__ import annotations

import re

from certiqa.data.sets.facts import Facts
from certiqa.data.sets.listing import Entry, Listing
from certiqa.data.sets.place import Place
from certiqa.data.sets.problem import refuse
from certiqa.data.table import read_words

__all__ = ["FACTS", "read"]

_NAME = re.compile(r"(i\d\d)_\d\d_\d\.\w+", re.IGNORECASE)
_INNER = ("", "tid2013/")

FACTS = Facts(
    name="tid2013",
    title="TID2013",
    files=("mos_with_names.txt", "mos_std.txt (if it is there)", "distorted_images/"),
    mos_range=(0.0, 9.0),
    lower_better=False,
    content="the reference image (the first part of the name, i01 to i25)",
    split="none",
    licence="not stated in the tables",
    paper="Ponomarenko et al., Image database TID2013: peculiarities, results and perspectives, SPIC 2015",
    images=3000,
)


def read(place: Place) -> Listing:
    """Read it; the root may also be a folder above that holds ``tid2013/``."""
    (path,) = place.need(tuple(f"{inner}mos_with_names.txt" for inner in _INNER))
    lines = read_words(path, 2)
    std = _std(place, len(lines))
    folder = place.folder(*(f"{inner}distorted_images" for inner in _INNER))
    entries = []
    for (row, (mos, name)), spread in zip(lines, std, strict=True):
        named = _NAME.fullmatch(name)
        reference = named[1].lower() if named else ""
        entries.append(Entry(name, mos, spread, reference, None, row, (f"{folder}/{name}",)))
    return Listing(tuple(entries))


def _std(place: Place, count: int) -> list[str | None]:
    path = place.table(*(f"{inner}mos_std.txt" for inner in _INNER))
    if path is None:
        return [None] * count
    values: list[str | None] = [words[0] for _, words in read_words(path, 1)]
    if len(values) != count:
        detail = f"'mos_std.txt' must have as many lines as 'mos_with_names.txt', {count}; it has {len(values)}"
        raise refuse("table", detail, "Take both files from the published archive")
    return values
