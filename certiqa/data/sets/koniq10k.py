"""KonIQ-10k.

Two tables are published. ``koniq10k_scores_and_distributions.csv`` has image_name, c1 to c5, c_total, MOS, SD,
MOS_zscore: MOS and SD on the rating scale 1-5, MOS_zscore on 1-100. ``koniq10k_distributions_sets.csv`` (of the
authors' code) has image_name, c1 to c5, c_total, MOS, SD, set, and there the column MOS is what the other table calls
MOS_zscore, while SD stays on the scale 1-5. ``set`` (training, validation, test) is the official split; with this table
there, every image must be in one of them.

So MOS means two things. This reader takes the 1-100 scale, which both tables have, and no standard deviation;
``scale="acr"`` takes MOS and SD on 1-5, which only the first table has.

The images are published in 1024x768 and in 512x384; they are not mixed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from certiqa.data.sets.facts import Facts
from certiqa.data.sets.listing import Entry, Listing, as_split
from certiqa.data.sets.official import SplitTable, with_parts
from certiqa.data.sets.place import Place
from certiqa.data.sets.problem import Problem
from certiqa.data.table import read_table
from certiqa.errors import InputError

__all__ = ["FACTS", "read"]

_SCORES, _SETS = "koniq10k_scores_and_distributions.csv", "koniq10k_distributions_sets.csv"
_SIZES = ("1024x768", "512x384")
_RANGES = {"zscore": (1.0, 100.0), "acr": (1.0, 5.0)}

FACTS = Facts(
    name="koniq10k",
    title="KonIQ-10k",
    files=(f"{_SCORES} or {_SETS}", "1024x768/ or 512x384/"),
    mos_range=_RANGES["zscore"],
    lower_better=False,
    content="the image",
    split=f"train, val, test: the column set of {_SETS}",
    licence="not stated in the tables; the images are Creative Commons photographs of YFCC100M",
    paper="Hosu, Lin, Sziranyi and Saupe, KonIQ-10k: an ecologically valid database for deep learning of blind image "
    "quality assessment, IEEE TIP 2020",
    images=10073,
)


def read(place: Place, *, scale: str = "zscore", images: str | None = None) -> Listing:
    """Read it.

    Args:
        place: the root.
        scale: "zscore" (MOS on 1-100, no standard deviation) or "acr" (MOS and SD on 1-5).
        images: "1024x768" or "512x384"; default: 1024x768 if it is there, else 512x384.

    Raises:
        InputError: another scale or size.
        DataError: no table, or not the one that has the scale; other columns.
    """
    if scale not in _RANGES:
        raise InputError.of("scale", "must be 'zscore' (1-100) or 'acr' (1-5)", scale)
    if images is not None and images not in _SIZES:
        raise InputError.of("images", f"must be one of {', '.join(_SIZES)}", images)
    scores, sets = place.table(*_where(_SCORES)), place.table(*_where(_SETS))
    if scale == "acr":
        (path,) = place.need(_where(_SCORES))
        table, mos, std = read_table(path, ("image_name", "MOS", "SD")), "MOS", "SD"
    elif scores:
        table, mos, std = read_table(scores, ("image_name", "MOS_zscore")), "MOS_zscore", ""
    else:
        (path,) = place.need((*_where(_SETS), _SCORES))
        table, mos, std = read_table(path, ("image_name", "MOS", "set")), "MOS", ""
    folder = place.folder(*_folders((images,) if images else _SIZES))
    entries = tuple(
        Entry(
            name=cells["image_name"],
            mos=cells[mos],
            std=cells.get(std),
            content=cells["image_name"],
            split=as_split(cells.get("set", "")),
            row=row,
            places=(f"{folder}/{cells['image_name']}",),
        )
        for row, cells in table.texts()
    )
    problems = table.problems
    found: tuple[str, ...] = ()
    if not scores:
        entries = tuple(map(_with_fault, entries))
    elif sets:
        official = SplitTable.of(read_table(sets, ("image_name", "set")), "image_name", _part)
        entries, more, found = with_parts(entries, [official])
        problems = (*problems, *more)
    notes = [f"images of {folder}/", f"MOS on {_RANGES[scale][0]:g}-{_RANGES[scale][1]:g}"]
    if not sets:
        notes.append(f"no {_SETS}: the official split is not known")
    return Listing(entries, problems, (*notes, *found), _RANGES[scale])


def _part(cells: Mapping[str, str]) -> str | None:
    return as_split(cells["set"])


def _with_fault(entry: Entry) -> Entry:
    """A row of the table of sets itself: its cell must not be empty."""
    if entry.split is not None:
        return entry
    return replace(entry, fault=Problem("part", f"the cell is empty in {_SETS!r}", entry.name, entry.row))


def _where(table: str) -> tuple[str, ...]:
    return table, f"metadata/{table}", f"{Path(table).stem}/{table}", f"koniq10k/{table}"


def _folders(sizes: Iterable[str]) -> list[str]:
    return [form.format(size) for size in sizes for form in ("{0}", "koniq10k_{0}/{0}", "koniq10k_{0}", "koniq10k/{0}")]
