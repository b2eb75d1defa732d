"""LIVE Image Quality Assessment Database, release 2.

``dmos.mat`` (dmos and orgs, 1 x 982), ``refnames_all.mat`` (refnames_all, a cell array of 982 names) and the folders
jp2k, jpeg, wn, gblur, fastfading with img1.bmp and so on: entry 1 is jp2k/img1.bmp, entry 228 is jpeg/img1.bmp. Where
orgs is 1 the file is an undistorted copy of its reference: those 203 entries are left out, 779 stay.

``dmos_realigned.mat`` (dmos_new, dmos_std, orgs) holds scores that were realigned across the sessions; many papers use
them: ``scores="realigned"``.

DMOS: higher is WORSE. The scale is nominally 0 to 100, but DMOS is a difference of ratings, and single realigned values
leave it on both sides (one is -2.64): only what lies outside [-20, 120] is refused.
"""

from __future__ import annotations

from certiqa.data.sets.facts import Facts
from certiqa.data.sets.listing import Entry, Listing
from certiqa.data.sets.place import Place
from certiqa.data.sets.problem import refuse
from certiqa.data.table import numbers, read_mat, strings
from certiqa.errors import InputError

__all__ = ["FACTS", "FOLDERS", "read"]

FOLDERS = {"jp2k": 227, "jpeg": 233, "wn": 174, "gblur": 174, "fastfading": 174}
"""How many entries each folder has, in the order of the arrays."""

_INNER = ("", "databaserelease2/")
_COUNT = sum(FOLDERS.values())

FACTS = Facts(
    name="live",
    title="LIVE IQA release 2",
    files=("dmos.mat (or dmos_realigned.mat)", "refnames_all.mat", *(f"{folder}/" for folder in FOLDERS)),
    mos_range=(0.0, 100.0),
    lower_better=True,
    content="the reference image (refnames_all)",
    split="none",
    licence="see the notice in its readme.txt (The University of Texas at Austin)",
    paper="Sheikh, Sabir and Bovik, A statistical evaluation of recent full reference image quality assessment "
    "algorithms, IEEE TIP 2006",
    accepted=(-20.0, 120.0),
    images=779,
)


def read(place: Place, *, scores: str = "dmos") -> Listing:
    """Read it; the root may also be a folder above that holds ``databaserelease2/``.

    Args:
        place: the root.
        scores: "dmos" (dmos.mat) or "realigned" (dmos_realigned.mat, with standard deviations).

    Raises:
        InputError: other scores.
        DataError: a table is missing, or not of 982 entries.
    """
    if scores not in ("dmos", "realigned"):
        raise InputError.of("scores", "must be 'dmos' or 'realigned'", scores)
    table = "dmos.mat" if scores == "dmos" else "dmos_realigned.mat"
    score_path, name_path = place.need(
        *(tuple(f"{inner}{one}" for inner in _INNER) for one in (table, "refnames_all.mat"))
    )
    variables = ("dmos", "orgs") if scores == "dmos" else ("dmos_new", "orgs", "dmos_std")
    arrays = [numbers(a, v).tolist() for a, v in zip(read_mat(score_path, *variables), variables, strict=True)]
    references = strings(read_mat(name_path, "refnames_all")[0])
    if {len(references), *map(len, arrays)} != {_COUNT}:
        counts = ", ".join(f"{name} {len(values)}" for name, values in zip(variables, arrays, strict=True))
        detail = f"each array must have {_COUNT} entries; found: {counts}, refnames_all {len(references)}"
        raise refuse("table", detail, "Take the .mat files from the published archive")
    folders = [(place.folder(*(inner + one for inner in _INNER)), one, count) for one, count in FOLDERS.items()]
    files = [(f"{there}/img{i}.bmp", f"{one}/img{i}.bmp") for there, one, count in folders for i in range(1, count + 1)]
    dmos, originals, std = arrays[0], arrays[1], arrays[2] if len(arrays) > 2 else [None] * _COUNT
    entries = tuple(
        Entry(files[k][1], dmos[k], std[k], references[k], None, k + 1, (files[k][0],))
        for k in range(_COUNT)
        if originals[k] != 1
    )
    return Listing(entries)
