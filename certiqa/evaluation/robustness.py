"""What an attack does to a metric: how far scores move, what is left of their order, and of their worth.

>>> found = robustness_of([10, 20, 30, 40], [12, 22, 33, 41], [1, 2, 3, 4], scale=(0, 100))
>>> round(found.changes.rmse.value, 3), found.changes.mean_gain.value, round(found.r.mean.value, 3)
(2.121, 2.0, 1.6)
>>> found.kept.srocc.value, found.attacked.srocc.value
(1.0, 1.0)
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from certiqa._checks import check_choice, check_count
from certiqa.errors import InputError
from certiqa.evaluation.bootstrap import Resamples, check_confidence
from certiqa.evaluation.changes import Changes, changes_of, estimate_of
from certiqa.evaluation.correlation import AS_DECLARED, NOT_DECLARED, WRONG_WAY, Estimate, expected_increasing
from certiqa.evaluation.correlations import Correlations, correlations_of
from certiqa.evaluation.levels import BINNINGS, Level, levels_of
from certiqa.evaluation.r_score import RScore, check_base, check_scale, r_of
from certiqa.evaluation.weighted import root_mean_square
from certiqa.metrics.calibration import fit_logistic
from certiqa.metrics.pairs import Floats, check_values

__all__ = ["Robustness", "robustness_of"]

_LEAST_FOR_A_CURVE = 5


@dataclass(frozen=True)
class Robustness:
    """A metric's scores before and after an attack of the same images.

    Nothing is turned round: correlations keep the sign that the numbers give.

    Attributes:
        n: number of images.
        contents: number of contents.
        sd_before: standard deviation (over n - 1) of the scores before; 0 for one image.
        changes: how far the scores moved.
        kept: correlations of the scores before with those after.
        clean: of the scores before with the MOS; None without MOS.
        attacked: of the scores after with the MOS; None without MOS.
        rmse_mos_before: RMSE to the MOS of the scores before, mapped by the four-parameter logistic fitted on them
            (constant scores by their best curve, the mean of the MOS); None without MOS or below 5 images.
        rmse_mos_after: the same of the scores after, by the same curve.
        r: R robustness; None without a scale.
        levels: by quality; empty without MOS.
        binning: of the levels, "count" or "width".
        expected_increasing: whether scores should rise with the MOS; None: no direction was declared.
        confidence: of the intervals: BCa, by a bootstrap over contents.
        resamples: of the bootstrap.
        seed: of the bootstrap.
    """

    n: int
    contents: int
    sd_before: float
    changes: Changes
    kept: Correlations
    clean: Correlations | None
    attacked: Correlations | None
    rmse_mos_before: Estimate | None
    rmse_mos_after: Estimate | None
    r: RScore | None
    levels: tuple[Level, ...]
    binning: str
    expected_increasing: bool | None
    confidence: float
    resamples: int
    seed: int

    @property
    def rmse_over_sd(self) -> float | None:
        """RMSE(before, after) in standard deviations of the scores before; None for constant scores.

        Metrics of different scales may be compared by it, and a constant one does not win it.
        """
        return self.changes.rmse.value / self.sd_before if self.sd_before > 0 else None

    @property
    def direction(self) -> str | None:
        """Of the scores after against the MOS: "as declared", "against the declared direction" or "not declared".

        None where the correlation is undefined.
        """
        if self.attacked is None or self.attacked.srocc is None:
            return None
        if self.expected_increasing is None:
            return NOT_DECLARED
        return AS_DECLARED if (self.attacked.srocc.value > 0) == self.expected_increasing else WRONG_WAY

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; what is undefined is null."""
        found = {name: getattr(self, name) for name in self.__dataclass_fields__}
        data = {name: one.to_dict() if hasattr(one, "to_dict") else one for name, one in found.items()}
        data["levels"] = [one.to_dict() for one in self.levels]
        return data | {"rmse_over_sd": self.rmse_over_sd, "direction": self.direction}


def robustness_of(
    before: object,
    after: object,
    mos: object = None,
    *,
    scale: tuple[float, float] | None = None,
    base: float = 10.0,
    contents: Sequence[Hashable] | None = None,
    lower_better: bool | None = None,
    mos_lower_better: bool = False,
    levels: int = 5,
    binning: str = "count",
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Robustness:
    """All figures of one metric under one attack.

    Args:
        before: the score of each image, (n,), finite; constant scores are allowed, and what they make undefined is
            said.
        after: the score of the attacked image.
        mos: human scores; None: what needs them is left out.
        scale: (bottom, top) of the scores, for R.
        base: of R's logarithm.
        contents: what each image shows; images of one content are resampled together. None: every image its own.
        lower_better: the metric's declared direction; None: unknown.
        mos_lower_better: whether low MOS are good.
        levels: number of quality levels.
        binning: "count": levels with as many images each; "width": equal pieces of the range of the MOS.
        confidence: of the intervals.
        resamples: of the bootstrap, at least 100.
        seed: of the bootstrap.

    Raises:
        InputError: an argument breaks its rule.

    Source: docs/robustness.md has every formula and where it is from.
    """
    x, y = check_values(before, "before", 1, constant=True), check_values(after, "after", 1, constant=True)
    human = None if mos is None else check_values(mos, "mos", 1, constant=True)
    for values, name in ((y, "after"), (human, "mos")):
        if values is not None and len(values) != len(x):
            rule = "must hold one number for each of the scores before"
            raise InputError.of(name, rule, f"{len(values)} for {len(x)} scores")
    room, log_base = check_scale(scale), check_base(base)
    check_count(levels, "levels")
    check_choice(binning, "binning", BINNINGS)
    check_confidence(confidence)
    sample = Resamples.of(len(x), contents, resamples=resamples, seed=seed)
    how: dict[str, Any] = {"scale": room, "base": log_base, "confidence": confidence, "seed": seed}
    how |= {"contents": contents, "resamples": resamples, "count": levels, "binning": binning}
    near = None if human is None else _rmse_to_mos(x, y, human, sample, confidence)
    return Robustness(
        n=len(x),
        contents=sample.contents,
        sd_before=float(x.std(ddof=1)) if len(x) > 1 and (x != x[0]).any() else 0.0,
        changes=changes_of(x, y, sample, confidence),
        kept=correlations_of(x, y, ("before", "after"), sample, confidence),
        clean=None if human is None else correlations_of(x, human, ("before", "MOS"), sample, confidence),
        attacked=None if human is None else correlations_of(y, human, ("after", "MOS"), sample, confidence),
        rmse_mos_before=near and near[0],
        rmse_mos_after=near and near[1],
        r=None if room is None else r_of(x, y, room, log_base, sample, confidence),
        levels=() if human is None else levels_of(x, y, human, **how),
        binning=binning,
        expected_increasing=None if human is None else expected_increasing(lower_better, mos_lower_better),
        confidence=confidence,
        resamples=resamples,
        seed=sample.seed,
    )


def _rmse_to_mos(
    x: Floats, y: Floats, mos: Floats, sample: Resamples, confidence: float
) -> tuple[Estimate, Estimate] | None:
    """Before and after, both by the curve that fits the scores before."""
    if len(x) < _LEAST_FOR_A_CURVE:
        return None
    if (x == x[0]).all() or (mos == mos[0]).all():
        errors = [mos - mos.mean()] * 2
    else:
        curve = fit_logistic(x, mos)
        errors = [curve(x) - mos, curve(y) - mos]
    first, second = (estimate_of(root_mean_square(one), sample, confidence) for one in errors)
    return first, second
