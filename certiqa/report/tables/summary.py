"""One row per defence and sigma: what it costs in agreement, what it proves, what attacks still do."""

from __future__ import annotations

import dataclasses

from certiqa.benchmark.result import Attacked, Row
from certiqa.report import numbers
from certiqa.report.groups import Group, alarms_of, attack_label, size_of
from certiqa.report.palette import Style
from certiqa.report.table import Cell, Column, Table, count, estimate, row_head, words

__all__ = ["ALARMED", "FLOOR", "summary"]

FLOOR = "the floor: it must not win"
ALARMED = "soundness alarm: do not quote"
_COLUMNS = (
    Column("defence and σ", numeric=False),
    Column("SROCC"),
    Column("PLCC"),
    Column("KROCC"),
    Column("certified down to", "PSNR, dB: lower is stronger"),
    Column("certified up to", "eps, l2"),
    Column("strongest attack tried", "RMSE, units of the score"),
    Column("the same over SD", "RMSE / SD of the scores"),
    Column("which attack", numeric=False),
    Column("alarms"),
    Column("SD of the scores"),
    Column("images"),
    Column("why no certificate", numeric=False),
)


def summary(group: Group, styles: dict[str, Style]) -> Table:
    """Of one metric on one data set; the best of a column is marked, among those that may win."""
    rows = [list(_row(row, styles)) for row in group.rows]
    may_win = [row.kind != "constant" for row in group.rows]
    sound = [win and not alarms_of(row) for win, row in zip(may_win, group.rows, strict=True)]
    for column, turn, among in (
        (1, group.sign, may_win), (2, 1, may_win), (3, group.sign, may_win), (4, -1, sound), (5, 1, sound),
    ):  # fmt: skip
        _mark_best(rows, column, turn, among)
    tones = tuple("floor" if row.kind == "constant" else "" for row in group.rows)
    caption = f"Summary: {group.title}"
    return Table(f"summary-{group.key}", caption, _COLUMNS, tuple(map(tuple, rows)), tones, group.key)


def _row(row: Row, styles: dict[str, Style]) -> tuple[Cell, ...]:
    certified = row.certified
    worst = max(row.attacked, key=size_of, default=None)
    alarms = alarms_of(row)
    alarm_cell = dataclasses.replace(count(alarms), tone="alarm") if alarms else count(alarms)
    attack = estimate(worst.rmse, 3, signs=True) if worst else Cell("not attacked", tone="absent")
    why = words(None)
    if certified is None:
        psnr = eps = Cell("no certificate", tone="absent")
        why = words(row.no_certificate or "no reason was recorded")
    else:
        psnr = estimate(certified.psnr_at_half_sd, 1, up=True)
        eps = estimate(certified.eps_at_half_sd, 3, up=False, signs=True)
        if certified.psnr_at_half_sd is None:
            psnr = Cell("none at SD/2", tone="absent")
    return (
        row_head(row, styles, FLOOR if row.kind == "constant" else ALARMED if alarms else ""),
        _correlation(row, row.srocc),
        _correlation(row, row.plcc),
        _correlation(row, row.krocc),
        psnr,
        eps,
        attack,
        estimate(worst.rmse_in_sd if worst else None, 2),
        words(_which(worst) if worst else None),
        alarm_cell,
        estimate(row.sd, 2),
        count(row.images),
        why,
    )


def _which(one: Attacked) -> str:
    return f"{attack_label(one)}{'' if one.adaptive else ' (did not know the defence)'}"


def _correlation(row: Row, found: object) -> Cell:
    if found is None and row.kind == "constant":
        return Cell("undefined", tone="absent")
    return estimate(found)  # type: ignore[arg-type]


def _mark_best(rows: list[list[Cell]], column: int, turn: int, may_win: list[bool]) -> None:
    found = [
        (turn * value, i)
        for i, cells in enumerate(rows)
        if may_win[i] and (value := cells[column].value) is not None and numbers.is_number(value)
    ]
    if len(found) < 2:
        return
    best = max(value for value, _ in found)
    for value, i in found:
        if value == best:
            rows[i][column] = dataclasses.replace(rows[i][column], tone="best")
