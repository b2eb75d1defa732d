"""One row to be: a metric under one defence at one sigma, opened."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from certiqa.benchmark.sections import DefenceEntry
from certiqa.frontends import Resize
from certiqa.trial.defended import Defended, device_of

__all__ = ["Subject"]


@dataclass(frozen=True)
class Subject:
    """What is measured, and on whose behalf.

    Attributes:
        metric: name of the metric that is defended.
        entry: of the config.
        sigma: of the noise; None without.
        defended: the metric behind the defence, as it is deployed and as an attack that knows it sees it.
        denoiser: the denoiser; None without.
        identity: digest of all that makes its scores.
        metric_sha256: of the weights in use.
        denoiser_sha256: of the denoiser; None without.
        resolution: shorter side at which the noise is added; None for the image's own, or without noise.
        forwards: passes of the metric for one deployed score.
    """

    metric: str
    entry: DefenceEntry
    sigma: float | None
    defended: Defended
    denoiser: Any
    identity: str
    metric_sha256: str | None
    denoiser_sha256: str | None
    resolution: int | None
    forwards: int

    @classmethod
    def of(
        cls, metric: str, entry: DefenceEntry, sigma: float | None, defended: Defended, more: dict[str, Any]
    ) -> Subject:
        """Of an opened metric; ``more`` is what else makes its scores."""
        import torch

        from certiqa._provenance import model_sha256
        from certiqa.evaluation.store import score_identity

        deployed = defended.deployed
        denoiser = getattr(deployed, "denoiser", None) if sigma is not None else None
        front_end = deployed.front_end if sigma is not None else None
        side = front_end.resolution if isinstance(front_end, Resize) else None
        device = device_of(defended.metric)
        inner = [score_identity(one, torch.float32, device) for one in (defended.metric, denoiser) if one is not None]
        digest = hashlib.sha256(json.dumps([defended.name, inner, more], sort_keys=True).encode()).hexdigest()
        return cls(
            metric=metric,
            entry=entry,
            sigma=sigma,
            defended=defended,
            denoiser=denoiser,
            identity=digest,
            metric_sha256=model_sha256(defended.metric),
            denoiser_sha256=None if denoiser is None else model_sha256(denoiser),
            resolution=min(side) if isinstance(side, tuple) else side,
            forwards=more["draws"] if sigma is not None else defended.draws,
        )

    @property
    def kind(self) -> str:
        """ "none", "empirical" or "certified"."""
        return self.entry.kind_for(self.metric)

    @property
    def cheap(self) -> bool:
        """Whether noise meets a front end's numbers, so that a score under noise costs a pass of the head alone."""
        return self.sigma is not None and not self.defended.facts.scores_pictures

    @property
    def label(self) -> str:
        """For messages: the defence, its sigma, and the metric."""
        noise = "" if self.sigma is None else f", sigma {self.sigma:g},"
        return f"{self.entry.name}{noise} of {self.metric}"

    @property
    def address(self) -> tuple[str, ...]:
        """What its records are found by, within one output folder."""
        if self.sigma is None:
            return self.metric, self.entry.name, ""
        short = f"{self.sigma:g}"
        return self.metric, self.entry.name, short if float(short) == self.sigma else repr(self.sigma)

    def facts(self) -> dict[str, Any]:
        """What a reader of the records must know, as plain values."""
        names = ("metric", "sigma", "identity", "metric_sha256", "denoiser_sha256", "resolution", "forwards")
        lowest = self.defended.output_range
        return {name: getattr(self, name) for name in names} | {
            "defence": self.entry.name,
            "kind": self.kind,
            "lower_better": self.defended.lower_better,
            "output_range": None if lowest is None else list(lowest),
        }
