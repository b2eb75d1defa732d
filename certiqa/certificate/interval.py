"""What a certificate answers with: an interval, or a curve of intervals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from certiqa.statistics.statements import Statement

__all__ = ["Curve", "Floats", "Interval", "Origin"]

Floats = npt.NDArray[np.float64]

Origin = Literal["rank", "bound", "range", "unbounded", "not asked"]
"""Where an end comes from: an order statistic; a bound of the head; the enforced range, because neither reaches so far;
nowhere, for the same reason without a range; or the certificate is one-sided and says nothing on this side."""


@dataclass(frozen=True)
class Interval:
    """(lower, upper), unpackable, with what they rest on.

    Attributes:
        lower: the score cannot fall below this value.
        upper: the score cannot rise above it.
        eps: for every change of the image of l2 length at most eps.
        alpha: the statement fails with at most this probability, over the noise of the certificate.
        statement: "containment" (of the true smoothed median) or "deployed" (of a printed score).
        simultaneous: True: holds together with every other simultaneous answer of the certificate. False: for one eps
            declared before sampling.
        lower_rank: k of the order statistic X_(k) that is the lower end; None if it is none.
        upper_rank: the same of the upper end.
        lower_from: where the lower end comes from.
        upper_from: where the upper end comes from.
    """

    lower: float
    upper: float
    eps: float
    alpha: float
    statement: Statement
    simultaneous: bool
    lower_rank: int | None
    upper_rank: int | None
    lower_from: Origin
    upper_from: Origin

    def __iter__(self) -> Iterator[float]:
        return iter((self.lower, self.upper))

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> float:
        return (self.lower, self.upper)[index]

    @property
    def certified(self) -> bool:
        """Whether every end that was asked for is proved, and is not merely that of the metric's range."""
        return {self.lower_from, self.upper_from} <= {"rank", "bound", "not asked"}


@dataclass(frozen=True)
class Curve:
    """Intervals for many eps that hold simultaneously.

    Attributes:
        eps: (m,) l2 radii, ascending.
        lower: (m,) lower ends.
        upper: (m,) upper ends.
        tau: (m,) largest certified change of the true smoothed median.
        certified: (m,) bool, :attr:`Interval.certified` of each.
        alpha: all of it fails with at most this probability.
    """

    eps: npt.NDArray[np.float64]
    lower: npt.NDArray[np.float64]
    upper: npt.NDArray[np.float64]
    tau: npt.NDArray[np.float64]
    certified: npt.NDArray[np.bool_]
    alpha: float
