"""Scores before and after an attack, image by image, with the certified bands: figure 2 of the DMS-IQA paper."""

from __future__ import annotations

from markupsafe import Markup

from certiqa._counted import counted
from certiqa.benchmark.result import Attacked, Banded, Row
from certiqa.report import svg
from certiqa.report.figures.axes import Axes
from certiqa.report.figures.figure import Drawing, Entry, Figure, Panel
from certiqa.report.groups import Group, attack_label, row_label, size_of
from certiqa.report.numbers import decimals, is_number
from certiqa.report.palette import Style
from certiqa.report.scale import range_of
from certiqa.report.tables.attacks import inside_words, points

__all__ = ["ATTACKED", "attacked"]

ATTACKED = (
    "Images lie from the lowest score to the highest, on one scale for all panels. The bar is what the certificate "
    "allows for the length that the attack really has; the dash is the score before, the dot the score after. A "
    "score after that lies outside of its bar is a cross. That is an alarm only where the median certainly left the "
    "interval, as a printed score is itself a sample. Without a certificate, a thin line joins before and after: "
    "nothing bounds it."
)
"""How to read it."""


def attacked(group: Group, styles: dict[str, Style], most: int) -> tuple[Figure, ...]:
    """Two figures at most: every row under its strongest attack; then the others, as far as ``most`` panels reach."""
    first: list[tuple[Row, Attacked]] = []
    others: list[tuple[Row, Attacked]] = []
    for row in group.rows:
        kept = sorted((one for one in row.attacked if one.points), key=size_of, reverse=True)
        first += [(row, one) for one in kept[:1]]
        others += [(row, one) for one in kept[1:]]
    others.sort(key=lambda pair: size_of(pair[1]), reverse=True)
    rest = others[: max(most - len(first), 0)]
    left = len(others) - len(rest)
    more = counted(left, "more panel of a weaker attack is", "more panels of weaker attacks are")
    note = (f"{more} left out here; the comparison's JSON has all.",) if left else ()
    found = []
    if first:
        title = f"Attacked scores with certified bands: {group.title}"
        found.append(_figure(f"attacked-{group.key}", title, group, first, styles, () if rest else note))
    if rest:
        title = f"The other attacks: {group.title}"
        found.append(_figure(f"attacked-others-{group.key}", title, group, rest, styles, note))
    return tuple(found)


def _figure(
    key: str,
    title: str,
    group: Group,
    pairs: list[tuple[Row, Attacked]],
    styles: dict[str, Style],
    notes: tuple[str, ...],
) -> Figure:
    scores = range_of([v for _, one in pairs for p in one.points for v in (p.before, p.after, p.lower, p.upper)])
    panels = tuple(_panel(f"{key}-{i}", row, one, styles[row.defence], scores) for i, (row, one) in enumerate(pairs, 1))
    return Figure(
        key,
        title,
        ATTACKED,
        panels,
        _legend(),
        None,
        group.key,
        notes,
    )


def _legend() -> tuple[Entry, ...]:
    bar = svg.path("M14 1V11", stroke="accent", stroke_width=6, opacity=".35")
    before = svg.path("M10 6h8", stroke="quiet", stroke_width=2)
    after = svg.circle(14, 6, 3, "ink")
    return (
        Entry(bar, "certified band (in the colour of the defence)"),
        Entry(before, "before"),
        Entry(after, "after"),
        Entry(_cross(14, 6), "after, outside of the band"),
    )


def _cross(x: float, y: float) -> Markup:
    return svg.path(f"M{x - 3.5:.1f} {y - 3.5:.1f}l7 7m0-7l-7 7", stroke="alarm", stroke_width=2)


def _panel(key: str, row: Row, one: Attacked, style: Style, scores: tuple[float, float]) -> Panel:
    drawn = sorted(
        (p for p in one.points if is_number(p.before) and is_number(p.after)), key=lambda p: (p.before, p.image)
    )
    axes = Axes.of((-0.7, max(len(drawn), 1) - 0.3), scores, foot=24.0)
    colour = style.colour if style.colour != "ink" else "accent"
    pieces = [
        axes.frame(f"{len(drawn)} images, by score before", "score", []),
        _bands(axes, drawn, colour),
        _marks(axes, drawn),
    ]
    heading = f"{row_label(row)}: {attack_label(one)}"
    inside = inside_words(one)
    said = f"RMSE {decimals(one.rmse.value, 2)} over {len(drawn)} images; " + (
        f"{inside} attacked scores lie in their certified bands" if inside else "no certificate"
    )
    said += "" if one.adaptive else "; the attack did not know the defence"
    alarms = f"; {one.alarms} soundness alarms" if one.alarms else ""
    return Panel(
        f"{heading} ({inside} inside{alarms})" if inside else f"{heading} (no certificate)",
        Drawing(svg.joined(pieces), axes.width, axes.height, heading, f"{said}{alarms}.", key),
        data=points(f"{key}-data", f"Behind the figure. {heading}", one),
    )


def _bands(axes: Axes, drawn: list[Banded], colour: str) -> Markup:
    """One path for all bars: an end that is not bounded lies on the edge of the panel."""
    step = (axes.right - axes.left) / max(len(drawn), 1)
    bars, threads = [], []
    for i, point in enumerate(drawn):
        x = axes.x(float(i))
        if point.inside is None and point.lower is None and point.upper is None:
            threads.append(f"M{x:.1f} {axes.y(point.before):.1f}V{axes.y(point.after):.1f}")
            continue
        low = axes.y(point.lower) if point.lower is not None and is_number(point.lower) else axes.bottom
        high = axes.y(point.upper) if point.upper is not None and is_number(point.upper) else axes.top
        bars.append(f"M{x:.1f} {low:.1f}V{high:.1f}")
    width = max(min(0.72 * step, 9.0), 1.2)
    drawings = []
    if bars:
        drawings.append(svg.path("".join(bars), stroke=colour, stroke_width=width, opacity=".35"))
    if threads:
        drawings.append(svg.path("".join(threads), stroke="quiet", stroke_width=0.8))
    return svg.joined(drawings)


def _marks(axes: Axes, drawn: list[Banded]) -> Markup:
    """Befores and afters, a path each: strokes of no length with round ends are dots, and take few bytes."""
    half = max(min(0.36 * (axes.right - axes.left) / max(len(drawn), 1), 4.5), 1.2)
    before: list[str] = []
    after: list[tuple[float, float]] = []
    out: list[tuple[float, float]] = []
    for i, point in enumerate(drawn):
        x, y = axes.x(float(i)), axes.y(point.after)
        before.append(f"M{x - half:.1f} {axes.y(point.before):.1f}h{2 * half:.1f}")
        (out if point.inside is False else after).append((x, y))
    radius = max(min(2 * half, 5.0), 3.0)
    drawings = [svg.path("".join(before), stroke="quiet", stroke_width=1.8)] if before else []
    if after:
        dots = "".join(f"M{x:.1f} {y:.1f}h0" for x, y in after)
        drawings.append(svg.path(dots, stroke="ink", stroke_width=radius, stroke_linecap="round"))
    return svg.joined([*drawings, *(_cross(x, y) for x, y in out)])
