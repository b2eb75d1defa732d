"""MedianCertifier: the arguments of a smoothed certificate, each checked once, and the making of one from them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
import torch

from certiqa import _checks as check
from certiqa._facts import facts_of
from certiqa.certificate import Certificate, MedianCertificate
from certiqa.certifiers.fresh import USUAL_FRESH, fresh_scores
from certiqa.certifiers.making import chosen_metric, identity_of, provenance_of
from certiqa.certifiers.soundness import verdict
from certiqa.certifiers.verdicts import Verdict
from certiqa.data.images import Picture
from certiqa.denoisers import registry as denoiser_registry
from certiqa.errors import InputError, ModelOutputError
from certiqa.frontends import FrontEnd, SizedFrontEnd
from certiqa.smoothing.audit import AUDIT_IMAGES, Finding, audit
from certiqa.smoothing.base import BaseScore, ScoreFn, is_out_of_memory, resolve_dtype
from certiqa.smoothing.declared import count_for, front_end_for, scorer_behind, sigma_for
from certiqa.smoothing.front_end_audit import audit_front_end
from certiqa.smoothing.noise import fresh_seed, seed_commitment
from certiqa.smoothing.recheck import recheck
from certiqa.smoothing.sampler import Progress, ScoreSample, automatic_batch_size, sample_scores, smaller_batch
from certiqa.smoothing.view import View, check_size, view_of
from certiqa.statistics.statements import Side

__all__ = ["MedianCertifier"]


@final
@dataclass(frozen=True)
class MedianCertifier:
    """Median smoothing of one metric: g(phi(x) + G), sampled.

    Attributes:
        metric: as it was given, with all that it declares.
        base: f, what scores behind the noise.
        front_end: phi.
        n: scores of each certificate.
        alpha: failure probability of each certificate.
        side: which moves are bounded.
        range_claimed: whether the metric itself claims to keep its range.
        batch_size: of the forward passes, or "auto".
        device: that scores.
        seed: of the noise, which is keyed by the image.
        at: the eps declared before sampling, or None.
        identity: names and digests of the models.
    """

    kind: ClassVar[str] = "median"
    metric: ScoreFn
    base: BaseScore
    front_end: FrontEnd
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
    def of(
        cls,
        model: Any,
        sigma: float | None = None,
        *,
        n: int | None = None,
        alpha: float = 1e-3,
        side: Side = "both",
        denoiser: Any = None,
        output_range: tuple[float, float] | None = None,
        batch_size: int | str = "auto",
        device: torch.device | str | None = None,
        dtype: str | torch.dtype = "auto",
        seed: int | None = None,
        at: float | None = None,
        resolution: int | tuple[int, int] | str | None = None,
        front_end: FrontEnd | None = None,
    ) -> MedianCertifier:
        """Check the arguments of :func:`certiqa.certify`, the cheap ones before a metric is loaded.

        Raises:
            InputError: an argument breaks its rule (UnknownNameError: no such metric or denoiser).
        """
        if sigma is not None:
            check.check_sigma(sigma)
        if n is not None:
            count_for(None, n)
        checked = {
            "alpha": check.check_alpha(alpha),
            "side": check.check_side(side),
            "batch_size": check.check_batch_size(batch_size),
            "at": None if at is None else check.check_eps(at, "at"),
        }
        declared, key = check.check_output_range(output_range), check.check_seed(seed)
        front_end_for(None, front_end, resolution)
        metric, where = chosen_metric(model, device)
        before = front_end_for(metric, front_end, resolution)
        if isinstance(denoiser, str):
            denoiser = denoiser_registry.load(denoiser, where)
        if denoiser is not None and not callable(denoiser):
            raise InputError.of("denoiser", "must be callable: (images, sigma) -> images", denoiser)
        base = BaseScore(
            scorer_behind(metric, before, denoiser),
            denoiser,
            sigma_for(metric, sigma),
            declared if declared is not None else facts_of(metric).enforced_range,
            resolve_dtype(metric, dtype),
            len(before.output_shape(1 << 10, 1 << 10)) == 3,
        )
        return cls(
            metric=metric,
            base=base,
            front_end=before,
            n=count_for(metric, n),
            range_claimed=declared is None,
            device=where,
            seed=fresh_seed() if key is None else key,
            identity=identity_of(metric, denoiser),
            **checked,  # type: ignore[arg-type]
        )

    def check(self, picture: Picture) -> None:
        """Raise ImageError or InputError if the picture does not fit the metric or the front end."""
        check_size(picture, self.metric, self.front_end)

    def audit(self, picture: Picture) -> tuple[Finding, ...]:
        """Look for what would break the proof; what is only to be reported comes back."""
        view = self._view(picture)
        return self._audited(view, self._batch(view))[0]

    def certify(self, picture: Picture, report: Progress | None = None) -> MedianCertificate:
        """Audit, sample, write down."""
        begin = time.perf_counter()
        view = self._view(picture)
        seen = time.perf_counter() - begin
        noise, values = view.noise, view.values
        findings, batch = self._audited(view, self._batch(view))
        sample = sample_scores(self.base, noise, values, self.n, batch_size=batch, progress=report)
        recheck(self.base, noise, values, sample.scores, sample.batch_size)
        _mostly_scored(sample, picture, self.range_claimed and self.base.output_range is not None)
        seconds = {
            "total": time.perf_counter() - begin,
            "front_end": seen,
            "noise": sample.noise_seconds,
            "model": sample.model_seconds,
        }
        enforced_by = "model" if self.range_claimed else "certiqa"
        return MedianCertificate(
            scores=sample.scores,
            sigma=self.base.sigma,
            alpha=self.alpha,
            side=self.side,
            at=self.at,
            shape=picture.shape,
            output_range=self.base.output_range,
            range_enforced_by=enforced_by if self.base.output_range else None,
            clamped=sample.clamped,
            lower_better=facts_of(self.metric).lower_better,
            noise=noise.name,
            tv_slack=noise.tv_slack(view.front_end.dimension),
            assumptions=(noise.assumption,),
            method="median smoothing" if self.base.denoiser is None else "denoised median smoothing",
            provenance=provenance_of(
                picture,
                view.front_end,
                self.identity,
                seconds,
                dtype=str(self.base.dtype).removeprefix("torch."),
                device=self.device,
                batch_size=sample.batch_size,
                seed_commitment=seed_commitment(self.seed),
                findings=findings,
            ),
            front_end=view.front_end,
            seed=self.seed,
        )

    def judge(
        self,
        certificate: Certificate,
        original: Picture,
        attacked: Picture,
        *,
        seed: int | None = None,
        n: int = USUAL_FRESH,
    ) -> Verdict:
        """Draw ``n`` scores at the attacked picture and compare their median with the certified interval."""
        if not isinstance(certificate, MedianCertificate):
            raise InputError.of("certificate", "must be of kind 'median'", certificate.kind)
        fresh = fresh_scores(certificate, self.metric, attacked, n, denoiser=self.base.denoiser, seed=seed)
        failures = int(np.isnan(fresh).sum())
        if 2 * failures >= n:
            raise ModelOutputError(f"{failures} of {n} fresh scores of the attacked image are NaN: there is no median.")
        return verdict(certificate, original, attacked, fresh)

    def _view(self, picture: Picture) -> View:
        audit_front_end(SizedFrontEnd.of(self.front_end, picture.height, picture.width, self.base.sigma), picture)
        return view_of(picture, self.front_end, self.base.sigma, self.seed, self.device)

    def _batch(self, view: View) -> int:
        if isinstance(self.batch_size, int):
            return self.batch_size
        return automatic_batch_size(view.values.shape, self.device)

    def _audited(self, view: View, batch: int) -> tuple[tuple[Finding, ...], int]:
        """What the audit reports, and a batch size for which the memory was there."""
        while True:
            try:
                claimed = self.range_claimed
                found = audit(self.base, view.noise, view.values, batch_size=batch, range_claimed=claimed)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                batch = smaller_batch(min(batch, AUDIT_IMAGES), error)
            else:
                return found, batch


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
