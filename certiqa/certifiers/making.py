"""What every certifier does: choose the metric, name it, and write down where a certificate comes from."""

from __future__ import annotations

import os
import platform
from typing import Any

import torch

from certiqa import _provenance as provenance
from certiqa.certificate import Provenance
from certiqa.data.images import Picture
from certiqa.errors import InputError
from certiqa.frontends import SizedFrontEnd
from certiqa.metrics import registry
from certiqa.smoothing.audit import Finding
from certiqa.smoothing.base import ScoreFn, resolve_device
from certiqa.smoothing.median import DenoisedMedianSmoothing, MedianSmoothing

__all__ = ["chosen_metric", "identity_of", "provenance_of"]


def chosen_metric(model: Any, device: Any) -> tuple[ScoreFn, torch.device]:
    """The metric, loaded if it is a name, and the device that scores.

    Raises:
        InputError: a smoothed metric, a class, nothing callable, no such device (UnknownNameError: no such name).
    """
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


def identity_of(metric: object, denoiser: object) -> dict[str, str | None]:
    """Names and digests of the models, as :class:`Provenance` holds them."""
    return {
        "model": provenance.model_name(metric),
        "model_sha256": provenance.model_sha256(metric),
        "denoiser": None if denoiser is None else provenance.model_name(denoiser),
        "denoiser_sha256": None if denoiser is None else provenance.model_sha256(denoiser),
    }


def provenance_of(
    picture: Picture,
    sized: SizedFrontEnd,
    identity: dict[str, str | None],
    seconds: dict[str, float],
    *,
    dtype: str,
    device: torch.device,
    batch_size: int = 1,
    seed_commitment: str = "",
    findings: tuple[Finding, ...] = (),
) -> Provenance:
    """Where the certificate of this picture comes from; a proof without noise has no seed to commit to."""
    behind = () if sized.is_identity else (sized.front_end.words(picture.height, picture.width),)
    return Provenance(
        image=picture.name,
        image_sha256=picture.sha256(),
        file_sha256=picture.file_sha256,
        image_notes=(*picture.notes, *behind),
        seed_commitment=seed_commitment,
        dtype=dtype,
        device=_device_words(device),
        batch_size=batch_size,
        seconds={name: round(value, 4) for name, value in seconds.items()},
        versions=provenance.versions(),
        created=provenance.now(),
        findings=tuple(f"[{f.hazard}] {f.message}" for f in findings),
        **identity,  # type: ignore[arg-type]
    )


def _device_words(device: torch.device) -> str:
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return f"{device} ({platform.machine()}, {torch.get_num_threads()} threads of {os.cpu_count()})"
