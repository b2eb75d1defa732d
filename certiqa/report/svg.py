"""SVG, piece by piece: shapes as escaped text with rounded coordinates.

Why not matplotlib: its SVG turns text into paths or fixed fonts, carries its colours in every path and its size in
points, so that a figure can neither follow the theme of the page nor be read on a phone without being rewritten; and it
is an extra of this package. What the report needs (linear axes, lines, marks, bands) is these few files.

Colours are CSS variables (``var(--c1)``), so one drawing serves the light and the dark page;
:func:`certiqa.report.palette.explicit` writes them out for a file of its own.
"""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup, escape

from certiqa.report.palette import Style

__all__ = [
    "circle",
    "element",
    "joined",
    "line",
    "mark",
    "marks",
    "number",
    "path",
    "picture",
    "polyline",
    "rectangle",
    "text",
    "width_of",
]

_MARKS = {  # outlines round (0, 0) within a radius of 1, as relative path commands
    "circle": "M1 0A1 1 0 1 1-1 0A1 1 0 1 1 1 0Z",
    "square": "M-.88-.88H.88V.88H-.88Z",
    "triangle": "M0-1.1L1.05.8H-1.05Z",
    "diamond": "M0-1.25L1.1 0L0 1.25L-1.1 0Z",
    "down": "M0 1.1L1.05-.8H-1.05Z",
    "plus": "M-.36-1.1H.36V-.36H1.1V.36H.36V1.1H-.36V.36H-1.1V-.36H-.36Z",
    "cross": "M-1-.5L-.5-1L0-.5L.5-1L1-.5L.5 0L1 .5L.5 1L0 .5L-.5 1L-1 .5L-.5 0Z",
    "bar": "M-1.2-.5H1.2V.5H-1.2Z",
}


def number(value: float) -> str:
    """A coordinate to a tenth.

    >>> number(12.34), number(3.0), number(-0.04)
    ('12.3', '3', '0')
    """
    return f"{value:.1f}".removesuffix(".0") if abs(value) >= 0.05 else "0"


def element(tag: str, /, *inside: str, **attributes: object) -> Markup:
    """One element. Numbers are rounded, everything else is escaped; ``_`` in a name stands for ``-``.

    >>> print(element("text", "a < b", x=1.25, text_anchor="end"))
    <text x="1.2" text-anchor="end">a &lt; b</text>
    """
    said = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{number(value) if isinstance(value, float) else escape(value)}"'
        for name, value in attributes.items()
        if value is not None
    )
    content = "".join(escape(one) for one in inside)
    return Markup(f"<{tag}{said}>{content}</{tag}>" if content else f"<{tag}{said}/>")


def joined(pieces: Iterable[str]) -> Markup:
    """All of them, one after the other."""
    return Markup("").join(pieces)


def line(x1: float, y1: float, x2: float, y2: float, stroke: str = "grid", **more: object) -> Markup:
    """A straight line in a named colour."""
    return element("path", d=f"M{number(x1)} {number(y1)}L{number(x2)} {number(y2)}", stroke=f"var(--{stroke})", **more)


def path(d: str, stroke: str | None = None, fill: str | None = None, **more: object) -> Markup:
    """A path in named colours; without ``fill`` it is not filled."""
    colours = {"stroke": f"var(--{stroke})" if stroke else None, "fill": f"var(--{fill})" if fill else "none"}
    return element("path", d=d, **colours, **more)


def polyline(points: list[tuple[float, float]], stroke: str, dashes: str | None = None, width: float = 1.6) -> Markup:
    """A line through the points."""
    if len(points) < 2:
        return Markup("")
    d = "M" + "L".join(f"{number(x)} {number(y)}" for x, y in points)
    return path(d, stroke=stroke, stroke_width=width, stroke_dasharray=dashes, stroke_linejoin="round")


def rectangle(x: float, y: float, width: float, height: float, fill: str, **more: object) -> Markup:
    """A filled rectangle."""
    return element("rect", x=x, y=y, width=width, height=height, fill=f"var(--{fill})", **more)


def circle(x: float, y: float, radius: float, fill: str, **more: object) -> Markup:
    """A filled circle."""
    return element("circle", cx=x, cy=y, r=radius, fill=f"var(--{fill})", **more)


def mark(style: Style, x: float, y: float, size: float = 4.0) -> Markup:
    """The mark of a defence, with an edge in the page's colour so that marks that overlap can be told apart."""
    return marks(style, [(x, y)], size)


def marks(style: Style, places: list[tuple[float, float]], size: float = 4.0) -> Markup:
    """The same mark at each place."""
    drawn = [
        element("path", d=_MARKS[style.mark], transform=f"translate({number(x)} {number(y)})scale({number(size)})")
        for x, y in places
    ]
    return element("g", *drawn, fill=f"var(--{style.colour})", stroke="var(--card)", stroke_width=".25")


def text(x: float, y: float, said: str, anchor: str = "start", fill: str = "quiet", **more: object) -> Markup:
    """A piece of text; its size is that of the drawing unless said otherwise."""
    return element(
        "text", said, x=x, y=y, text_anchor=None if anchor == "start" else anchor, fill=f"var(--{fill})", **more
    )


def width_of(said: str, size: float = 11.0) -> float:
    """About how wide a text is in a sans serif: a guess on the wide side, as no font is known here."""
    return 0.58 * size * len(said)


def picture(inside: str, width: float, height: float, title: str, description: str, key: str) -> Markup:
    """The whole drawing: a role, a title and a description for those who cannot see it."""
    return element(
        "svg",
        element("title", title, id=f"{key}-t"),
        element("desc", description, id=f"{key}-d"),
        Markup(inside),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {number(width)} {number(height)}",
        width=width,
        height=height,
        role="img",
        aria_labelledby=f"{key}-t {key}-d",
        font_family="system-ui, -apple-system, Segoe UI, Roboto, Helvetica, Arial, sans-serif",
        font_size=11,
    )
