"""Colours and marks: one pair for each defence, the same in every figure and table.

Seven hues for the light page and seven for the dark one. Their least distance (CIE 1976, after the simulation of
protanopia, deuteranopia and tritanopia by Machado et al. 2009) and their contrast with the page are held by
tests/report/test_palette.py. Seven colours and eight marks give 56 pairs that differ; nothing is told by colour alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from certiqa.benchmark.result import Row

__all__ = ["CONSTANT", "DARK", "LIGHT", "MARKS", "UNDEFENDED", "Style", "explicit", "styles"]

LIGHT = {
    "page": "#fbfaf7", "card": "#ffffff", "ink": "#1d2126", "quiet": "#5b626b", "line": "#d9d6ce", "grid": "#e9e6df",
    "accent": "#0b5394", "alarm": "#a3111f", "alarm-page": "#fdecec", "caution": "#744700", "caution-page": "#fdf3dc",
    "mark": "#eef3f9", "c1": "#013db0", "c2": "#984b00", "c3": "#158d7e", "c4": "#6c205f", "c5": "#998b50",
    "c6": "#7e7cb4", "c7": "#9b002e",
}  # fmt: skip
DARK = {
    "page": "#121417", "card": "#1a1d22", "ink": "#e8e6e1", "quiet": "#a3a8b0", "line": "#373c44", "grid": "#2a2e35",
    "accent": "#8ab8f0", "alarm": "#ff9a9a", "alarm-page": "#3a1518", "caution": "#f2c777", "caution-page": "#33270f",
    "mark": "#222b37", "c1": "#00c6ff", "c2": "#eb9a16", "c3": "#45917c", "c4": "#ffbad0", "c5": "#dbed86",
    "c6": "#8573f5", "c7": "#e0533a",
}  # fmt: skip
HUES = 7
MARKS = ("circle", "square", "triangle", "diamond", "down", "plus", "cross", "bar")


@dataclass(frozen=True)
class Style:
    """How a defence is drawn.

    Attributes:
        colour: name of a colour of LIGHT and DARK.
        mark: one of MARKS.
        dashed: whether its lines are.
    """

    colour: str
    mark: str
    dashed: bool = False


UNDEFENDED = Style("ink", "circle")
CONSTANT = Style("quiet", "cross", dashed=True)


def styles(rows: tuple[Row, ...]) -> dict[str, Style]:
    """A style per defence, in the order of their first rows; the undefended metric and the constant have their own."""
    found: dict[str, Style] = {}
    number = 0
    for row in rows:
        if row.defence in found:
            continue
        if row.kind in ("none", "constant"):
            found[row.defence] = UNDEFENDED if row.kind == "none" else CONSTANT
            continue
        found[row.defence] = Style(f"c{number % HUES + 1}", MARKS[number % len(MARKS)])
        number += 1
    return found


def explicit(svg: str) -> str:
    """The same drawing with the colours of the light page written out, for files that stand alone.

    >>> explicit('<path stroke="var(--c1)"/>')
    '<path stroke="#013db0"/>'
    """
    for name, colour in LIGHT.items():
        svg = svg.replace(f"var(--{name})", colour)
    return svg
