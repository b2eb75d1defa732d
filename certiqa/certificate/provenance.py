"""Everything that made a certificate and is not needed to answer from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Provenance"]


@dataclass(frozen=True)
class Provenance:
    """Where the scores of a certificate come from.

    Attributes:
        image: name of the picture.
        image_sha256: of its decoded pixels.
        file_sha256: of the file's bytes, None if it was no file.
        image_notes: what decoding did, in words.
        model: name of the metric.
        model_sha256: of its class and parameters; None for a plain callable.
        denoiser: name of the denoiser, or None.
        denoiser_sha256: the same of the denoiser.
        seed_commitment: SHA-256 that binds the noise's seed (:func:`certiqa.smoothing.noise.seed_commitment`).
        dtype: arithmetic of the forward pass.
        device: where it ran, with the name of the hardware.
        batch_size: images per forward pass.
        seconds: wall time, in all and by part.
        versions: of the packages.
        created: UTC, ISO 8601.
        findings: what the audit reported, in words.
    """

    image: str
    image_sha256: str
    file_sha256: str | None
    image_notes: tuple[str, ...]
    model: str
    model_sha256: str | None
    denoiser: str | None
    denoiser_sha256: str | None
    seed_commitment: str
    dtype: str
    device: str
    batch_size: int
    seconds: Mapping[str, float]
    versions: Mapping[str, str]
    created: str
    findings: tuple[str, ...]
