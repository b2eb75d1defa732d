"""certify(): one gate, then glue."""

from __future__ import annotations

import contextlib
import os
import platform
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from certiqa import _checks as check
from certiqa import _provenance as provenance
from certiqa.certificate import Certificate, Provenance
from certiqa.data.images import Picture, read_images
from certiqa.errors import CertiqaError, InputError, ModelOutputError, UnknownNameError
from certiqa.metrics import registry
from certiqa.smoothing.audit import AUDIT_IMAGES, Finding, audit
from certiqa.smoothing.base import (
    BaseScore,
    Denoiser,
    ScoreFn,
    is_out_of_memory,
    resolve_device,
    resolve_dtype,
)
from certiqa.smoothing.median import DenoisedMedianSmoothing, MedianSmoothing
from certiqa.smoothing.noise import Noise, fresh_seed, seed_commitment
from certiqa.smoothing.recheck import recheck
from certiqa.smoothing.sampler import Progress, ScoreSample, automatic_batch_size, sample_scores, smaller_batch
from certiqa.smoothing.select import check_size, noise_for, pixels_on
from certiqa.statistics.statements import Side

__all__ = ["certify"]


@overload
def certify(
    model: ScoreFn | str,
    image: str | os.PathLike[str] | npt.NDArray[Any] | Image.Image,
    sigma: float,
    *,
    n: int = ...,
    alpha: float = ...,
    side: Side = ...,
    denoiser: Denoiser | None = ...,
    output_range: tuple[float, float] | None = ...,
    batch_size: int | str = ...,
    device: torch.device | str | None = ...,
    dtype: str | torch.dtype = ...,
    seed: int | None = ...,
    progress: bool | Progress = ...,
    at: float | None = ...,
) -> Certificate: ...
@overload
def certify(
    model: ScoreFn | str,
    image: torch.Tensor,
    sigma: float,
    *,
    n: int = ...,
    alpha: float = ...,
    side: Side = ...,
    denoiser: Denoiser | None = ...,
    output_range: tuple[float, float] | None = ...,
    batch_size: int | str = ...,
    device: torch.device | str | None = ...,
    dtype: str | torch.dtype = ...,
    seed: int | None = ...,
    progress: bool | Progress = ...,
    at: float | None = ...,
) -> Any: ...
def certify(
    model: ScoreFn | str,
    image: object,
    sigma: float,
    *,
    n: int = 2000,
    alpha: float = 1e-3,
    side: Side = "both",
    denoiser: Denoiser | None = None,
    output_range: tuple[float, float] | None = None,
    batch_size: int | str = "auto",
    device: torch.device | str | None = None,
    dtype: str | torch.dtype = "auto",
    seed: int | None = None,
    progress: bool | Progress = False,
    at: float | None = None,
) -> Any:
    """Certify how far an attack can move a metric's smoothed score of an image.

    Draws n scores of the metric under Gaussian noise and returns them as a :class:`~certiqa.Certificate`, which
    answers bounds, tau, radius and curve for any eps and alpha afterwards. The guarantee is stated there;
    ``print(certificate)`` says it in words, with its assumptions.

    Args:
        model: (B,3,H,W) float RGB in [0,1] -> (B,), (B,1) or (B,1,1), in eval mode; or the name of a metric
            ("builtin").
        image: a path, PIL image, uint8 or float array (H,W,3), tensor (3,H,W), or tensor (B,3,H,W).
        sigma: standard deviation of the noise, for intensities in [0, 1]; 0.12 is usual.
        n: number of scores; more of them prove larger eps and narrower intervals.
        alpha: failure probability of the certificate, over the noise.
        side: "both"; "upper" bounds only rises (attackers usually raise a score); "lower" only falls.
        denoiser: forward(x, sigma) -> x, put before the metric (DMS, DMS-IQA).
        output_range: (lowest, highest) score. Scores are clamped to it, so that it holds; needed only for metrics that
            do not enforce a range themselves, to bound what n scores cannot.
        batch_size: noisy images per forward pass; halved when memory runs out. It never changes which noise is drawn.
        device: default: where the model's parameters are; for a name or a plain callable, a GPU if there is one.
        dtype: "auto" (the model's own), "float32", "float64", or "bfloat16" / "float16" under autocast. The
            certificate is for the arithmetic that drew the scores.
        seed: None draws fresh noise (deploy so); a whole number in [0, 2**128) repeats it.
        progress: True for a progress bar, or a function called with (scores done, n).
        at: the ONE eps you will ask about, declared now: ``certificate.bounds(at=eps)`` is then tighter than the band.

    Returns:
        A Certificate; for a tensor (B,3,H,W) a list of B. The statement of each fails with probability at most alpha:
        of B certificates about alpha*B; for all of them at once pass alpha/B.

    Raises:
        InputError: an argument breaks its rule (ImageError: the image; UnknownNameError: the model's name).
        ModelError: the model raised (ModelOutputError: wrong shape, device, NaN; AuditError: not fit to be smoothed).
            If images of a batch were already certified, ``error.completed`` holds their certificates.

    Source: docs/theory.md; arXiv 2007.03730, 2411.12575.

    >>> import certiqa, torch
    >>> certificate = certiqa.certify(lambda x: x.mean((1, 2, 3)), torch.full((3, 8, 8), 0.5), 0.1, n=500, seed=1)
    >>> certificate.radius(tau=0.05) > 0.1
    True
    """
    order = _Order.of(
        model=model,
        sigma=sigma,
        n=n,
        alpha=alpha,
        side=side,
        denoiser=denoiser,
        output_range=output_range,
        batch_size=batch_size,
        device=device,
        dtype=dtype,
        seed=seed,
        at=at,
    )
    check.check_progress(progress)
    pictures = read_images(image)
    for picture in pictures:
        check_size(picture, order.base.model)
    certificates: list[Certificate] = []
    try:
        for picture in pictures:
            with _reporting(progress, picture.name) as report:
                certificates.append(order.certificate(picture, report))
    except CertiqaError as error:
        error.completed = certificates  # type: ignore[attr-defined]
        raise
    batched = isinstance(image, torch.Tensor) and image.ndim == 4
    return certificates if batched else certificates[0]


@dataclass(frozen=True)
class _Order:
    """Checked arguments of certify()."""

    base: BaseScore
    n: int
    alpha: float
    side: Side
    range_claimed: bool
    batch_size: int | str
    device: torch.device
    seed: int
    at: float | None
    identity: dict[str, str | None]

    @classmethod
    def of(cls, *, model: Any, denoiser: Any, **given: Any) -> _Order:
        sigma = check.check_sigma(given["sigma"])
        n = check.check_count(given["n"], "n", 1, "Try n=2000.")
        alpha = check.check_alpha(given["alpha"])
        side = check.check_side(given["side"])
        declared = check.check_output_range(given["output_range"])
        batch_size = check.check_batch_size(given["batch_size"])
        seed = check.check_seed(given["seed"])
        at = None if given["at"] is None else check.check_eps(given["at"], "at")
        metric, device = _metric(model, given["device"])
        if denoiser is not None and not callable(denoiser):
            if isinstance(denoiser, str):
                raise UnknownNameError.among("denoiser", denoiser, ())
            raise InputError.of("denoiser", "must be callable: (images, sigma) -> images", denoiser)
        base = BaseScore(
            metric,
            denoiser,
            sigma,
            declared if declared is not None else check.enforced_range(metric),
            resolve_dtype(metric, given["dtype"]),
        )
        identity = {
            "model": provenance.model_name(metric),
            "model_sha256": provenance.model_sha256(metric),
            "denoiser": None if denoiser is None else provenance.model_name(denoiser),
            "denoiser_sha256": None if denoiser is None else provenance.model_sha256(denoiser),
        }
        drawn = fresh_seed() if seed is None else seed
        return cls(base, n, alpha, side, declared is None, batch_size, device, drawn, at, identity)

    def certificate(self, picture: Picture, report: Progress | None) -> Certificate:
        """Audit, sample, write down."""
        begin = time.perf_counter()
        noise = noise_for(picture, self.base.sigma, self.seed)
        pixels = pixels_on(picture, self.device)
        batch = self.batch_size
        if not isinstance(batch, int):
            batch = automatic_batch_size(picture.height, picture.width, self.device)
        findings, batch = self._audited(noise, pixels, batch)
        sample = sample_scores(self.base, noise, pixels, self.n, batch_size=batch, progress=report)
        recheck(self.base, noise, pixels, sample.scores, sample.batch_size)
        _mostly_scored(sample, picture, self.range_claimed and self.base.output_range is not None)
        seconds = {
            "total": time.perf_counter() - begin,
            "noise": sample.noise_seconds,
            "model": sample.model_seconds,
        }
        direction = getattr(self.base.model, "lower_better", None)
        enforced_by = "model" if self.range_claimed else "certiqa"
        return Certificate(
            scores=sample.scores,
            sigma=self.base.sigma,
            alpha=self.alpha,
            side=self.side,
            at=self.at,
            shape=picture.shape,
            output_range=self.base.output_range,
            range_enforced_by=enforced_by if self.base.output_range else None,
            clamped=sample.clamped,
            lower_better=None if direction is None else bool(direction),
            noise=noise.name,
            tv_slack=noise.tv_slack(picture.dimension),
            assumptions=(noise.assumption,),
            method="median smoothing" if self.base.denoiser is None else "denoised median smoothing",
            provenance=self._provenance(picture, sample, findings, seconds),
            seed=self.seed,
        )

    def _audited(self, noise: Noise, pixels: torch.Tensor, batch: int) -> tuple[tuple[Finding, ...], int]:
        """What the audit reports, and a batch size for which the memory was there."""
        while True:
            try:
                found = audit(self.base, noise, pixels, batch_size=batch, range_claimed=self.range_claimed)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                batch = smaller_batch(min(batch, AUDIT_IMAGES), error)
            else:
                return found, batch

    def _provenance(
        self, picture: Picture, sample: ScoreSample, findings: tuple[Finding, ...], seconds: dict[str, float]
    ) -> Provenance:
        return Provenance(
            image=picture.name,
            image_sha256=picture.sha256(),
            file_sha256=picture.file_sha256,
            image_notes=picture.notes,
            seed_commitment=seed_commitment(self.seed),
            dtype=str(self.base.dtype).removeprefix("torch."),
            device=_device_words(self.device),
            batch_size=sample.batch_size,
            seconds={name: round(value, 4) for name, value in seconds.items()},
            versions=provenance.versions(),
            created=provenance.now(),
            findings=tuple(f"[{f.hazard}] {f.message}" for f in findings),
            **self.identity,  # type: ignore[arg-type]
        )


def _metric(model: Any, device: Any) -> tuple[ScoreFn, torch.device]:
    if isinstance(model, MedianSmoothing | DenoisedMedianSmoothing):
        rule = "must be the bare metric: certify() adds the noise itself"
        raise InputError.of("model", rule, model, "Pass smooth.model, smooth.sigma and denoiser=smooth.denoiser.")
    if isinstance(model, str):
        chosen = resolve_device(None, device)
        return registry.load(model, chosen), chosen
    if not callable(model):
        rule = "must be callable, (B,3,H,W) images in [0, 1] -> (B,) scores, or the name of a metric"
        raise InputError.of("model", rule, model, f"Known names: {', '.join(registry.names())}.")
    return model, resolve_device(model, device)


def _mostly_scored(sample: ScoreSample, picture: Picture, range_claimed: bool) -> None:
    failures = int(np.isnan(sample.scores).sum())
    if 2 * failures >= len(sample.scores):
        raise ModelOutputError(
            f"{failures} of {len(sample.scores)} scores of {picture.name} under noise are NaN: there is no median."
        )
    if range_claimed and sample.clamped:
        raise ModelOutputError(
            f"{sample.clamped} of {len(sample.scores)} scores of {picture.name} leave the range that the model claims "
            "to enforce. Pass output_range= to have them clamped."
        )


def _device_words(device: torch.device) -> str:
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return f"{device} ({platform.machine()}, {torch.get_num_threads()} threads of {os.cpu_count()})"


@contextlib.contextmanager
def _reporting(progress: bool | Progress | None, name: str) -> Iterator[Progress | None]:
    if not isinstance(progress, bool):
        yield progress
    elif progress:
        from certiqa._progress import bar

        with bar(name) as report:
            yield report
    else:
        yield None
