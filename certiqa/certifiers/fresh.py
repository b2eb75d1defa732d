"""Fresh scores at an attacked image, drawn as the certificate drew its own, by noise that the attack never saw."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from certiqa._checks import check_batch_size, check_count, check_seed
from certiqa.certificate import MedianCertificate
from certiqa.data.images import Picture, read_image
from certiqa.errors import ImageError
from certiqa.smoothing.base import DTYPES, BaseScore, resolve_device
from certiqa.smoothing.declared import scorer_behind
from certiqa.smoothing.noise import fresh_seed
from certiqa.smoothing.sampler import automatic_batch_size, sample_scores
from certiqa.smoothing.view import check_size, view_of

__all__ = ["USUAL_FRESH", "fresh_scores"]

USUAL_FRESH = 10_000
"""Scores that judge an attack: enough to see a median that left its interval by a hundredth of their spread."""


def fresh_scores(
    certificate: MedianCertificate,
    metric: Any,
    image: object,
    n: int = USUAL_FRESH,
    *,
    denoiser: Any = None,
    batch_size: int | str = "auto",
    device: torch.device | str | None = None,
    seed: int | None = None,
) -> npt.NDArray[np.float64]:
    """Scores of the certified metric under noise at another image.

    Args:
        certificate: says sigma, front end, enforced range and arithmetic.
        metric: the metric that was certified.
        image: what :func:`certiqa.certify` reads, of the size of the certified image.
        n: number of scores.
        denoiser: the denoiser that was certified with it, if any.
        batch_size: noisy images per forward pass, or "auto".
        device: default: where the metric's parameters are.
        seed: None (fresh noise), or a whole number, which must not be one that the attack or the certificate used.

    Returns:
        (n,) float64; NaN marks a failed forward.

    Raises:
        ImageError: no such image, or another size than the certified one.
        InputError: an argument breaks its rule.
        ModelError: the metric failed.

    >>> import certiqa
    >>> metric, image = lambda x: x.mean((1, 2, 3)), torch.full((3, 8, 8), 0.5)
    >>> certificate = certiqa.certify(metric, image, 0.1, n=50, seed=1)
    >>> fresh_scores(certificate, metric, image, 20, seed=2).shape
    (20,)
    """
    picture = image if isinstance(image, Picture) else read_image(image)
    if picture.shape != certificate.shape:
        size = "{2}x{1}".format(*certificate.shape)
        raise ImageError(f"{picture.name} is {picture.width}x{picture.height}; the certificate is of a {size} image.")
    check_count(n, "n")
    check_batch_size(batch_size)
    key = check_seed(seed)
    sized = certificate.front_end
    check_size(picture, metric, sized.front_end)
    where = resolve_device(metric, device)
    view = view_of(picture, sized.front_end, certificate.sigma, fresh_seed() if key is None else key, where)
    dtype = DTYPES[certificate.provenance.dtype]
    scorer = scorer_behind(metric, sized.front_end, denoiser)
    base = BaseScore(scorer, denoiser, certificate.sigma, certificate.output_range, dtype, sized.gives_pictures)
    if not isinstance(batch_size, int):
        batch_size = automatic_batch_size(view.values.shape, where)
    return sample_scores(base, view.noise, view.values, n, batch_size=batch_size).scores
