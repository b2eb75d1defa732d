"""From numbers to places on a page: linear scales, and ticks at round numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass

from certiqa.report.numbers import finite

__all__ = ["Scale", "range_of", "tick_text", "ticks"]


@dataclass(frozen=True)
class Scale:
    """A linear map from [low, high] to [start, end]; start > end turns the axis round.

    >>> Scale(0, 10, 100, 200)(5), Scale(40, 80, 300, 0)(80)
    (150.0, 0.0)
    """

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Where the value lies; what is beyond an end lies on it."""
        share = (value - self.low) / (self.high - self.low)
        return self.start + min(max(share, 0.0), 1.0) * (self.end - self.start)


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round numbers inside [low, high], about so many.

    >>> ticks(0, 1), ticks(-0.31, 0.84, 4), ticks(38, 79, 4)
    ([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [0.0, 0.5], [40.0, 50.0, 60.0, 70.0])
    """
    if not high > low:
        return [low]
    raw = (high - low) / max(about, 1)
    power = 10 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= 0.75 * raw)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(i * step, 12) + 0.0 for i in range(first, last + 1)]


def tick_text(value: float, every: list[float]) -> str:
    """The label of a tick, with as many decimals as all of them need.

    >>> tick_text(0.5, [0.0, 0.5]), tick_text(1200.0, [1000.0, 1200.0]), tick_text(-0.2, [-0.2, 0.0])
    ('0.5', '1200', '−0.2')
    """
    top = max((abs(v) for v in every), default=0.0)
    if top and not 1e-4 <= top < 1e6:
        return f"{value:.2g}".replace("-", "−")
    places = next((p for p in range(7) if all(abs(round(v, p) - v) < 1e-9 for v in every)), 6)
    return f"{value:.{places}f}".replace("-", "−")


def range_of(values: list[float | None], margin: float = 0.06, floor: float | None = None) -> tuple[float, float]:
    """The range that an axis has to show, a little wider than the values; ``floor`` is in it.

    >>> range_of([0.0, 1.0], 0.1), range_of([2.0, 2.0]), range_of([]), range_of([1.0, 3.0], 0.0, floor=0.0)
    ((-0.1, 1.1), (1.0, 3.0), (0.0, 1.0), (0.0, 3.0))
    """
    there = finite(values)
    if floor is not None:
        there.append(floor)
    if not there:
        return 0.0, 1.0
    low, high = min(there), max(there)
    if low == high:
        half = abs(low) / 2 or 0.5
        return (low, high + 2 * half) if floor == low else (low - half, high + half)
    pad = margin * (high - low)
    return (low if floor == low else low - pad), high + pad
