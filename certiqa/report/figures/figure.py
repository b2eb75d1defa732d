"""A figure: panels of one phone's width, what their marks mean, and the table behind them."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field

from markupsafe import Markup

from certiqa.benchmark.result import Row
from certiqa.report import svg
from certiqa.report.groups import row_label
from certiqa.report.palette import Style
from certiqa.report.table import Table

__all__ = ["DASHES", "Drawing", "Entry", "Figure", "Panel", "composed", "dashes_of", "entries"]

DASHES: tuple[str | None, ...] = (None, "6 3", "2 3", "9 3 2 3")
"""Lines of one defence at its first, second, third, ... sigma; from the fifth on they repeat."""


@dataclass(frozen=True)
class Entry:
    """A line of a legend: the drawing, and what it means."""

    swatch: Markup
    label: str


@dataclass(frozen=True)
class Panel:
    """One drawing.

    Attributes:
        heading: above it; empty for a figure of one panel.
        drawing: as it is shown where there is only room for one panel in a row.
        wide: another one for wide pages, or None.
        data: the numbers behind this panel alone, or None.
    """

    heading: str
    drawing: Drawing
    wide: Drawing | None = None
    data: Table | None = None


@dataclass(frozen=True)
class Drawing:
    """Shapes, their size, and words for those who do not see them."""

    inside: Markup
    width: float
    height: float
    title: str
    description: str
    key: str

    @property
    def markup(self) -> Markup:
        """The whole SVG element."""
        return svg.picture(self.inside, self.width, self.height, self.title, self.description, self.key)


@dataclass(frozen=True)
class Figure:
    """Panels that belong together.

    Attributes:
        key: unique in the report; also the name of its file.
        title: what it shows.
        caption: how to read it.
        panels: at least one.
        legend: what colours and marks mean.
        data: the table behind all of it; None where each panel has its own.
        group: key of the group that it belongs to.
    """

    key: str
    title: str
    caption: str
    panels: tuple[Panel, ...]
    legend: tuple[Entry, ...] = ()
    data: Table | None = None
    group: str = ""
    notes: tuple[str, ...] = field(default=())


def dashes_of(rows: tuple[Row, ...]) -> dict[str, str | None]:
    """Per row label, the dashes of its line: by the place of its sigma among those of the same defence."""
    seen: dict[str, list[str]] = {}
    found: dict[str, str | None] = {}
    for row in rows:
        labels = seen.setdefault(row.defence, [])
        if row_label(row) not in labels:
            labels.append(row_label(row))
        found[row_label(row)] = DASHES[labels.index(row_label(row)) % len(DASHES)]
    return found


def entries(rows: list[Row], styles: dict[str, Style], dashes: dict[str, str | None]) -> tuple[Entry, ...]:
    """A legend of lines, each row once."""
    found = {row_label(row): row for row in rows}
    return tuple(Entry(line_swatch(styles[row.defence], dashes[label]), label) for label, row in found.items())


def line_swatch(style: Style, dashes: str | None) -> Markup:
    """A piece of a line with the mark of a defence, 28 by 12."""
    drawn = svg.line(1, 6, 27, 6, style.colour, stroke_width=1.6, stroke_dasharray=dashes)
    return drawn + svg.mark(style, 14, 6)


def mark_swatch(style: Style) -> Markup:
    """The mark of a defence, 28 by 12."""
    return svg.mark(style, 14, 6, 4.5)


def composed(figure: Figure) -> str:
    """The figure as one SVG file: title, legend, and its panels side by side, on the light page."""
    from certiqa.report.palette import explicit

    drawings = [panel.wide or panel.drawing for panel in figure.panels]
    columns = min(3, len(drawings))
    width = max(max(d.width for d in drawings) * columns, 340.0)
    pieces = [svg.text(12.0, 20.0, _clipped(figure.title, width - 24, 14.0), fill="ink", font_size=14)]
    legend, y = _legend(figure.legend, width, 36.0)
    pieces.append(legend)
    room = 28 if any(panel.heading for panel in figure.panels) else 0
    for start in range(0, len(drawings), columns):
        line = list(zip(figure.panels, drawings, strict=True))[start : start + columns]
        for i, (panel, drawing) in enumerate(line):
            x = i * width / columns
            heads = _in_two(panel.heading, drawing.width - 24)
            pieces += [
                svg.text(x + 12, y + 14 + 14 * k, head, fill="ink", font_weight=600) for k, head in enumerate(heads)
            ]
            pieces.append(svg.element("g", drawing.inside, transform=f"translate({x:.1f} {y + 14 + room:.1f})"))
        y += max(drawing.height for _, drawing in line) + 22 + room
    size = {"width": width, "height": y + 8}
    background = svg.rectangle(0.0, 0.0, width, y + 8, "card")
    whole = svg.picture(
        background + svg.joined(pieces), size["width"], size["height"], figure.title, figure.caption, figure.key
    )
    return explicit(str(whole)) + "\n"


def _clipped(text: str, width: float, size: float) -> str:
    most = max(int(width / svg.width_of("x", size)), 4)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _in_two(text: str, width: float) -> list[str]:
    """Two lines at most."""
    most = max(int(width / svg.width_of("x", 11.5)), 4)
    lines = textwrap.wrap(text, most)
    return [*lines[:1], *([_clipped(" ".join(lines[1:]), width, 11.5)] if lines[1:] else [])]


def _legend(legend: tuple[Entry, ...], width: float, top: float) -> tuple[Markup, float]:
    pieces, x, y = [], 12.0, top
    for entry in legend:
        label = _clipped(entry.label, width - 60, 11.0)
        needed = 34 + svg.width_of(label) + 14
        if x + needed > width and x > 12:
            x, y = 12.0, y + 18
        pieces.append(svg.element("g", entry.swatch, transform=f"translate({x:.1f} {y - 6:.1f})"))
        pieces.append(svg.text(x + 34, y + 4, label, fill="ink"))
        x += needed
    return svg.joined(pieces), y + (20 if legend else 0)
