"""What is attacked: a metric, bare or behind purifications, or smoothed; and how an attack that knows it sees it."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from certiqa.errors import AuditError
from certiqa.trial.defence import Defence

if TYPE_CHECKING:
    from certiqa._facts import MetricFacts

__all__ = ["Defended", "defended", "device_of", "seed_for"]


@dataclass(frozen=True)
class Defended:
    """The metric with its defence.

    Attributes:
        metric: bare, behind its purifications.
        deployed: what gives the scores that are reported; an attack never sees its noise.
        target: what an attack is given: deterministic, or through attacks.eot.
        facts: of the metric.
        identity: a digest of all that makes the scores; None for what has no fingerprint.
        random: whether scores are drawn.
        draws: calls that a reported score is the mean of: 1, or more behind a random purification.
    """

    metric: Any
    deployed: Any
    target: Any
    facts: MetricFacts
    identity: str | None
    random: bool
    draws: int

    @property
    def name(self) -> str:
        """The metric's name, purifications included."""
        return self.facts.name

    @property
    def lower_better(self) -> bool | None:
        """The metric's direction; None if unknown."""
        return self.facts.lower_better

    @property
    def output_range(self) -> tuple[float, float] | None:
        """The metric's range, enforced or not; None if unknown."""
        return self.facts.output_range

    def check_size(self, picture: Any) -> None:
        """Raise ImageError if the picture is too small for what will see it."""
        from certiqa._facts import facts_of
        from certiqa.frontends import Identity
        from certiqa.smoothing.view import check_size

        check_size(picture, self.metric, facts_of(self.deployed).front_end or Identity())

    def certifier(self, n: int, seed: int) -> Any:
        """What makes certificates of the deployed score, and puts them to the test; it must be smoothed.

        Args:
            n: scores of each certificate, and of each test.
            seed: of the certificates' noise, which no attack may see.
        """
        from certiqa.certifiers import MedianCertifier

        smooth = self.deployed
        return MedianCertifier.of(
            self.metric,
            smooth.sigma,
            n=n,
            denoiser=smooth.denoiser,
            seed=seed,
            front_end=smooth.front_end,
            dtype=smooth.dtype,
        )

    def score(self, image: Any) -> float:
        """The deployed score of (3,H,W) uint8 or float pixels.

        Raises:
            ModelError: the metric failed; ModelOutputError: the score is not finite.
        """
        import math

        import torch

        from certiqa.errors import ModelOutputError
        from certiqa.smoothing.base import BaseScore, resolve_dtype
        from certiqa.smoothing.median import DenoisedMedianSmoothing, MedianSmoothing

        with torch.no_grad():
            batch = image[None].to(device_of(self.metric))
            if isinstance(self.deployed, MedianSmoothing | DenoisedMedianSmoothing):
                found = float(self.deployed(batch))
            else:
                batch = batch.float() / 255 if batch.dtype == torch.uint8 else batch
                base = BaseScore(self.deployed, None, 0.0, None, resolve_dtype(self.metric, "auto"))
                draws = [float(base.raw(batch)) for _ in range(self.draws)]
                found = sum(draws) / len(draws)
        if not math.isfinite(found):
            raise ModelOutputError(f"The model must return finite scores. Got {found}.")
        return found


@contextlib.contextmanager
def defended(
    metric: Any, device: Any, defence: Defence, told: Callable[[str], object] = lambda text: None
) -> Iterator[Defended]:
    """The metric with its defence, for as long as this lasts; what should be known beforehand is told in words.

    Raises:
        CertiqaError: the denoiser cannot be loaded, or the metric is in train mode.
    """
    import torch

    from certiqa import attacks, purifications
    from certiqa._facts import facts_of
    from certiqa.evaluation.store import score_identity
    from certiqa.smoothing.median import DenoisedMedianSmoothing, MedianSmoothing
    from certiqa.trial.denoisers import denoiser_for

    if isinstance(metric, torch.nn.Module) and any(part.training for part in metric.modules()):
        raise AuditError("The model is in train mode. Call model.eval() in its module.", ("train-mode",))
    for name, options in reversed(defence.purify):
        metric = purifications.load(name, metric, **options)
    facts = facts_of(metric)
    drawn = facts.random
    with denoiser_for(defence.denoiser, defence.sigma or 0.0, device, told) as denoiser:
        deployed = target = metric
        if defence.sigma is not None:

            def smooth(n: int, role: str) -> Any:
                options: dict[str, Any] = {"n": n, "seed": seed_for(defence.seed, role)}
                options |= {"resolution": defence.resolution, "dtype": defence.dtype}
                if denoiser is None:
                    return MedianSmoothing(metric, defence.sigma or 0.0, **options).eval()
                return DenoisedMedianSmoothing(metric, denoiser, defence.sigma or 0.0, **options).eval()

            deployed = smooth(defence.n, "deployed")
            target = attacks.eot(smooth(defence.samples, "attack"), samples=1)
        elif drawn:
            target = attacks.eot(metric, samples=defence.samples)
        inner = [
            score_identity(one, torch.float32, torch.device(device)) for one in (metric, denoiser) if one is not None
        ]
        yield Defended(
            metric=metric,
            deployed=deployed,
            target=target,
            facts=facts,
            identity=None if None in inner or drawn else _digest([inner, defence.to_dict()]),
            random=drawn or defence.sigma is not None,
            draws=defence.samples if drawn and defence.sigma is None else 1,
        )


def seed_for(seed: int, role: str) -> int:
    """Another 128 bits for each role, so that an attack never meets the noise it is judged by."""
    return int.from_bytes(hashlib.sha256(f"certiqa defended v1|{role}|{seed}".encode()).digest()[:16], "little")


def _digest(parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def device_of(metric: Any) -> Any:
    """Where its parameters are; the CPU for what has none."""
    import torch

    tensors = (*metric.parameters(), *metric.buffers()) if isinstance(metric, torch.nn.Module) else ()
    return next((one.device for one in tensors), torch.device("cpu"))
