"""SROCC, PLCC, KROCC and RMSE of scores against MOS, with intervals.

Nothing is turned round: the correlations have the sign that the numbers give. Whether that is the sign that the
metric's declared direction promises is said by ``Agreement.direction``, so that a metric which is wrong the whole way
round cannot pass for a good one.

>>> round(srocc([1, 2, 3, 4], [10, 30, 20, 40]), 4), round(krocc([1, 2, 3, 4], [10, 30, 20, 40]), 4)
(0.8, 0.6667)
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from certiqa.evaluation.bootstrap import Resamples, bootstrap_of, check_confidence
from certiqa.evaluation.weighted import Statistic, kendall, pearson, root_mean_square, spearman
from certiqa.metrics.calibration import Logistic, fit_logistic
from certiqa.metrics.pairs import check_pairs

__all__ = [
    "AS_DECLARED",
    "NOT_DECLARED",
    "WRONG_WAY",
    "Agreement",
    "Estimate",
    "agreement",
    "expected_increasing",
    "krocc",
    "plcc",
    "plcc_after_logistic",
    "rmse_after_logistic",
    "srocc",
]

AS_DECLARED, WRONG_WAY, NOT_DECLARED = "as declared", "against the declared direction", "not declared"


def srocc(scores: object, mos: object) -> float:
    """Spearman's rank correlation; equal values share the mean of their ranks.

    Args:
        scores: one finite number per image, at least 3, not all the same.
        mos: likewise.

    Raises:
        InputError: they are not; a constant has no correlation.
    """
    from scipy.stats import spearmanr

    return float(spearmanr(*check_pairs(scores, mos)).statistic)


def krocc(scores: object, mos: object) -> float:
    """Kendall's tau-b. Args and errors: those of :func:`srocc`."""
    from scipy.stats import kendalltau

    return float(kendalltau(*check_pairs(scores, mos)).statistic)


def plcc(scores: object, mos: object) -> float:
    """Pearson's linear correlation of the scores as they are. Args and errors: those of :func:`srocc`."""
    from scipy.stats import pearsonr

    return float(pearsonr(*check_pairs(scores, mos)).statistic)


def plcc_after_logistic(scores: object, mos: object, curve: Logistic | None = None) -> float:
    """Pearson's correlation of the scores, mapped by a four-parameter logistic, with the MOS.

    Args:
        scores: one finite number per image, at least 5 without a curve, not all the same.
        mos: likewise.
        curve: fitted elsewhere; None: fitted on these same images, as the field does, rising or falling as fits better.
            The value is then never negative, whatever the direction of the metric.

    Raises:
        InputError: they are not so; or the curve gives all of them one value.
    """
    curve = fit_logistic(scores, mos) if curve is None else curve
    x, y = check_pairs(scores, mos)
    return plcc(curve(x), y)


def rmse_after_logistic(scores: object, mos: object, curve: Logistic | None = None) -> float:
    """The root of the mean (over n) squared difference of the MOS and the mapped scores, in units of the MOS.

    Args and errors: those of :func:`plcc_after_logistic`.
    """
    curve = fit_logistic(scores, mos) if curve is None else curve
    x, y = check_pairs(scores, mos)
    return float(((curve(x) - y) ** 2).mean() ** 0.5)


@dataclass(frozen=True)
class Estimate:
    """A figure and its interval.

    Attributes:
        value: of the images.
        interval: where the bootstrap puts it, or None where it has nothing to say.
    """

    value: float
    interval: tuple[float, float] | None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"value": self.value, "interval": None if self.interval is None else list(self.interval)}


@dataclass(frozen=True)
class Agreement:
    """How a metric's scores go with the MOS of the same images.

    The intervals are BCa bootstrap intervals over contents; for the two figures after the logistic the curve is held as
    it was fitted once, so they leave out how the curve itself might vary.

    Attributes:
        n: number of images.
        contents: number of contents.
        srocc: Spearman's correlation, with its sign.
        krocc: Kendall's tau-b, with its sign.
        plcc: Pearson's correlation of the bare scores, with its sign.
        plcc_logistic: Pearson's correlation after the four-parameter logistic; >= 0 if fitted on these images.
        rmse_logistic: in units of the MOS.
        curve: the logistic.
        curve_fitted_here: whether it was fitted on these same images.
        expected_increasing: whether the scores should rise with the MOS, by the directions declared; None: unknown.
        confidence: of the intervals.
        resamples: of the bootstrap.
        seed: of the bootstrap.
    """

    n: int
    contents: int
    srocc: Estimate
    krocc: Estimate
    plcc: Estimate
    plcc_logistic: Estimate
    rmse_logistic: Estimate
    curve: Logistic
    curve_fitted_here: bool
    expected_increasing: bool | None
    confidence: float
    resamples: int
    seed: int

    @property
    def direction(self) -> str:
        """ "as declared", "against the declared direction" (of the SROCC), or "not declared"."""
        if self.expected_increasing is None:
            return NOT_DECLARED
        return AS_DECLARED if (self.srocc.value > 0) == self.expected_increasing else WRONG_WAY

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        names = ("srocc", "krocc", "plcc", "plcc_logistic", "rmse_logistic")
        plain = ("n", "contents", "curve_fitted_here", "expected_increasing", "confidence", "resamples", "seed")
        return {
            **{name: getattr(self, name).to_dict() for name in names},
            **{name: getattr(self, name) for name in plain},
            "direction": self.direction,
            "curve": self.curve.to_dict(),
        }


def expected_increasing(lower_better: bool | None, mos_lower_better: bool) -> bool | None:
    """Whether scores should rise with the MOS; None if the metric's direction is unknown.

    >>> expected_increasing(True, False), expected_increasing(True, True), expected_increasing(None, False)
    (False, True, None)
    """
    return None if lower_better is None else bool(lower_better) == bool(mos_lower_better)


def agreement(
    scores: object,
    mos: object,
    *,
    contents: Sequence[Hashable] | None = None,
    lower_better: bool | None = None,
    mos_lower_better: bool = False,
    curve: Logistic | None = None,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Agreement:
    """All figures of one metric on one set of images.

    Args:
        scores: one finite number per image, at least 5, not all the same.
        mos: likewise.
        contents: what each image shows; images of one content are resampled together. None: every image its own.
        lower_better: the metric's declared direction; None: unknown.
        mos_lower_better: whether low MOS are good (as DMOS are).
        curve: a logistic fitted elsewhere; None: fitted on these images, as the field does.
        confidence: of the intervals.
        resamples: of the bootstrap, at least 100.
        seed: of the bootstrap: the same one gives the same intervals.

    Raises:
        InputError: an argument breaks its rule.

    >>> found = agreement([1, 2, 3, 4, 5, 6], [10, 30, 20, 40, 50, 60], lower_better=True)
    >>> round(found.srocc.value, 4), found.srocc.interval, found.direction
    (0.9429, None, 'against the declared direction')
    """
    check_confidence(confidence)
    x, y = check_pairs(scores, mos, least=5)
    sample = Resamples.of(len(x), contents, resamples=resamples, seed=seed)
    fitted = fit_logistic(x, y) if curve is None else curve
    after, rmse = plcc_after_logistic(x, y, fitted), rmse_after_logistic(x, y, fitted)

    def estimate(value: float, statistic: Statistic) -> Estimate:
        return Estimate(value, bootstrap_of(statistic, sample).interval(confidence))

    return Agreement(
        n=len(x),
        contents=sample.contents,
        srocc=estimate(srocc(x, y), spearman(x, y)),
        krocc=estimate(krocc(x, y), kendall(x, y)),
        plcc=estimate(plcc(x, y), pearson(x, y)),
        plcc_logistic=estimate(after, pearson(fitted(x), y)),
        rmse_logistic=estimate(rmse, root_mean_square(fitted(x) - y)),
        curve=fitted,
        curve_fitted_here=curve is None,
        expected_increasing=expected_increasing(lower_better, mos_lower_better),
        confidence=confidence,
        resamples=resamples,
        seed=seed,
    )
