"""What the certificates of a row say together: medians over images with intervals; nothing where nothing is proved."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
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
    sample = Resamples.of(len(certificates), contents, resamples=how["resamples"], seed=how["seed"])

    def middle(values: list[float]) -> Estimate | None:
        """The median; without an interval where some values are infinite, None where the median itself is."""
        x = np.array(values)
        if np.isfinite(x).all():
            return estimate_of(median(x), sample, how["confidence"])
        value = float(np.median(np.sort(x)))
        return Estimate(value, None) if math.isfinite(value) else None

    def high(values: list[float]) -> Estimate | None:
        """The 90th percentile; without an interval where some values are infinite, None where it is itself."""
        x = np.array(values)
        if np.isfinite(x).all():
            return estimate_of(upper_quantile(x, HIGH), sample, how["confidence"])
        value = float(upper_quantile(x, HIGH)(np.ones((1, len(x)), np.uint8))[0])
        return Estimate(value, None) if math.isfinite(value) else None

    def part(values: list[bool]) -> Estimate:
        """A share; the images of a content count as one trial, so the interval is rather too long than too short."""
        from statsmodels.stats.proportion import proportion_confint

        share = float(np.mean(values))
        low, up = proportion_confint(share * sample.contents, sample.contents, 1 - how["confidence"], method="beta")
        return Estimate(share, (float(low), float(up)))

    radii = [float(one.radius(sd / 2)) for one in certificates]
    psnrs = [one.psnr(radius) if radius > 0 else math.inf for one, radius in zip(certificates, radii, strict=True)]
    return Certified(
        images=len(certificates),
        n=config.certificates.n,
        alpha=config.certificates.alpha,
        at=tuple(_at(Size.parse(text), certificates, _Sums(middle, high, part), sd) for text in config.certificates.at),
        eps_at_half_sd=middle(radii) or Estimate(max((r for r in radii if math.isfinite(r)), default=0.0), None),
        psnr_at_half_sd=middle(psnrs),
    )


@dataclass(frozen=True)
class _Sums:
    """What is made of the values of all images."""

    middle: Callable[[list[float]], Estimate | None]
    high: Callable[[list[float]], Estimate | None]
    part: Callable[[list[bool]], Estimate]


def _at(size: Size, certificates: Sequence[Certificate], sums: _Sums, sd: float) -> AtEps:
    eps = [size.length(one) for one in certificates]
    pairs = list(zip(certificates, eps, strict=True))
    taus = [float(one.tau(e)) for one, e in pairs]
    tau = sums.middle(taus)
    return AtEps(
        name=size.text,
        eps=float(np.median(eps)),
        psnr=float(np.median([one.psnr(e) for one, e in pairs])),
        linf_grey=float(np.median([255 * linf_step(e, one.dimension) for one, e in pairs])),
        tau=tau,
        tau_p90=sums.high(taus),
        tau_over_sd=tau.value / sd if tau is not None and sd > 0 else None,
        deployed=sums.middle([float(one.tau(e, statement="deployed")) for one, e in pairs]),
        proved=sums.part([bool(one.bounds(e).certified) for one, e in pairs]),
    )
