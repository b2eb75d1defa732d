"""What the certificates of a row say together: medians over images with intervals; nothing where nothing is proved."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from certiqa.benchmark.config import Config
from certiqa.benchmark.result import AtEps, Certified
from certiqa.benchmark.sizes import Size
from certiqa.certificate import Certificate
from certiqa.evaluation.averages import median, upper_quantile
from certiqa.evaluation.bootstrap import Resamples
from certiqa.evaluation.changes import estimate_of
from certiqa.evaluation.correlation import Estimate
from certiqa.evaluation.weighted import Statistic
from certiqa.statistics.percentile import linf_step

__all__ = ["certified_of"]

HIGH = 0.9
"""The quantile beside the median."""


def certified_of(
    config: Config, certificates: Sequence[Certificate], contents: Sequence[str], sd: float, how: dict[str, Any]
) -> Certified:
    """The certificates of one row.

    Args:
        config: what sizes are asked.
        certificates: of its images, one at least.
        contents: of these images.
        sd: standard deviation of the row's scores.
        how: confidence, resamples and seed of the intervals.
    """
    resamples = Resamples.of(len(certificates), contents, resamples=how["resamples"], seed=how["seed"])
    sample = _Sample(resamples, how["confidence"])
    radii = [float(one.radius(sd / 2)) for one in certificates]
    psnrs = [one.psnr(radius) if radius > 0 else math.inf for one, radius in zip(certificates, radii, strict=True)]
    largest = max((radius for radius in radii if math.isfinite(radius)), default=0.0)
    return Certified(
        images=len(certificates),
        n=config.certificates.n,
        alpha=config.certificates.alpha,
        at=tuple(_at(Size.parse(text), certificates, sample, sd) for text in config.certificates.at),
        eps_at_half_sd=sample.median(radii) or Estimate(largest, None),
        psnr_at_half_sd=sample.median(psnrs),
    )


@dataclass(frozen=True)
class _Sample:
    """What is made of one value per image; without an interval where some are infinite, None where the figure is."""

    resamples: Resamples
    confidence: float

    def median(self, values: list[float]) -> Estimate | None:
        return self._of(median(np.array(values)), values)

    def high(self, values: list[float]) -> Estimate | None:
        return self._of(upper_quantile(np.array(values), HIGH), values)

    def _of(self, statistic: Statistic, values: list[float]) -> Estimate | None:
        if np.isfinite(values).all():
            return estimate_of(statistic, self.resamples, self.confidence)
        value = float(statistic(np.ones((1, len(values)), np.uint8))[0])
        return Estimate(value, None) if math.isfinite(value) else None

    def share(self, values: list[bool]) -> Estimate:
        """The images of a content count as one trial, so the interval is rather too long than too short."""
        from statsmodels.stats.proportion import proportion_confint

        value, trials = float(np.mean(values)), self.resamples.contents
        low, high = proportion_confint(value * trials, trials, 1 - self.confidence, method="beta")
        return Estimate(value, (float(low), float(high)))


def _at(size: Size, certificates: Sequence[Certificate], sample: _Sample, sd: float) -> AtEps:
    eps = [size.length(one) for one in certificates]
    pairs = list(zip(certificates, eps, strict=True))
    taus = [float(one.tau(e)) for one, e in pairs]
    tau = sample.median(taus)
    return AtEps(
        name=size.text,
        eps=float(np.median(eps)),
        psnr=float(np.median([one.psnr(e) for one, e in pairs])),
        linf_grey=float(np.median([255 * linf_step(e, one.dimension) for one, e in pairs])),
        tau=tau,
        tau_p90=sample.high(taus),
        tau_over_sd=tau.value / sd if tau is not None and sd > 0 else None,
        deployed=sample.median([float(one.tau(e, statement="deployed")) for one, e in pairs]),
        proved=sample.share([bool(one.bounds(e).certified) for one, e in pairs]),
    )
