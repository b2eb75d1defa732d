"""Images with their certificates: between which scores the median stays, for every length of attack."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from markupsafe import Markup

from certiqa.benchmark.result import Example
from certiqa.report import svg
from certiqa.report.figures.axes import Axes
from certiqa.report.figures.figure import Drawing, Figure, Panel
from certiqa.report.numbers import decimals, is_number, significant
from certiqa.report.palette import Style
from certiqa.report.scale import range_of
from certiqa.report.table import Cell, Column, Table, plain

__all__ = ["Shown", "as_figure", "examples"]

_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Shown:
    """An example, ready for a page."""

    example: Example
    thumbnail: str | None
    panel: Panel
    data: Table


def examples(found: tuple[Example, ...], styles: dict[str, Style]) -> tuple[Shown, ...]:
    """In the order of the comparison."""
    return tuple(
        _shown(f"example-{i}", one, styles.get(one.defence, Style("accent", "circle")))
        for i, one in enumerate(found, 1)
    )


def as_figure(shown: tuple[Shown, ...]) -> Figure:
    """All curves as one figure, for a file of its own."""
    caption = (
        "The median of the score stays in the band for every attack of l2 length up to eps; the line is the score."
    )
    return Figure("examples", "Example images with their certificates", caption, tuple(one.panel for one in shown))


def _thumbnail(text: str | None) -> str | None:
    """The base64 of a PNG as it was given; None if it is not one, so that nothing else gets into the page."""
    try:
        return text if text and base64.b64decode(text, validate=True).startswith(_PNG) else None
    except (binascii.Error, ValueError):
        return None


def _shown(key: str, one: Example, style: Style) -> Shown:
    heading = f"{one.image} under {one.defence}, σ\u00a0{one.sigma:g}"
    columns = (Column("eps", "l2"), Column("median at least", "score"), Column("median at most", "score"))
    rows = tuple(
        (plain(significant(eps, 4, up=False), eps), _end(low, up=False), _end(high, up=True))
        for eps, low, high in zip(one.eps, one.lower, one.upper, strict=False)
    )
    drawing = Drawing(*_drawn(one, style), f"Certificate of {heading}", _described(one), key)
    table = Table(f"{key}-data", f"Behind the figure. Certificate of {heading}", columns, rows)
    return Shown(one, _thumbnail(one.thumbnail), Panel(heading, drawing), table)


def _end(value: float | None, up: bool) -> Cell:
    return Cell("unbounded", tone="absent") if value is None else plain(significant(value, 4, up), value)


def _described(one: Example) -> str:
    both = [
        f"up to eps {significant(e, 3, up=False)} it stays in "
        f"[{significant(a, 4, up=False)}, {significant(b, 4, up=True)}]"
        for e, a, b in zip(one.eps, one.lower, one.upper, strict=False)
        if is_number(a) and is_number(b)
    ]
    return f"Score {decimals(one.score, 2)}; {both[-1] if both else 'nothing is certified on both sides'}."


def _drawn(one: Example, style: Style) -> tuple[Markup, float, float]:
    axes = Axes.of(
        range_of(list(one.eps), 0.02, floor=0.0), range_of([one.score, *one.lower, *one.upper], 0.1), height=200.0
    )
    pieces = [axes.frame("eps, l2 length of the attack", "score"), _area(axes, one, style)]
    pieces += [
        svg.polyline([(axes.x(e), axes.y(v)) for e, v in piece], style.colour)
        if len(piece) > 1
        else svg.circle(axes.x(piece[0][0]), axes.y(piece[0][1]), 2.5, style.colour)
        for values in (one.lower, one.upper)
        for piece in _pieces(one.eps, values)
    ]
    if is_number(one.score):
        y = axes.y(one.score)
        pieces.append(svg.line(axes.left, y, axes.right, y, "ink", stroke_width=1.2))
    return svg.joined(pieces), axes.width, axes.height


def _pieces(eps: tuple[float, ...], values: tuple[float | None, ...]) -> list[list[tuple[float, float]]]:
    """The runs of a curve that can be drawn."""
    found: list[list[tuple[float, float]]] = [[]]
    for e, v in zip(eps, values, strict=False):
        if v is not None and is_number(v) and is_number(e):
            found[-1].append((e, v))
        elif found[-1]:
            found.append([])
    return [piece for piece in found if piece]


def _area(axes: Axes, one: Example, style: Style) -> Markup:
    """What is certified; an open side reaches the edge of the panel."""
    there = [
        (e, a, b)
        for e, a, b in zip(one.eps, one.lower, one.upper, strict=False)
        if is_number(e) and (is_number(a) or is_number(b))
    ]
    if len(there) < 2:
        return Markup("")
    top = [f"{axes.x(e):.1f} {axes.y(b) if b is not None and is_number(b) else axes.top:.1f}" for e, _, b in there]
    low = [f"{axes.x(e):.1f} {axes.y(a) if a is not None and is_number(a) else axes.bottom:.1f}" for e, a, _ in there]
    return svg.path(f"M{'L'.join([*top, *reversed(low)])}Z", fill=style.colour, opacity=".16")
