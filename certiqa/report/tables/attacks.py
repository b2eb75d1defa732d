"""What every attack did to every row; and the images, levels and budgets behind the figures."""

from __future__ import annotations

import dataclasses

from certiqa.benchmark.result import Attacked, Row
from certiqa.report import numbers
from certiqa.report.groups import Group, attack_label, row_label
from certiqa.report.palette import Style
from certiqa.report.table import Cell, Column, Table, count, estimate, plain, rounded, row_head, words

__all__ = ["attacks", "inside_words", "levels", "points"]

_ATTACK = (
    Column("defence and σ", numeric=False),
    Column("attack", numeric=False),
    Column("budget", numeric=False),
    Column("objective", numeric=False),
)
_COLUMNS = (
    *_ATTACK,
    Column("knew the defence", numeric=False),
    Column("RMSE", "units of the score"),
    Column("RMSE over SD"),
    Column("mean gain", "units of the score"),
    Column("SROCC after"),
    Column("order kept", "SROCC before with after"),
    Column("R", "log10"),
    Column("in the band", "scores after, of those with one"),
    Column("alarms"),
    Column("images"),
)


def attacks(group: Group, styles: dict[str, Style]) -> Table:
    """A row per attack."""
    rows = tuple(
        (
            *_head(row, one, styles),
            words("yes" if one.adaptive else "no"),
            estimate(one.rmse, 3, signs=True),
            estimate(one.rmse_in_sd, 2),
            estimate(one.gain, 3, signs=True),
            estimate(one.srocc),
            estimate(one.kept),
            estimate(one.r, 2),
            _inside(one),
            dataclasses.replace(count(one.alarms), tone="alarm") if one.alarms else count(one.alarms),
            count(one.images),
        )
        for row in group.rows
        for one in row.attacked
    )
    return Table(f"attacks-{group.key}", f"Attacks: {group.title}", _COLUMNS, rows, group=group.key)


def _head(row: Row, one: Attacked, styles: dict[str, Style]) -> tuple[Cell, ...]:
    return row_head(row, styles), words(one.attack), words(one.budget), words(one.objective)


def inside_words(one: Attacked) -> str:
    """How many attacked scores lie in their bands; empty without bands."""
    judged = [point.inside for point in one.points if point.inside is not None]
    return f"{sum(judged)} of {len(judged)}" if judged else ""


def _inside(one: Attacked) -> Cell:
    said = inside_words(one)
    return plain(said, float(said.split()[0])) if said else words(None)


def levels(key: str, caption: str, found: list[tuple[Row, Attacked]]) -> Table:
    """A row per quality level of each attack."""
    columns = (
        Column("defence and σ", numeric=False),
        Column("attack", numeric=False),
        Column("MOS of the level"),
        Column("RMSE", "units of the score"),
        Column("mean gain", "units of the score"),
        Column("images"),
    )
    rows = tuple(
        (
            words(row_label(row)),
            words(attack_label(one)),
            Cell(f"{numbers.decimals(level.low, 2)} to {numbers.decimals(level.high, 2)}"),
            estimate(level.rmse, 3, signs=True),
            estimate(level.gain, 3, signs=True),
            count(level.images),
        )
        for row, one in found
        for level in one.levels
    )
    return Table(key, caption, columns, rows, dense=True)


def points(key: str, caption: str, one: Attacked) -> Table:
    """A row per attacked image; bands are rounded outwards."""
    columns = (
        Column("image", numeric=False),
        Column("MOS"),
        Column("before", "score"),
        Column("after", "score"),
        Column("certified from", "score"),
        Column("to", "score"),
        Column("inside"),
    )
    rows = tuple(
        (
            words(point.image),
            rounded(point.mos),
            rounded(point.before, 4),
            rounded(point.after, 4),
            _end(point.lower, point.inside, up=False),
            _end(point.upper, point.inside, up=True),
            _verdict(point.inside),
        )
        for point in one.points
    )
    return Table(key, caption, columns, rows, dense=True)


def _end(value: float | None, inside: bool | None, up: bool) -> Cell:
    if inside is None and value is None:
        return Cell("no certificate", tone="absent")
    if value is None:
        return Cell("unbounded", tone="absent")
    return plain(numbers.significant(value, 4, up), value)


def _verdict(inside: bool | None) -> Cell:
    if inside is None:
        return words(None)
    return words("yes") if inside else Cell("no", tone="alarm")
