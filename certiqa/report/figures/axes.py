"""The frame of a panel: grid, ticks, labels."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from certiqa.report import svg
from certiqa.report.scale import Scale, tick_text, ticks

__all__ = ["HEIGHT", "WIDTH", "Axes"]

WIDTH, HEIGHT = 320.0, 230.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 46.0, 12.0, 24.0, 40.0


@dataclass(frozen=True)
class Axes:
    """Where things lie in a panel.

    Attributes:
        x: to the right.
        y: upwards.
        width: of the panel.
        height: likewise.
    """

    x: Scale
    y: Scale
    width: float = WIDTH
    height: float = HEIGHT

    @classmethod
    def of(
        cls,
        xs: tuple[float, float],
        ys: tuple[float, float],
        width: float = WIDTH,
        height: float = HEIGHT,
        *,
        turned: bool = False,
        strip: float = 0.0,
        foot: float = _BOTTOM,
    ) -> Axes:
        """Of two ranges; ``turned`` has the larger x on the left; ``strip`` is left free before the x axis.

        ``foot`` is the room below it.
        """
        left, right = _LEFT + strip, width - _RIGHT
        x = Scale(xs[0], xs[1], right, left) if turned else Scale(xs[0], xs[1], left, right)
        return cls(x, Scale(ys[0], ys[1], height - foot, _TOP), width, height)

    @property
    def left(self) -> float:
        """Of the plot, any strip before it included."""
        return _LEFT

    @property
    def right(self) -> float:
        """Of the plot."""
        return self.width - _RIGHT

    @property
    def top(self) -> float:
        """Of the plot."""
        return _TOP

    @property
    def bottom(self) -> float:
        """Of the plot: where the y axis starts."""
        return self.y.start

    def frame(self, x_label: str, y_label: str, x_ticks: list[tuple[float, str]] | None = None) -> Markup:
        """Grid, ticks and labels; ``x_ticks`` replaces the round numbers of the x axis."""
        pieces = []
        every = ticks(self.y.low, self.y.high, max(int((self.bottom - self.top) / 36), 3))
        for value in every:
            y = self.y(value)
            pieces.append(svg.line(self.left, y, self.right, y, "grid"))
            pieces.append(svg.text(self.left - 6, y + 4, tick_text(value, every), "end"))
        if x_ticks is None:
            places = ticks(self.x.low, self.x.high, max(int((self.right - self.left) / 60), 3))
            x_ticks = [(value, tick_text(value, places)) for value in places]
        for value, said in x_ticks:
            x = self.x(value)
            pieces.append(svg.line(x, self.bottom, x, self.bottom + 4, "line"))
            pieces.append(svg.text(x, self.bottom + 16, said, "middle"))
        pieces.append(svg.line(self.left, self.bottom, self.right, self.bottom, "line"))
        pieces.append(svg.text((self.left + self.right) / 2, self.height - 6, x_label, "middle"))
        pieces.append(svg.text(4.0, 13.0, y_label))
        return svg.joined(pieces)

    def whiskers(self, ends: list[tuple[float, float, float]], stroke: str) -> Markup:
        """Intervals upwards, each at a place with a low and a high end: one path."""
        there = [(x, low, high) for x, low, high in ends if low <= high]  # nothing is drawn for NaN
        d = "".join(f"M{svg.number(x)} {svg.number(self.y(low))}V{svg.number(self.y(high))}" for x, low, high in there)
        return svg.path(d, stroke=stroke, stroke_width=1, opacity=".65") if d else Markup("")
