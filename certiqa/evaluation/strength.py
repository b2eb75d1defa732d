"""Against the strength of the attack: one row per budget, over the same images and the same resamples."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from certiqa.errors import InputError
from certiqa.evaluation.robustness import Robustness, robustness_of

__all__ = ["StrengthCurve", "against_strength"]


@dataclass(frozen=True)
class StrengthCurve:
    """What an attack does as its budget grows.

    Attributes:
        unit: of the strengths, in words ("l_inf", "l2").
        strengths: ascending.
        rows: one for each.
    """

    unit: str
    strengths: tuple[float, ...]
    rows: tuple[Robustness, ...]

    def series(self, figure: str) -> tuple[float | None, ...]:
        """One figure as a tuple: "rmse", "mean_gain", "mean_change", "r", "srocc_kept" or "srocc_after".

        None where a figure is undefined.

        Raises:
            InputError: another name.
        """
        if figure not in _FIGURES:
            raise InputError.of("figure", f"must be one of {', '.join(_FIGURES)}", figure)
        return tuple(_figure(row, figure) for row in self.rows)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        rows = [row.to_dict() for row in self.rows]
        return {"unit": self.unit, "strengths": list(self.strengths), "rows": rows}


_FIGURES = ("mean_change", "mean_gain", "r", "rmse", "srocc_after", "srocc_kept")


def _figure(row: Robustness, figure: str) -> float | None:
    if figure == "r":
        return None if row.r is None or row.r.mean is None else row.r.mean.value
    if figure.startswith("srocc"):
        correlations = row.kept if figure == "srocc_kept" else row.attacked
        return None if correlations is None or correlations.srocc is None else correlations.srocc.value
    return float(getattr(row.changes, figure).value)


def against_strength(
    before: object, after: Mapping[float, object], mos: object = None, *, unit: str = "l_inf", **options: Any
) -> StrengthCurve:
    """The rows of many strengths, from the weakest to the strongest.

    Args:
        before: the score of each image.
        after: strength -> the score of each attacked image. Strengths are finite and >= 0; at least one.
        mos: human scores, or None.
        unit: of the strengths, for whoever reads the result.
        options: those of :func:`~certiqa.evaluation.robustness_of`.

    Raises:
        InputError: no strength, a strength out of its range, or as :func:`robustness_of`.

    >>> curve = against_strength([10, 20, 30], {2 / 255: [12, 23, 33], 1 / 255: [11, 21, 31]})
    >>> curve.series("mean_gain"), curve.strengths == (1 / 255, 2 / 255)
    ((1.0, 2.6666666666666665), True)
    """
    if not after:
        raise InputError.of("after", "must hold the scores of one strength at least", list(after))
    for strength in after:
        if isinstance(strength, bool) or not isinstance(strength, int | float) or not 0 <= strength < math.inf:
            raise InputError.of("after", "must have finite strengths >= 0 as its keys", strength)
    order = sorted(after)
    rows = tuple(robustness_of(before, after[strength], mos, **options) for strength in order)
    return StrengthCurve(unit, tuple(float(strength) for strength in order), rows)
