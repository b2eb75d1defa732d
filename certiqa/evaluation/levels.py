"""Robustness by quality level: do bad images fall to an attack as good ones do?"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from certiqa.evaluation.bootstrap import Resamples
from certiqa.evaluation.changes import Changes, changes_of
from certiqa.evaluation.r_score import RScore, r_of
from certiqa.metrics.pairs import Floats

__all__ = ["BINNINGS", "Level", "bin_edges", "levels_of"]

BINNINGS = ("count", "width")
"""Levels with as many images each, or as wide a piece of the MOS each."""


@dataclass(frozen=True)
class Level:
    """The images of one piece of the MOS scale.

    Attributes:
        low: lowest MOS of the level, included.
        high: highest; included in the last level only.
        n: number of images.
        contents: number of contents among them.
        changes: None where there is no image.
        r: None where there is no image, or no scale.
    """

    low: float
    high: float
    n: int
    contents: int
    changes: Changes | None
    r: RScore | None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        plain = {name: getattr(self, name) for name in ("low", "high", "n", "contents")}
        changes, r = (None if one is None else one.to_dict() for one in (self.changes, self.r))
        return plain | {"changes": changes, "r": r}


def bin_edges(mos: Floats, count: int, binning: str) -> Floats:
    """``count`` + 1 edges from the lowest to the highest MOS.

    "count": quantiles, so that levels hold as many images each, but for ties: images of one MOS share a level.
    "width": equal steps.

    >>> bin_edges(np.array([0.0, 1.0, 2.0, 10.0]), 2, "width"), bin_edges(np.array([0.0, 1.0, 2.0, 10.0]), 2, "count")
    (array([ 0.,  5., 10.]), array([ 0. ,  1.5, 10. ]))
    """
    if binning == "width":
        return np.linspace(mos.min(), mos.max(), count + 1)
    return np.quantile(mos, np.linspace(0, 1, count + 1))


def levels_of(
    before: Floats,
    after: Floats,
    mos: Floats,
    *,
    count: int,
    binning: str,
    contents: Sequence[Hashable] | None,
    scale: tuple[float, float] | None,
    base: float,
    confidence: float,
    resamples: int,
    seed: int,
) -> tuple[Level, ...]:
    """The figures of every level, from the lowest MOS up; nothing is checked. Intervals hold the levels fixed."""
    edges = bin_edges(mos, count, binning)
    place = np.clip(np.searchsorted(edges, mos, side="right") - 1, 0, count - 1)

    def level(number: int) -> Level:
        here: npt.NDArray[np.intp] = np.flatnonzero(place == number)
        low, high = float(edges[number]), float(edges[number + 1])
        if not len(here):
            return Level(low, high, 0, 0, None, None)
        own = None if contents is None else [contents[index] for index in here]
        sample = Resamples.of(len(here), own, resamples=resamples, seed=seed)
        x, y = before[here], after[here]
        r = None if scale is None else r_of(x, y, scale, base, sample, confidence)
        return Level(low, high, len(here), sample.contents, changes_of(x, y, sample, confidence), r)

    return tuple(level(number) for number in range(count))
