"""Calibration: a monotone curve from a metric's scores to the scale of MOS, fitted on images set apart for it.

Two curves: the four-parameter logistic of the field and a straight line. A curve is strictly monotone by construction,
so ranks (SROCC, KROCC) stay as they are, and whatever a certificate says of the score it says of the calibrated score:
:func:`carry`.

Source: the logistic is that of VQEG's FR-TV Phase II report (2003), f(x) = b2 + (b1 - b2) / (1 + exp(-(x - b3)/|b4|)).

>>> curve = fit_logistic([0.1, 0.3, 0.5, 0.7, 0.9], [10, 20, 50, 80, 90])
>>> curve.increasing, round(curve(0.5), 6)
(True, 50.0)
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from numbers import Real
from typing import Any, ClassVar, overload

import numpy as np
import torch
from torch import Tensor

from certiqa.errors import InputError
from certiqa.metrics.pairs import Floats, check_pairs

__all__ = ["Calibration", "Line", "Logistic", "calibration_from_dict", "carry", "fit_linear", "fit_logistic"]


class _Curve(ABC):
    """What the curves share: calls on floats, arrays and tensors; JSON."""

    kind: ClassVar[str]

    @abstractmethod
    def _array(self, x: Floats) -> Floats: ...

    @abstractmethod
    def _tensor(self, x: Tensor) -> Tensor: ...

    @overload
    def __call__(self, x: float) -> float: ...
    @overload
    def __call__(self, x: Tensor) -> Tensor: ...
    @overload
    def __call__(self, x: Floats) -> Floats: ...
    def __call__(self, x: Any) -> Any:
        """The calibrated score of a score: float -> float, array -> float64 array, tensor -> float64 tensor."""
        if isinstance(x, Tensor):
            return self._tensor(x.double())
        if isinstance(x, Real):
            return float(self._array(np.asarray(x, np.float64)))
        return self._array(np.asarray(x, np.float64))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; :func:`calibration_from_dict` reads them."""
        return {"kind": self.kind, **asdict(self)}  # type: ignore[call-overload]


@dataclass(frozen=True)
class Logistic(_Curve):
    """``left + (right - left) / (1 + exp(-(x - centre) / width))``.

    Attributes:
        left: the asymptote for low scores (b2).
        right: the asymptote for high scores (b1); never equal to ``left``.
        centre: the score halfway between them (b3).
        width: > 0; the smaller, the steeper (b4).
        converged: whether the search for the least squares ended inside of its limits; if not, the curve is the best
            within them: nearly a step, nearly a line, or with one bend only, for want of scores where the other would
            be.

    Raises:
        InputError: not finite, ``width`` not above 0, or no difference between the asymptotes.

    >>> Logistic(0.0, 100.0, 0.5, 0.1)(0.5)
    50.0
    """

    left: float
    right: float
    centre: float
    width: float
    converged: bool = True

    kind: ClassVar[str] = "logistic"

    def __post_init__(self) -> None:
        for name in ("left", "right", "centre", "width"):
            _check_number(getattr(self, name), name)
        if self.width <= 0:
            raise InputError.of("width", "must be > 0", self.width)
        if self.left == self.right:
            raise InputError.of("right", "must differ from 'left': the curve must not be flat", self.right)

    @property
    def increasing(self) -> bool:
        """Whether higher scores become higher."""
        return self.right > self.left

    @property
    def output_range(self) -> tuple[float, float]:
        """Both asymptotes, the lower one first: no calibrated score lies outside."""
        return min(self.left, self.right), max(self.left, self.right)

    def _array(self, x: Floats) -> Floats:
        from scipy.special import expit

        values = self.left + (self.right - self.left) * expit((x - self.centre) / self.width)
        return np.clip(values, *self.output_range)

    def _tensor(self, x: Tensor) -> Tensor:
        values = self.left + (self.right - self.left) * torch.sigmoid((x - self.centre) / self.width)
        return values.clamp(*self.output_range)

    def inverse(self, y: float) -> float:
        """The score whose calibrated value is y; an asymptote gives an infinity.

        Raises:
            InputError: no score has this value.
        """
        low, high = self.output_range
        if not low <= y <= high:
            raise InputError.of("y", f"must lie between the asymptotes, {low:g} and {high:g}", y)
        if y == self.left:
            return -math.inf
        if y == self.right:
            return math.inf
        return self.centre + self.width * math.log((y - self.left) / (self.right - y))


@dataclass(frozen=True)
class Line(_Curve):
    """``intercept + slope * x``.

    Attributes:
        intercept: the value at 0.
        slope: never 0.

    Raises:
        InputError: not finite, or flat.

    >>> Line(1.0, -2.0)(3.0), Line(1.0, -2.0).increasing
    (-5.0, False)
    """

    intercept: float
    slope: float

    kind: ClassVar[str] = "line"

    def __post_init__(self) -> None:
        for name in ("intercept", "slope"):
            _check_number(getattr(self, name), name)
        if self.slope == 0:
            raise InputError.of("slope", "must not be 0: the line must not be flat", self.slope)

    @property
    def increasing(self) -> bool:
        """Whether higher scores become higher."""
        return self.slope > 0

    @property
    def output_range(self) -> None:
        """None: a line has no asymptotes."""
        return None

    def _array(self, x: Floats) -> Floats:
        return self.intercept + self.slope * x

    def _tensor(self, x: Tensor) -> Tensor:
        return self.intercept + self.slope * x

    def inverse(self, y: float) -> float:
        """The score whose calibrated value is y."""
        return (y - self.intercept) / self.slope


Calibration = Logistic | Line


def carry(calibration: Calibration, lower: float, upper: float) -> tuple[float, float]:
    """What an interval of the score becomes: [g(lower), g(upper)], swapped if g decreases; ends may be infinite.

    If a certificate proves that the smoothed median of f stays in [lower, upper], then that of g(f) stays in the
    carried interval: monotone maps commute with quantiles (docs/theory.md, section 1), so this is what
    :func:`certiqa.certify` proves for the calibrated metric from the same noise. A certificate that bounds one side
    only bounds the other side of a decreasing g. The printed score of n scores is the ceil(n/2)-th smallest; for odd n,
    or an increasing g, it carries, too; for even n and a decreasing g the calibrated metric prints g of the next higher
    one.

    Raises:
        InputError: lower > upper, or NaN.

    >>> carry(Line(0.0, -2.0), 1.0, 3.0)
    (-6.0, -2.0)
    """
    if not lower <= upper:
        raise InputError.of("lower", "must be a number <= 'upper'", lower)
    ends = calibration(float(lower)), calibration(float(upper))
    return ends if calibration.increasing else (ends[1], ends[0])


def calibration_from_dict(data: dict[str, Any]) -> Calibration:
    """A curve from what its ``to_dict`` wrote.

    Raises:
        InputError: no such curve.

    >>> calibration_from_dict(Line(0.0, 2.0).to_dict())
    Line(intercept=0.0, slope=2.0)
    """
    curves: dict[str, type[Logistic] | type[Line]] = {"logistic": Logistic, "line": Line}
    fields = {name: value for name, value in data.items() if name != "kind"}
    try:
        return curves[data["kind"]](**fields)
    except (KeyError, TypeError):
        raise InputError.of("data", "must be what to_dict() of a calibration wrote", str(data)) from None


def fit_linear(scores: object, mos: object) -> Line:
    """The least-squares line.

    Args:
        scores: one per image, finite.
        mos: one per image, finite, on any scale.

    Raises:
        InputError: fewer than 3 pairs, not finite, all the same, or of different lengths; no slope at all.

    >>> fit_linear([1, 2, 3], [2, 4, 6])
    Line(intercept=0.0, slope=2.0)
    """
    x, y = check_pairs(scores, mos)
    centred = x - x.mean()
    slope = float(centred @ (y - y.mean()) / (centred @ centred))
    return Line(float(y.mean() - slope * x.mean()), slope)


def fit_logistic(scores: object, mos: object, *, increasing: bool | None = None) -> Logistic:
    """The least-squares logistic, found without starting values and without randomness.

    For a given centre and width the asymptotes are a linear problem; so centre and width only are searched: a grid, and
    the best four of it polished. The width stays between a thousandth and ten times the range of the middle 95 % of the
    scores, the centre within two such ranges of the scores: where the data ask for more, the curve is the best
    within these limits, and ``converged`` is False.

    Args:
        scores: one per image, finite.
        mos: one per image, finite, on any scale.
        increasing: forces the direction; None takes the one that fits better.

    Raises:
        InputError: fewer than 5 pairs, not finite, all the same, or of different lengths; no curve of the direction
            asked for fits better than a constant.
    """
    from certiqa.metrics.logistic_fit import least_squares_logistic

    x, y = check_pairs(scores, mos, least=5)
    fit = least_squares_logistic(x, y, increasing)
    if fit is None:
        way = "rise" if increasing else "fall"
        rule = "must be None or a direction in which the MOS go with the scores"
        raise InputError.of("increasing", rule, increasing, f"These MOS do not {way} with the scores.")
    return Logistic(*fit)


def _check_number(value: object, name: str) -> None:
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        raise InputError.of(name, "must be a finite number", value)
