"""The order: certify()'s arguments, each checked once, and the making of one certificate from them."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from certiqa import _checks as check
from certiqa import _provenance as provenance
from certiqa.certificate import Certificate, Provenance
from certiqa.data.images import Picture
from certiqa.denoisers import registry as denoiser_registry
from certiqa.errors import InputError, ModelOutputError
from certiqa.metrics import registry
from certiqa.smoothing.audit import AUDIT_IMAGES, Finding, audit
from certiqa.smoothing.base import BaseScore, ScoreFn, is_out_of_memory, resolve_device, resolve_dtype
from certiqa.smoothing.median import DenoisedMedianSmoothing, MedianSmoothing
from certiqa.smoothing.noise import Noise, fresh_seed, seed_commitment
from certiqa.smoothing.recheck import recheck
from certiqa.smoothing.sampler import Progress, ScoreSample, automatic_batch_size, sample_scores, smaller_batch
from certiqa.smoothing.select import view_of
from certiqa.smoothing.working import Working
from certiqa.statistics.statements import Side

__all__ = ["Order"]


@dataclass(frozen=True)
class Order:
    """Checked arguments of certify(), and what to do with them for one picture."""

    base: BaseScore
    n: int
    alpha: float
    side: Side
    range_claimed: bool
    batch_size: int | str
    device: torch.device
    seed: int
    at: float | None
    resolution: int | tuple[int, int] | None
    identity: dict[str, str | None]

    @classmethod
    def of(cls, *, model: Any, denoiser: Any, **given: Any) -> Order:
        if given["sigma"] is not None:
            check.check_sigma(given["sigma"])
        n = check.check_count(given["n"], "n", 1, "Try n=2000.")
        alpha = check.check_alpha(given["alpha"])
        side = check.check_side(given["side"])
        declared = check.check_output_range(given["output_range"])
        batch_size = check.check_batch_size(given["batch_size"])
        seed = check.check_seed(given["seed"])
        at = None if given["at"] is None else check.check_eps(given["at"], "at")
        check.resolution_or_declared(given["resolution"], None)
        metric, device = _metric(model, given["device"])
        sigma = check.sigma_or_declared(given["sigma"], metric)
        resolution = check.resolution_or_declared(given["resolution"], metric)
        if isinstance(denoiser, str):
            denoiser = denoiser_registry.load(denoiser, device)
        if denoiser is not None and not callable(denoiser):
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
        return cls(base, n, alpha, side, declared is None, batch_size, device, drawn, at, resolution, identity)

    def certificate(self, picture: Picture, report: Progress | None) -> Certificate:
        """Audit, sample, write down."""
        begin = time.perf_counter()
        view = view_of(picture, self.base.sigma, self.seed, self.resolution, self.device)
        noise, pixels, working = view.noise, view.pixels, view.working
        batch = self.batch_size
        if not isinstance(batch, int):
            batch = automatic_batch_size(pixels.shape[1], pixels.shape[2], self.device)
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
            tv_slack=noise.tv_slack(pixels.numel()),
            assumptions=(noise.assumption,),
            method="median smoothing" if self.base.denoiser is None else "denoised median smoothing",
            provenance=self._provenance(picture, sample, findings, seconds, working),
            seed=self.seed,
            working=working,
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
        self,
        picture: Picture,
        sample: ScoreSample,
        findings: tuple[Finding, ...],
        seconds: dict[str, float],
        working: Working | None,
    ) -> Provenance:
        resized = () if working is None else (_resize_words(picture, working),)
        return Provenance(
            image=picture.name,
            image_sha256=picture.sha256(),
            file_sha256=picture.file_sha256,
            image_notes=(*picture.notes, *resized),
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


def _resize_words(picture: Picture, working: Working) -> str:
    stretch = working.height * picture.width / (working.width * picture.height)
    larger = working.height > picture.height or working.width > picture.width
    enlarged = ", which enlarges it: the certificate is weaker than without" if larger else ""
    distorted = "" if 0.9 <= stretch <= 1.1 else ", which changes the aspect ratio"
    return f"antialiased bilinear resize to {working} before the noise{distorted}{enlarged}"


def _metric(model: Any, device: Any) -> tuple[ScoreFn, torch.device]:
    if isinstance(model, MedianSmoothing | DenoisedMedianSmoothing):
        rule = "must be the bare metric: certify() adds the noise itself"
        raise InputError.of("model", rule, model, "Pass smooth.model, smooth.sigma and denoiser=smooth.denoiser.")
    if isinstance(model, str):
        chosen = resolve_device(None, device)
        return registry.load(model, chosen), chosen
    if isinstance(model, type):
        rule = "must be the metric itself, not its class"
        raise InputError.of("model", rule, model.__name__, f"Pass {model.__name__}(...).eval().")
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
