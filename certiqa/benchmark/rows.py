"""One row of a comparison, from the records of its images."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from certiqa.benchmark.config import Config
from certiqa.benchmark.result import Attacked, Banded, Certified, Cost, QualityLevel, Row
from certiqa.benchmark.tau import certified_of
from certiqa.certificate import Certificate
from certiqa.certifiers.verdicts import Verdict
from certiqa.data.splits import fold
from certiqa.errors import InputError
from certiqa.evaluation.averages import mean, spread
from certiqa.evaluation.bootstrap import Resamples
from certiqa.evaluation.changes import estimate_of
from certiqa.evaluation.constant import constant_predictor
from certiqa.evaluation.correlation import Estimate, agreement
from certiqa.evaluation.robustness import Robustness, robustness_of
from certiqa.evaluation.weighted import Statistic
from certiqa.metrics.pairs import Floats

__all__ = ["CONSTANT", "Found", "constant_row", "row_of"]

Json = dict[str, Any]
CONSTANT = "constant predictor"
_WHY = {
    "none": "the metric as it is: nothing about it is proved",
    "empirical": "trained or purified: nothing about it is proved",
    "certified": "none of its certificates is there yet",
    "constant": "a constant: no attack moves it, and it knows nothing",
}


@dataclass
class Found:
    """What was recorded of one row.

    Attributes:
        config: of the run.
        data: facts of the data set.
        subject: facts of the row.
        records: of its images.
    """

    config: Config
    data: Json
    subject: Json
    records: list[Json] = field(repr=False)

    def of(self, what: str, attack: str = "", budget: str = "") -> list[Json]:
        """The records of one kind, in the order of the run, which no process or restart changes."""
        kept = [
            one
            for one in self.records
            if one["what"] == what and (one.get("attack", ""), one.get("budget", "")) == (attack, budget)
        ]
        return sorted(kept, key=lambda one: (fold(one["image"], 2**61, salt="benchmark:"), one["image"]))

    @property
    def label(self) -> str:
        """For messages."""
        noise = "" if self.subject["sigma"] is None else f", sigma {self.subject['sigma']:g},"
        return f"{self.subject['defence']}{noise} of {self.subject['metric']} on {self.data['name']}"

    def size(self) -> int:
        """Number of scores."""
        return len(self.of("score"))

    @cached_property
    def sd(self) -> float:
        """Standard deviation of the scores; 0 for one, or equal ones."""
        scores = np.array([one["score"] for one in self.of("score")])
        return float(scores.std(ddof=1)) if len(scores) > 1 and (scores != scores[0]).any() else 0.0

    @cached_property
    def certificates(self) -> dict[str, Certificate]:
        """By the image's name, in the order of the run."""
        return {one["image"]: Certificate.from_dict(one["certificate"]) for one in self.of("certificate")}

    def judged(self, record: Json) -> Verdict | None:
        """The verdict on an attack, where its length is one that the certificate's scores prove something for.

        Beyond, only the metric's enforced range is left, or nothing: that no attack leaves it tests no certificate.
        """
        certificate = self.certificates.get(record["image"])
        if record["verdict"] is None or certificate is None:
            return None
        one = Verdict.from_dict(record["verdict"])
        return one if certificate.bounds(one.eps).certified else None

    @property
    def how(self) -> Json:
        """Options of every figure with an interval."""
        config = self.config
        return {"confidence": config.confidence, "resamples": config.resamples, "seed": config.seed}

    @property
    def directions(self) -> Json:
        """Of the scores and of the MOS."""
        return {"lower_better": self.subject["lower_better"], "mos_lower_better": self.data["lower_better"]}


def row_of(found: Found) -> Row:
    """Everything that is there."""
    subject, scores = found.subject, found.of("score")
    certificates = list(found.certificates.values())
    contents = [one["content"] for one in found.of("certificate")]
    certified: Certified | None = None
    if certificates:
        certified = certified_of(found.config, certificates, contents, found.sd, found.how)
    srocc, plcc, krocc = _correlations(found, scores)
    peaks = [one["peak_mb"] for one in scores if one["peak_mb"] is not None]
    kind = subject["kind"]
    return Row(
        metric=subject["metric"],
        data=found.data["name"],
        defence=subject["defence"],
        kind=kind,
        sigma=subject["sigma"],
        resolution=subject["resolution"],
        images=len(scores),
        draws=subject["forwards"],
        srocc=srocc,
        plcc=plcc,
        krocc=krocc,
        sd=_estimated(found, scores, spread, "score") if found.sd else Estimate(0.0, None),
        certified=certified,
        no_certificate=None if certified else _WHY[kind],
        attacked=tuple(_attacks(found)),
        cost=Cost(subject["forwards"], _estimated(found, scores, mean, "seconds"), max(peaks, default=None)),
        metric_sha256=subject["metric_sha256"],
        denoiser_sha256=subject["denoiser_sha256"],
    )


def _estimated(found: Found, scores: Sequence[Json], statistic: Callable[[Floats], Statistic], name: str) -> Estimate:
    """Of one number of every score's record."""
    how, contents = found.how, [one["content"] for one in scores]
    sample = Resamples.of(len(scores), contents, resamples=how["resamples"], seed=how["seed"])
    return estimate_of(statistic(np.array([one[name] for one in scores], float)), sample, how["confidence"])


def _correlations(found: Found, scores: Sequence[Json]) -> tuple[Estimate | None, Estimate | None, Estimate | None]:
    """SROCC, PLCC after the logistic, KROCC; none for what is constant or for fewer than five images."""
    values, mos = [one["score"] for one in scores], [one["mos"] for one in scores]
    try:
        one = agreement(values, mos, contents=[one["content"] for one in scores], **found.directions, **found.how)
    except InputError:
        return None, None, None
    return one.srocc, one.plcc_logistic, one.krocc


def _attacks(found: Found) -> list[Attacked]:
    """In the config's order; attacks that do not know the defence first."""
    config = found.config.attacks
    made = []
    for attack in config.names:
        for budget in config.budgets:
            for what in ("transferred", "adaptive"):
                records = found.of(what, attack, budget)
                if records:
                    adaptive = what == "adaptive" or found.subject["kind"] == "none"
                    made.append(_attacked(found, attack, budget, adaptive, records))
    return made


def _attacked(found: Found, attack: str, budget: str, adaptive: bool, records: list[Json]) -> Attacked:
    verdicts = [found.judged(one) for one in records]
    judged = [one for one in verdicts if one is not None]
    scale = found.subject["output_range"]
    figures = robustness_of(
        [one["before"] for one in records],
        [one["after"] for one in records],
        [one["mos"] for one in records],
        contents=[one["content"] for one in records],
        scale=None if scale is None else tuple(scale),
        levels=found.config.attacks.levels,
        **found.directions,
        **found.how,
    )
    points = tuple(_banded(record, one) for record, one in zip(records, verdicts, strict=True))
    sd = found.sd
    return _of(
        found, attack, budget, adaptive, figures, sd, sum(one.alarm for one in judged) if judged else None, points
    )


def _of(
    found: Found,
    attack: str,
    budget: str,
    adaptive: bool,
    figures: Robustness,
    sd: float,
    alarms: int | None,
    points: tuple[Banded, ...],
) -> Attacked:
    levels = tuple(
        QualityLevel(one.low, one.high, one.n, one.changes.rmse, one.changes.mean_gain)
        for one in figures.levels
        if one.changes is not None
    )
    return Attacked(
        attack=attack,
        budget=budget,
        objective=found.config.attacks.objective,
        adaptive=adaptive,
        images=figures.n,
        rmse=figures.changes.rmse,
        rmse_over_sd=figures.changes.rmse.value / sd if sd > 0 else None,
        gain=figures.changes.mean_gain,
        srocc=figures.attacked.srocc if figures.attacked else None,
        kept=figures.kept.srocc,
        r=figures.r.mean if figures.r else None,
        alarms=alarms,
        levels=levels,
        points=points,
    )


def _banded(record: Json, one: Verdict | None) -> Banded:
    before, after = float(record["before"]), float(record["after"])
    if one is None:
        return Banded(record["image"], record["mos"], before, after, None, None, None)
    lower, upper = (float(end) if math.isfinite(end) else None for end in (one.lower, one.upper))
    return Banded(record["image"], record["mos"], before, after, lower, upper, one.lower <= after <= one.upper)


def constant_row(config: Config, data: Json, metric: str, largest: Found, here: Sequence[tuple[Row, Found]]) -> Row:
    """The row that no attack moves; it is under the attacks that the others were under."""
    attacked = []
    for attack, budget in dict.fromkeys((one.attack, one.budget) for row, _ in here for one in row.attacked):
        for _, found in here:
            if records := found.of("transferred", attack, budget) or found.of("adaptive", attack, budget):
                figures = constant_predictor(
                    [one["mos"] for one in records],
                    contents=[one["content"] for one in records],
                    levels=config.attacks.levels,
                    **found.how,
                )
                attacked.append(_of(found, attack, budget, True, figures, 0.0, None, ()))
                break
    return Row(
        metric=metric,
        data=data["name"],
        defence=CONSTANT,
        kind="constant",
        sigma=None,
        resolution=None,
        images=largest.size(),
        draws=1,
        srocc=None,
        plcc=None,
        krocc=None,
        sd=Estimate(0.0, None),
        certified=None,
        no_certificate=_WHY["constant"],
        attacked=tuple(attacked),
        cost=None,
        metric_sha256=None,
        denoiser_sha256=None,
    )
