"""How far attacks move scores of bad and of good images."""

from __future__ import annotations

from markupsafe import Markup

from certiqa._counted import counted
from certiqa.benchmark.result import Attacked, Row
from certiqa.report import svg
from certiqa.report.figures.axes import Axes
from certiqa.report.figures.figure import Drawing, Figure, Panel, dashes_of, entries
from certiqa.report.groups import Group, attack_label, row_label
from certiqa.report.numbers import decimals, finite, is_number
from certiqa.report.palette import Style
from certiqa.report.scale import range_of
from certiqa.report.tables.attacks import levels as levels_table

__all__ = ["LEVELS", "levels"]

LEVELS = (
    "RMSE between the scores before and after, for the attacked images in levels of their human scores, the worst on "
    "the left. Bars are intervals. The mean gains are in the tables behind the figures."
)
"""How to read it."""


def levels(group: Group, styles: dict[str, Style], most: int) -> Figure | None:
    """A panel per attack, ``most`` at most; None where no attack has levels."""
    found: dict[str, list[tuple[Row, Attacked]]] = {}
    for row in group.rows:
        for one in row.attacked:
            if one.levels:
                found.setdefault(attack_label(one), []).append((row, one))
    if not found:
        return None
    strongest = sorted(found, key=lambda label: -_top(found[label]))[:most]
    shown = {label: pairs for label, pairs in found.items() if label in strongest}
    dashes = dashes_of(group.rows)
    key, title = f"levels-{group.key}", f"Movement by quality: {group.title}"
    panels = tuple(
        Panel(label, _drawing(f"{key}-{i}", label, pairs, styles, dashes))
        for i, (label, pairs) in enumerate(shown.items(), 1)
    )
    pairs = [pair for label in shown for pair in shown[label]]
    left = len(found) - len(shown)
    note = f"{counted(left, 'weaker attack is', 'weaker attacks are')} left out here; the comparison's JSON has all."
    return Figure(
        key,
        title,
        LEVELS,
        panels,
        entries([row for row, _ in pairs], styles, dashes),
        levels_table(f"{key}-data", f"Behind the figure. {title}", pairs),
        group.key,
        (note,) if left else (),
    )


def _top(pairs: list[tuple[Row, Attacked]]) -> float:
    return max(finite([one.rmse.value for _, one in pairs]), default=-1.0)


def _drawing(
    key: str,
    label: str,
    pairs: list[tuple[Row, Attacked]],
    styles: dict[str, Style],
    dashes: dict[str, str | None],
) -> Drawing:
    longest = max((one.levels for _, one in pairs), key=len)
    ends = [v for _, one in pairs for level in one.levels for v in (level.rmse.value, *(level.rmse.interval or ()))]
    axes = Axes.of((-0.5, len(longest) - 0.5), range_of(list(ends), floor=0.0))
    places = [(float(i), f"{decimals(level.low, 1)}–{decimals(level.high, 1)}") for i, level in enumerate(longest)]
    pieces = [axes.frame("MOS of the level", "RMSE, units of the score", places)]
    said = []
    for number, (row, one) in enumerate(pairs):
        offset = 0.5 * ((number + 0.5) / len(pairs) - 0.5)
        pieces.append(_line(axes, row, one, offset, styles, dashes))
        said.append(f"{row_label(row)}: {', '.join(decimals(level.rmse.value, 2) for level in one.levels)}")
    return Drawing(svg.joined(pieces), axes.width, axes.height, f"RMSE by quality level, {label}", "; ".join(said), key)


def _line(
    axes: Axes, row: Row, one: Attacked, offset: float, styles: dict[str, Style], dashes: dict[str, str | None]
) -> Markup:
    style = styles[row.defence]
    there = [(i, level.rmse) for i, level in enumerate(one.levels) if is_number(level.rmse.value)]
    points = [(axes.x(i + offset), axes.y(rmse.value)) for i, rmse in there]
    bars = [(axes.x(i + offset), *rmse.interval) for i, rmse in there if rmse.interval is not None]
    drawn = [axes.whiskers(bars, style.colour), svg.polyline(points, style.colour, dashes[row_label(row)])]
    return svg.joined([*drawn, svg.marks(style, points, 3.4)])
