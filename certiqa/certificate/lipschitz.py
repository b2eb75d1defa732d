"""LipschitzCertificate: bounds of a head over balls, and every answer that follows from them, without chance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
import numpy.typing as npt

from certiqa import _checks as check
from certiqa.certificate.base import Certificate
from certiqa.certificate.interval import Curve, Floats, Interval, Origin
from certiqa.certificate.provenance import Provenance
from certiqa.errors import InputError
from certiqa.frontends import SizedFrontEnd
from certiqa.statistics.statements import Side, Statement

__all__ = ["LipschitzCertificate"]


@final
@dataclass(frozen=True, eq=False, repr=False)
class LipschitzCertificate(Certificate):
    """What was proved by bounding the head over balls around the front end's numbers: no noise, no sampling.

    The guarantee. Let phi be the front end, g the head, f(x) = g(phi(x)) the score. For every change delta of the image
    with ||delta||_2 <= eps, f(x+delta) lies in ``bounds(eps)`` and differs from f(x) by at most ``tau(eps)``, always:
    the failure probability is 0. The bounds are those of g over the ball of radius L eps + s around phi(x), taken at
    the next larger radius of a table, so that a table answers every eps.

    Attributes:
        value: f(x), as the head computes it.
        radii: (k,) float64, ascending from 0: radii behind the front end at which the head was bounded.
        lower: (k,) float64, non-increasing: g is at least this on the ball.
        upper: (k,) float64, non-decreasing: g is at most this on the ball.

    The other attributes are those of :class:`Certificate`.

    Source: docs/lipschitz.md.
    """

    value: float
    radii: Floats
    lower: Floats
    upper: Floats
    shape: tuple[int, int, int]
    output_range: tuple[float, float] | None
    range_enforced_by: str | None
    lower_better: bool | None
    assumptions: tuple[str, ...]
    method: str
    provenance: Provenance
    front_end: SizedFrontEnd
    side: Side = "both"
    alpha: float = 0.0
    at: float | None = None

    kind: ClassVar[str] = "lipschitz"

    @property
    def n(self) -> int:
        """0: nothing was sampled."""
        return 0

    @property
    def score(self) -> float:
        """The score of the image, f(x)."""
        return self.value

    def bounds(self, eps: float | None = None) -> Interval:
        """The interval that no attack of l2 length <= eps can make the score leave.

        Raises:
            InputError: eps is no number >= 0.
        """
        asked = check.check_eps(eps)
        index = int(np.searchsorted(self.radii, self.front_end.behind(asked), side="left"))
        lower, upper, origin = self._ends(index)
        return Interval(
            lower=-math.inf if self.side == "upper" and self.output_range is None else lower,
            upper=math.inf if self.side == "lower" and self.output_range is None else upper,
            eps=asked,
            alpha=0.0,
            statement="containment",
            simultaneous=True,
            lower_rank=None,
            upper_rank=None,
            lower_from="not asked" if self.side == "upper" else origin,
            upper_from="not asked" if self.side == "lower" else origin,
        )

    def _ends(self, index: int) -> tuple[float, float, Origin]:
        if index < len(self.radii):
            return float(self.lower[index]), float(self.upper[index]), "bound"
        if self.output_range is not None:
            return *self.output_range, "range"
        return -math.inf, math.inf, "unbounded"

    def tau(self, eps: float | None = None, *, statement: Statement = "drift") -> float:
        """The largest change of the score that an attack of l2 length <= eps can cause.

        Args:
            eps: any l2 radius >= 0.
            statement: "drift" and "deployed" are one here, since a score is printed as it is; "containment": the width
                of the interval.
        """
        check.check_statement(statement)
        interval = self.bounds(eps)
        if statement == "containment":
            return interval.upper - interval.lower
        return self._change(interval.lower, interval.upper)

    def _change(self, lower: float, upper: float) -> float:
        rise, fall = upper - self.value, self.value - lower
        return max(0.0, *{"both": (rise, fall), "upper": (rise,), "lower": (fall,)}[self.side])

    def radius(self, tau: float, *, statement: Statement = "drift") -> float:
        """The largest eps whose certified change is at most tau; inf if the range itself is within tau.

        Raises:
            InputError: tau is no number >= 0, or the statement is "containment".
        """
        check.check_tau(tau)
        if check.check_statement(statement) == "containment":
            raise InputError.of("statement", "must be 'drift' or 'deployed'", statement)
        if self.output_range is not None and self._change(*self.output_range) <= tau:
            return math.inf
        changes = [self._change(low, high) for low, high in zip(self.lower, self.upper, strict=True)]
        within = int(np.searchsorted(np.array(changes), tau, side="right"))
        return self.front_end.before(float(self.radii[within - 1])) if within else 0.0

    def largest_eps(self) -> float:
        """The eps of the largest ball for which the head was bounded."""
        return self.front_end.before(float(self.radii[-1]))

    def curve(self, eps: npt.ArrayLike | None = None, *, points: int = 129) -> Curve:
        """Bounds and tau for many eps."""
        grid = self._grid(eps, self.largest_eps(), points)
        intervals = [self.bounds(e) for e in grid.tolist()]
        return Curve(
            eps=grid,
            lower=np.array([i.lower for i in intervals]),
            upper=np.array([i.upper for i in intervals]),
            tau=np.array([self.tau(e) for e in grid.tolist()]),
            certified=np.array([i.certified for i in intervals]),
            alpha=0.0,
        )

    # -- words, files, figures ----------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        return f"<LipschitzCertificate {self.provenance.image}: score {self.value:.4g}>"

    def __hash__(self) -> int:
        return hash((self.provenance.image_sha256, self.value, self.lower.tobytes(), self.upper.tobytes()))
