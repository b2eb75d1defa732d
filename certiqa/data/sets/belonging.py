"""Whether a table is this data set's at all: told by the names in it, by the scores, and by how many there are.

A folder of another data set can have a table of the right form: mos.csv is what everybody writes. Names that the data
set does not have, and scores that use a corner of its scale only, prove that it is another one; another number of
images does not, for parts of a data set are passed on too: that is a note.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from certiqa._counted import counted
from certiqa.data.sets.facts import Facts
from certiqa.data.sets.listing import Entry
from certiqa.data.sets.problem import Problem

__all__ = ["corner", "foreign_names", "how_many"]

_ENOUGH = 20
"""So many images of a rated data set do not all lie in one fifth of its scale."""
_FIFTH = 0.2
_NEAR = 0.05
_REMEDY = (
    "Open it with the reader of its own data set (certiqa data list), or with 'folder', which is told the scale: "
    "mos_range=(LOW, HIGH) (--option mos_range=LOW,HIGH)"
)


def foreign_names(facts: Facts, entries: Sequence[Entry]) -> list[Problem]:
    """The names that this data set does not have; if they are most of all names, nothing can be read."""
    if not facts.named:
        return []
    pattern = re.compile(facts.named, re.IGNORECASE)
    named = [entry for entry in entries if entry.name.strip()]
    foreign = [entry for entry in named if not pattern.fullmatch(re.split(r"[/\\]", entry.name)[-1])]
    like = f"{facts.title} has names like {facts.example!r}"
    if 2 * len(foreign) <= len(named):
        return [Problem("foreign", like, entry.name, entry.row) for entry in foreign]
    said = f"{len(foreign)} of {counted(len(named), 'name')} in the table"
    verb = "is" if len(foreign) == 1 else "are"
    detail = f"{said} {verb} not of this data set (first: {foreign[0].name!r}); {like}"
    return [Problem("foreign", f"{detail}. {_REMEDY}", fatal=True)]


def corner(facts: Facts, mos: Sequence[float], scale: tuple[float, float]) -> tuple[list[Problem], list[str]]:
    """Scores that all lie in one fifth of the scale, at one end of it: a problem, or a note where the user said the
    scale.
    """
    low, high = scale
    part = _FIFTH * (high - low)
    if len(mos) < _ENOUGH or not (max(mos) <= low + part or min(mos) >= high - part):
        return [], []
    seen = f"all {len(mos)} MOS lie in {min(mos):g} to {max(mos):g}, one fifth of the scale {low:g}-{high:g} or less"
    if facts.mos_range is None:
        return [], [f"{seen}: is it the right mos_range?"]
    detail = f"{seen}: the table is on another scale, or another data set's. {_REMEDY}"
    return [Problem("scale", detail, fatal=True)], []


def how_many(facts: Facts, count: int) -> list[str]:
    """A note where the number of images is far from the published one."""
    if facts.images is None or abs(count - facts.images) <= _NEAR * facts.images:
        return []
    return [f"{counted(count, 'image')} in the table; {facts.title} is published with {facts.images}"]
