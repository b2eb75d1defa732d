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

__all__ = ["belonging", "how_many"]

_ENOUGH = 20
"""So many images of a rated data set do not all lie in one fifth of its scale."""
_FIFTH = 0.2
_NEAR = 0.05
_REMEDY = (
    "Open it with the reader of its own data set (certiqa data list), or with 'folder', which is told the scale: "
    "mos_range=(LOW, HIGH) (--option mos_range=LOW,HIGH)"
)


def belonging(
    facts: Facts, entries: Sequence[Entry], mos: Sequence[float], scale: tuple[float, float] | None
) -> tuple[list[Problem], list[str]]:
    """What is wrong with the table as a whole: one fatal problem with all the proofs, or single foreign names; notes.

    Args:
        facts: of the data set.
        entries: the rows.
        mos: their scores, those that are finite numbers.
        scale: None where it is not known.
    """
    foreign = _foreign(facts, entries)
    crowded = _corner(mos, scale) if scale else ""
    like = f"{facts.title} has names like {facts.example!r}"
    proofs = []
    if 2 * len(foreign) > len(entries):
        verb = "is" if len(foreign) == 1 else "are"
        said = f"{len(foreign)} of {counted(len(entries), 'name')} in the table {verb} not of this data set"
        proofs.append(f"{said} (first: {foreign[0].name!r}); {like}")
    if crowded and facts.mos_range:
        proofs.append(f"{crowded}: the table is on another scale, or another data set's")
    if proofs:
        return [Problem("foreign", f"{'. '.join(proofs)}. {_REMEDY}", fatal=True)], []
    notes = [f"{crowded}: is it the right mos_range?"] if crowded else []
    return [Problem("foreign", like, entry.name, entry.row) for entry in foreign], notes


def _foreign(facts: Facts, entries: Sequence[Entry]) -> list[Entry]:
    """The rows whose names this data set does not have; where its names are not known, none."""
    if not facts.named:
        return []
    pattern = re.compile(facts.named, re.IGNORECASE)
    return [one for one in entries if one.name.strip() and not pattern.fullmatch(re.split(r"[/\\]", one.name)[-1])]


def _corner(mos: Sequence[float], scale: tuple[float, float]) -> str:
    """In words, that all scores lie in one fifth of the scale, at one end of it; empty if they do not."""
    low, high = scale
    part = _FIFTH * (high - low)
    if len(mos) < _ENOUGH or not (max(mos) <= low + part or min(mos) >= high - part):
        return ""
    return f"all {len(mos)} MOS lie in {min(mos):g} to {max(mos):g}, one fifth of the scale {low:g}-{high:g} or less"


def how_many(facts: Facts, count: int) -> list[str]:
    """A note where the number of images is far from the published one."""
    if facts.images is None or abs(count - facts.images) <= _NEAR * facts.images:
        return []
    return [f"{counted(count, 'image')} in the table; {facts.title} is published with {facts.images}"]
