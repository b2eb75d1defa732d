"""How far scores move as the attacker is allowed more."""

from __future__ import annotations

from dataclasses import replace

from markupsafe import Markup

from certiqa.benchmark.result import Attacked, Row
from certiqa.evaluation.correlation import Estimate
from certiqa.report import svg
from certiqa.report.figures.axes import Axes
from certiqa.report.figures.figure import Drawing, Figure, Panel, dashes_of, entries
from certiqa.report.groups import Group, budget_parts, row_label
from certiqa.report.numbers import decimals, is_number
from certiqa.report.palette import Style
from certiqa.report.scale import range_of, tick_text
from certiqa.report.table import Table
from certiqa.report.tables.attacks import attacks as attacks_table

__all__ = ["STRENGTH", "strength"]

STRENGTH = (
    "RMSE between the scores before and after, as the attack is allowed more. Bars are intervals. It shows what an "
    "attack did, not the most that one can do: a line may only be too low."
)
"""How to read it."""

_UNITS = {"linf": "l_inf budget, grey levels", "l2": "l2 budget", "ssim": "SSIM budget"}
_Curve = list[tuple[float, Estimate]]


def strength(group: Group, styles: dict[str, Style]) -> Figure | None:
    """A panel per attack, objective and kind of budget with two sizes or more; None where there is none."""
    found: dict[tuple[str, str, str], dict[str, tuple[Row, _Curve]]] = {}
    for row in group.rows:
        for one in row.attacked:
            place = _place(one)
            if place is not None:
                kind, size = place
                lines = found.setdefault((one.attack, one.objective, kind), {})
                lines.setdefault(row_label(row), (row, []))[1].append((size, one.rmse))
    shown = {
        key: lines
        for key, lines in found.items()
        if len({size for _, curve in lines.values() for size, _ in curve}) > 1
    }
    if not shown:
        return None
    dashes = dashes_of(group.rows)
    key, title = f"strength-{group.key}", f"Movement against the budget of the attack: {group.title}"
    panels = tuple(
        Panel(f"{attack}, {objective}", _drawing(f"{key}-{i}", attack, kind, lines, styles, dashes))
        for i, ((attack, objective, kind), lines) in enumerate(shown.items(), 1)
    )
    rows = [row for lines in shown.values() for row, _ in lines.values()]
    return Figure(
        key,
        title,
        STRENGTH,
        panels,
        entries(rows, styles, dashes),
        replace(_table(group, styles), key=f"{key}-data", caption=f"Behind the figure. {title}"),
        group.key,
    )


def _table(group: Group, styles: dict[str, Style]) -> Table:
    found = attacks_table(group, styles).only("defence and σ", "attack", "budget", "objective", "RMSE")
    return replace(found, dense=True)


def _place(one: Attacked) -> tuple[str, float] | None:
    return budget_parts(one.budget) if is_number(one.rmse.value) else None


def _drawing(
    key: str,
    attack: str,
    kind: str,
    lines: dict[str, tuple[Row, _Curve]],
    styles: dict[str, Style],
    dashes: dict[str, str | None],
) -> Drawing:
    sizes = sorted({size for _, curve in lines.values() for size, _ in curve})
    ends = [v for _, curve in lines.values() for _, rmse in curve for v in (rmse.value, *(rmse.interval or ()))]
    axes = Axes.of(range_of(list(sizes), 0.08), range_of(list(ends), floor=0.0))
    few = [(size, tick_text(size, sizes)) for size in sizes] if len(sizes) <= 5 else None
    pieces = [axes.frame(_UNITS.get(kind, f"{kind} budget"), "RMSE, units of the score", few)]
    said = []
    for label, (row, curve) in lines.items():
        curve.sort(key=lambda point: point[0])
        pieces.append(_line(axes, curve, styles[row.defence], dashes[label]))
        said.append(f"{label}: {', '.join(f'{decimals(rmse.value, 2)} at {size:g}' for size, rmse in curve)}")
    title = f"RMSE against {kind} budget, {attack}"
    return Drawing(svg.joined(pieces), axes.width, axes.height, title, "; ".join(said), key)


def _line(axes: Axes, curve: _Curve, style: Style, dashes: str | None) -> Markup:
    points = [(axes.x(size), axes.y(rmse.value)) for size, rmse in curve]
    bars = axes.whiskers([(axes.x(s), *rmse.interval) for s, rmse in curve if rmse.interval is not None], style.colour)
    return svg.joined([bars, svg.polyline(points, style.colour, dashes), svg.marks(style, points, 3.4)])
