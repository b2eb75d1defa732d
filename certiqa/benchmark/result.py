"""What a comparison of defences found, as frozen data: the engine writes it, the report reads it.

Every figure that comes from a sample of images is an Estimate with its interval; counts and the largest memory have
none. None stands for what was not measured, never zero; what cannot be had (a certificate of an empirical defence) says
why in words.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Self

from certiqa.evaluation.correlation import Estimate

__all__ = ["AtEps", "Attacked", "Banded", "Certified", "Comparison", "Cost", "Example", "QualityLevel", "Row"]


@dataclass(frozen=True)
class AtEps:
    """What is certified of a row's images against attacks of one size.

    Attributes:
        name: of the size, as the config gives it: "0.05", "1 sigma", "linf:2/255".
        eps: l2 length in the pixels of the image as given, [0, 1]; median over images.
        psnr: of such an attack, dB, median over images.
        linf_grey: l_inf size in grey levels whose l2 ball has this eps, median over images.
        tau: median over images of the certified change of the smoothed median (drift), in units of the score; None
            where nothing bounds it.
        tau_p90: 90th percentile over images; None where nothing bounds it.
        tau_over_sd: tau over the standard deviation of the row's scores.
        deployed: median over images of the certified change between two printed scores (statement "deployed").
        proved: share of images whose bound comes from the scores, with the exact (Clopper-Pearson) interval of as
            many trials as there are contents; of the others it is the metric's enforced range, or infinity.
    """

    name: str
    eps: float
    psnr: float
    linf_grey: float
    tau: Estimate | None
    tau_p90: Estimate | None
    tau_over_sd: float | None
    deployed: Estimate | None
    proved: Estimate

    @property
    def tau_in_sd(self) -> Estimate | None:
        """``tau_over_sd`` with the interval of tau in the same unit: the SD is held fixed."""
        return _scaled(self.tau, self.tau_over_sd)


@dataclass(frozen=True)
class Certified:
    """Certificates of some of a row's images.

    Attributes:
        images: how many.
        n: scores of each.
        alpha: failure probability of each.
        at: per size of attack.
        eps_at_half_sd: median over images of the largest eps with tau <= SD / 2.
        psnr_at_half_sd: of the weakest attack that is not covered any more, dB, median over images.
    """

    images: int
    n: int
    alpha: float
    at: tuple[AtEps, ...]
    eps_at_half_sd: Estimate
    psnr_at_half_sd: Estimate | None


@dataclass(frozen=True)
class QualityLevel:
    """A fifth of the attacked images by their MOS: the worst first.

    Attributes:
        low: least MOS of it.
        high: largest.
        images: how many.
        rmse: RMSE(before, after).
        gain: mean of after - before.
    """

    low: float
    high: float
    images: int
    rmse: Estimate
    gain: Estimate


@dataclass(frozen=True)
class Banded:
    """One attacked image: a point, and the band that it should lie in.

    Attributes:
        image: its name.
        mos: its human score.
        before: deployed score of the image.
        after: of the attacked 8-bit image.
        lower: proved by the certificate's scores for the length that the attack really has; None where they prove
            nothing.
        upper: likewise.
        inside: whether ``after`` lies in the band; None without one.
    """

    image: str
    mos: float
    before: float
    after: float
    lower: float | None
    upper: float | None
    inside: bool | None


@dataclass(frozen=True)
class Attacked:
    """One attack on a row's images.

    Attributes:
        attack: its name with its options, as "apgd:steps=10".
        budget: as "linf:4/255".
        objective: "raise", "lower", "move", or "far" (scores above the middle of the scale are lowered, others raised).
        adaptive: whether the attack knew the defence (gradients through denoiser, noise, purification); else it
            attacked the undefended metric, and its images were given to the defence.
        images: how many.
        rmse: RMSE(before, after), units of the score.
        rmse_over_sd: over the row's ``sd``.
        gain: mean of after - before.
        srocc: of the scores after with the MOS.
        kept: SROCC of the scores before with those after.
        r: R robustness (base 10); None where it is undefined.
        alarms: attacks inside a certified radius whose median certainly left the interval; None where no attack was
            inside one.
        levels: per quality level; empty if not asked for.
        points: per image; empty if not kept.
    """

    attack: str
    budget: str
    objective: str
    adaptive: bool
    images: int
    rmse: Estimate
    rmse_over_sd: float | None
    gain: Estimate
    srocc: Estimate | None
    kept: Estimate | None
    r: Estimate | None
    alarms: int | None
    levels: tuple[QualityLevel, ...]
    points: tuple[Banded, ...]

    @property
    def rmse_in_sd(self) -> Estimate | None:
        """``rmse_over_sd`` with the interval of the RMSE in the same unit: the SD is held fixed."""
        return _scaled(self.rmse, self.rmse_over_sd)


@dataclass(frozen=True)
class Cost:
    """Of one deployed score.

    Attributes:
        forwards: passes of the metric.
        seconds: mean wall time per image; on a shared machine only ratios of one run mean something.
        peak_mb: largest memory of the process (GPU: of the device) while this row ran, MiB; None if it is not known.
    """

    forwards: int
    seconds: Estimate
    peak_mb: float | None


@dataclass(frozen=True)
class Row:
    """One defence of one metric at one sigma on one data set.

    Attributes:
        metric: name of the metric that is defended.
        data: name of the data set.
        defence: as the config names it: "undefended", "NT", "MS", "DMS-IQA", "constant predictor" ...
        kind: "none", "constant", "empirical" (trained weights, purification), or "certified" (smoothing).
        sigma: noise; None without.
        resolution: working resolution; None for the native one.
        images: for agreement.
        draws: of noise for each score; 1 without noise.
        srocc: with the MOS; None where it is undefined (a constant).
        plcc: after the 4-parameter logistic.
        krocc: with the MOS.
        sd: standard deviation of the scores.
        certified: None where there is no certificate.
        no_certificate: why not, in words; None where there is one.
        attacked: every attack.
        cost: of one score.
        metric_sha256: of the weights in use (of NT: the defended ones).
        denoiser_sha256: of the denoiser.
    """

    metric: str
    data: str
    defence: str
    kind: str
    sigma: float | None
    resolution: int | None
    images: int
    draws: int
    srocc: Estimate | None
    plcc: Estimate | None
    krocc: Estimate | None
    sd: Estimate
    certified: Certified | None
    no_certificate: str | None
    attacked: tuple[Attacked, ...]
    cost: Cost | None
    metric_sha256: str | None
    denoiser_sha256: str | None


@dataclass(frozen=True)
class Example:
    """One image with its certificate under one defence.

    Attributes:
        data: name of the data set.
        image: its name in it.
        mos: its human score.
        defence: of the row.
        sigma: of the row.
        thumbnail: a PNG of at most 160 pixels a side, base64; None where the data set's licence
            forbids it or it is not asked for.
        score: smoothed median.
        eps: of the curve, l2.
        lower: certified for each eps; None where nothing is.
        upper: likewise.
        statement: the certificate in words.
    """

    data: str
    image: str
    mos: float
    defence: str
    sigma: float | None
    thumbnail: str | None
    score: float
    eps: tuple[float, ...]
    lower: tuple[float | None, ...]
    upper: tuple[float | None, ...]
    statement: str


@dataclass(frozen=True)
class Comparison:
    """Everything that a report needs.

    Attributes:
        name: of the config.
        config: the whole of it, as plain values.
        config_sha256: digest of its canonical JSON.
        command: that makes it.
        date: of the newest figure, ISO 8601.
        versions: of Python and the packages.
        machine: processor, cores, threads, device.
        seconds: of computing, summed over all figures and processes.
        complete: whether everything that was planned is there.
        missing: in words, what is not.
        datasets: per data set, a mapping with name, part, images, contents, mos_range, licence.
        rows: in the order of the config.
        examples: some images.
        schema: of this form.
    """

    name: str
    config: dict[str, Any]
    config_sha256: str
    command: str
    date: str
    versions: dict[str, str]
    machine: dict[str, Any]
    seconds: float
    complete: bool
    missing: tuple[str, ...]
    datasets: tuple[dict[str, Any], ...]
    rows: tuple[Row, ...]
    examples: tuple[Example, ...]
    schema: int = 2

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        found: dict[str, Any] = _plain(self)
        return found

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The inverse of :meth:`to_dict`.

        Raises:
            InputError: a field is missing, unknown, or of another schema.
        """
        from certiqa.benchmark._reading import comparison_from

        return comparison_from(cls, data)


def _scaled(found: Estimate | None, value: float | None) -> Estimate | None:
    if found is None or value is None or not found.value or found.interval is None:
        return None if value is None else Estimate(value, None)
    low, high = (end * value / found.value for end in found.interval)
    return Estimate(value, (low, high))


def _plain(value: Any) -> Any:
    if isinstance(value, Estimate):
        return value.to_dict()
    if hasattr(value, "__dataclass_fields__"):
        return {one.name: _plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    return value
