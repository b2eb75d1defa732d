"""Paired comparison of metrics on the same images, with Holm's correction where there are several."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from certiqa.errors import InputError
from certiqa.evaluation.bootstrap import Bootstrap, Resamples, bootstrap_of, check_confidence
from certiqa.evaluation.correlation import expected_increasing
from certiqa.evaluation.weighted import kendall, pearson, spearman
from certiqa.metrics.calibration import Logistic, fit_logistic
from certiqa.metrics.pairs import Floats, check_pairs

__all__ = ["STATISTICS", "Comparison", "compare"]

STATISTICS = ("srocc", "plcc_logistic", "krocc", "plcc")
_TITLES = {"srocc": "SROCC", "krocc": "KROCC", "plcc": "PLCC (bare)", "plcc_logistic": "PLCC"}


@dataclass(frozen=True)
class Comparison:
    """Two metrics on the same images.

    Both correlations are oriented: positive where a metric goes with quality in the direction that it declares (or, if
    it declares none, in the direction that it takes on these images).

    Attributes:
        first: a metric's name.
        second: the other's.
        statistic: "srocc", "plcc_logistic", "krocc" or "plcc".
        values: the oriented statistic of both.
        difference: first less second.
        interval: BCa interval of the difference, by a paired bootstrap over contents; None if it has nothing to say.
        p: two-sided p-value of "no difference": the level at which that interval ends at 0, not below 2/(resamples +
            1).
        p_holm: after Holm's correction for ``tests`` comparisons.
        tests: how many comparisons were made together.
        n: number of images.
        contents: number of contents.
        confidence: of the interval.
        resamples: of the bootstrap.
        seed: of the bootstrap.
    """

    first: str
    second: str
    statistic: str
    values: tuple[float, float]
    difference: float
    interval: tuple[float, float] | None
    p: float | None
    p_holm: float | None
    tests: int
    n: int
    contents: int
    confidence: float
    resamples: int
    seed: int

    @property
    def floor(self) -> float:
        """The least p-value that so many resamples can give, before the correction."""
        return 2 / (self.resamples + 1)

    def words(self) -> str:
        """One line."""
        name = f"{self.first} against {self.second}, {_TITLES[self.statistic]}"
        if self.p is None or self.p_holm is None:
            return f"{name}: {self.difference:+.4f}; too little for an interval"
        if self.interval is None:
            return f"{name}: no difference in any resample"
        low, high = self.interval
        least = self.p <= self.floor
        found = f"{name}: {self.difference:+.4f} [{low:+.4f}, {high:+.4f}], p {'<=' if least else '='} {self.p:.2g}"
        return found + (f", {self.p_holm:.2g} after Holm for {self.tests}" if self.tests > 1 else "")

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        data = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return data | {"values": list(self.values), "interval": None if self.interval is None else list(self.interval)}


def compare(
    scores: Mapping[str, object],
    mos: object,
    *,
    contents: Sequence[Hashable] | None = None,
    lower_better: Mapping[str, bool | None] | None = None,
    mos_lower_better: bool = False,
    statistics: Sequence[str] = ("srocc", "plcc_logistic"),
    against: str | None = None,
    curves: Mapping[str, Logistic] | None = None,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> tuple[Comparison, ...]:
    """Compare every pair of metrics by every statistic; all p-values are corrected together (Holm).

    The same resamples serve both metrics of a pair, so that what they share cancels. For "plcc_logistic" each metric
    has its own logistic, fitted once on these images and held.

    Args:
        scores: name -> one finite number per image, not all the same; two metrics at least.
        mos: one per image.
        contents: what each image shows; None: every image its own.
        lower_better: name -> declared direction; a name that is missing, or None: unknown.
        mos_lower_better: whether low MOS are good.
        statistics: out of "srocc", "plcc_logistic", "krocc", "plcc".
        against: compare this one with each other one, and not the others among themselves.
        curves: name -> a logistic fitted elsewhere, for "plcc_logistic"; a name that is missing: fitted on these
            images.
        confidence: of the intervals (not corrected).
        resamples: of the bootstrap, at least 100.
        seed: of the bootstrap.

    Raises:
        InputError: an argument breaks its rule.

    >>> import numpy as np
    >>> mos = np.arange(40.0)
    >>> same = compare({"a": mos**2, "b": mos}, mos, statistics=["srocc"])[0]
    >>> same.difference, same.p
    (0.0, 1.0)
    """
    _check_names(scores, statistics, against)
    check_confidence(confidence)
    pairs = {name: check_pairs(values, mos, least=5) for name, values in scores.items()}
    if len({len(x) for x, _ in pairs.values()}) > 1:
        raise InputError.of("scores", "must hold as many numbers for each metric", [len(x) for x, _ in pairs.values()])
    n = len(next(iter(pairs.values()))[0])
    sample = Resamples.of(n, contents, resamples=resamples, seed=seed)
    declared = lower_better or {}
    found = []
    for statistic in statistics:
        strengths = {
            name: _oriented(
                x,
                y,
                statistic,
                expected_increasing(declared.get(name), mos_lower_better),
                (curves or {}).get(name),
                sample,
            )
            for name, (x, y) in pairs.items()
        }
        for first, second in combinations(strengths, 2):
            if against not in (None, first, second):
                continue
            if second == against:
                first, second = second, first
            one, other = strengths[first], strengths[second]
            gap = one.minus(other)
            found.append(
                Comparison(
                    first=first,
                    second=second,
                    statistic=statistic,
                    values=(one.observed, other.observed),
                    difference=gap.observed,
                    interval=gap.interval(confidence),
                    p=gap.p_value(),
                    p_holm=None,
                    tests=0,
                    n=n,
                    contents=sample.contents,
                    confidence=confidence,
                    resamples=resamples,
                    seed=seed,
                )
            )
    known = [c.p for c in found if c.p is not None]
    corrected = iter(_holm(known))
    return tuple(replace(c, tests=len(known), p_holm=None if c.p is None else next(corrected)) for c in found)


def _holm(p_values: Sequence[float]) -> list[float]:
    """In the given order."""
    if len(p_values) < 2:
        return list(p_values)
    from statsmodels.stats.multitest import multipletests

    return [float(p) for p in multipletests(p_values, method="holm")[1]]


def _check_names(scores: Mapping[str, object], statistics: Sequence[str], against: str | None) -> None:
    if len(scores) < 2:
        raise InputError.of("scores", "must hold two metrics at least", list(scores))
    unknown = [name for name in statistics if name not in STATISTICS]
    if unknown or not statistics or isinstance(statistics, str):
        raise InputError.of("statistics", f"must be some of {', '.join(STATISTICS)}", statistics)
    if against is not None and against not in scores:
        raise InputError.of("against", f"must be one of {', '.join(scores)}", against)


def _oriented(
    x: Floats, y: Floats, statistic: str, increasing: bool | None, curve: Logistic | None, sample: Resamples
) -> Bootstrap:
    """The statistic, positive if the scores go with the MOS as declared."""
    if statistic == "plcc_logistic":
        curve = fit_logistic(x, y) if curve is None else curve
        found, rising = bootstrap_of(pearson(curve(x), y), sample), curve.increasing
        return found.times(1.0 if increasing is None or rising == increasing else -1.0)
    found = bootstrap_of({"srocc": spearman, "krocc": kendall, "plcc": pearson}[statistic](x, y), sample)
    if increasing is None:
        increasing = found.observed > 0
    return found if increasing else found.times(-1.0)
