"""Whose scores agree best with people."""

from __future__ import annotations

from certiqa.benchmark.result import Row
from certiqa.evaluation.correlation import Estimate
from certiqa.report.groups import Group, row_label
from certiqa.report.numbers import decimals, is_number, spoken

__all__ = ["agreement", "overlap"]


def overlap(one: Estimate, other: Estimate) -> bool | None:
    """Whether the intervals do; None where one has none."""
    if one.interval is None or other.interval is None:
        return None
    return one.interval[0] <= other.interval[1] and other.interval[0] <= one.interval[1]


def agreement(group: Group) -> tuple[str, ...]:
    """The undefended SROCC, and the best of the defences beside it."""
    there = [(row, row.srocc) for row in group.contenders if row.srocc is not None and is_number(row.srocc.value)]
    if not there:
        return ("No SROCC with human scores is there.",)
    turned = " (the score falls as quality rises: the most negative is the best)" if group.sign < 0 else ""
    base = next(((row, srocc) for row, srocc in there if row.kind == "none"), None)
    defended = [(row, srocc) for row, srocc in there if row.kind != "none"]
    said = []
    if base is not None:
        said.append(f"The undefended metric has an SROCC of {spoken(base[1], 3)} with human scores{turned}.")
    elif turned:
        said.append(f"The undefended metric has no SROCC{turned}.")
    if defended:
        said.append(_best(group.sign, base[1] if base else None, defended))
    return tuple(said)


def _best(sign: int, base: Estimate | None, defended: list[tuple[Row, Estimate]]) -> str:
    top = max(sign * srocc.value for _, srocc in defended)
    rows = [(row, srocc) for row, srocc in defended if sign * srocc.value == top]
    row, srocc = rows[0]
    shared = f" (shared by {len(rows)} rows)" if len(rows) > 1 else ""
    said = f"Of the defences, {row_label(row)} agrees best with people: SROCC {spoken(srocc, 3)}{shared}"
    if base is None:
        return f"{said}; the undefended metric is not there to compare with."
    gap = sign * (srocc.value - base.value)
    where = "as much as" if gap == 0 else f"{decimals(abs(gap), 3)} {'above' if gap > 0 else 'below'}"
    meet = overlap(srocc, base)
    tail = {
        True: "the intervals overlap, so these images do not settle which is higher",
        False: "the intervals do not overlap",
        None: "without both intervals, nothing can be said about chance",
    }[meet]
    return f"{said}, {where} the undefended metric; {tail}."
