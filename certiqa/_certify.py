"""certify(): one gate, then glue."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any, TypedDict, Unpack, overload

import numpy.typing as npt
import torch
from PIL import Image

from certiqa import _checks as check
from certiqa.certificate import Certificate
from certiqa.certifiers import Certifier, LipschitzCertifier, MedianCertifier
from certiqa.data.images import read_images
from certiqa.errors import CertiqaError, InputError
from certiqa.frontends import FrontEnd
from certiqa.smoothing.base import Denoiser, ScoreFn
from certiqa.smoothing.sampler import Progress
from certiqa.statistics.statements import Side

__all__ = ["certify"]


class _Options(TypedDict, total=False):
    """The keyword arguments of certify(), for its two signatures."""

    n: int | None
    alpha: float
    side: Side
    denoiser: Denoiser | str | None
    output_range: tuple[float, float] | None
    batch_size: int | str
    device: torch.device | str | None
    dtype: str | torch.dtype
    seed: int | None
    progress: bool | Progress
    at: float | None
    resolution: int | tuple[int, int] | str | None
    front_end: FrontEnd | None
    kind: str


_OneImage = str | os.PathLike[str] | npt.NDArray[Any] | Image.Image


@overload
def certify(
    model: ScoreFn | str, image: _OneImage, sigma: float | None = None, **options: Unpack[_Options]
) -> Certificate: ...
@overload
def certify(
    model: ScoreFn | str, image: torch.Tensor, sigma: float | None = None, **options: Unpack[_Options]
) -> Any: ...
def certify(
    model: ScoreFn | str,
    image: object,
    sigma: float | None = None,
    *,
    n: int | None = None,
    alpha: float = 1e-3,
    side: Side = "both",
    denoiser: Denoiser | str | None = None,
    output_range: tuple[float, float] | None = None,
    batch_size: int | str = "auto",
    device: torch.device | str | None = None,
    dtype: str | torch.dtype = "auto",
    seed: int | None = None,
    progress: bool | Progress = False,
    at: float | None = None,
    resolution: int | tuple[int, int] | str | None = None,
    front_end: FrontEnd | None = None,
    kind: str = "median",
) -> Any:
    """Certify how far an attack can move a metric's smoothed score of an image.

    Draws n scores of the metric under Gaussian noise and returns them as a :class:`~certiqa.Certificate`, which
    answers bounds, tau, radius and curve for any eps and alpha afterwards. The guarantee is stated there;
    ``print(certificate)`` says it in words, with its assumptions.

    Args:
        model: (B,3,H,W) float RGB in [0,1] -> (B,), (B,1) or (B,1,1), in eval mode; or the name of a metric
            ("builtin"). Noisy images are clipped to [0, 1] before it, unless its attribute ``unclipped_noise`` is True.
        image: a path, PIL image, uint8 or float array (H,W,3), tensor (3,H,W), or tensor (B,3,H,W).
        sigma: standard deviation of the noise, for intensities in [0, 1]; 0.12 is usual. Behind a front end that gives
            numbers it is in their units. May be left out for a metric that declares the one it was made for
            (``certified_sigma``).
        n: number of scores; more of them prove larger eps and narrower intervals. Default: what the metric declares
            (``certified_n``), else 2000.
        alpha: failure probability of the certificate, over the noise.
        side: "both"; "upper" bounds only rises (attackers usually raise a score); "lower" only falls.
        denoiser: forward(x, sigma) -> x, put before the metric (DMS, DMS-IQA); or the name of one (docs/denoisers.md).
        output_range: (lowest, highest) score. Scores are clamped to it, so that it holds; needed only for metrics that
            do not enforce a range themselves, to bound what n scores cannot.
        batch_size: noisy images per forward pass; halved when memory runs out. It never changes which noise is drawn.
        device: default: where the model's parameters are; for a name or a plain callable, a GPU if there is one.
        dtype: "auto" (the model's own), "float32", "float64", or "bfloat16" / "float16" under autocast. The
            certificate is for the arithmetic that drew the scores.
        seed: None draws fresh noise (deploy so); a whole number in [0, 2**128) repeats it.
        progress: True for a progress bar, or a function called with (scores done, n).
        at: the ONE eps you will ask about, declared now: ``certificate.bounds(at=eps)`` is then tighter than the band.
        resolution: resize the image (antialiased, linear) BEFORE the noise; the metric sees noise and image at that
            size. An integer is the shorter side (the longer one keeps the aspect ratio, rounded to the nearest pixel);
            a pair is (height, width). Every eps still is an l2 length in the pixels of the ORIGINAL image, of which the
            resize passes on only a part: the smaller the working image, the larger the eps that is proved. None: what
            the metric declares (``certified_resolution``), else no resize. "native", or the image's own size: none.
        front_end: what stands between the clean image and the noise (:mod:`certiqa.frontends`); ``resolution=192`` is
            short for ``Resize(192)``. Behind one that gives numbers, ``model`` is the head that scores them, (B,m) ->
            (B,). None: what the metric declares (``front_end``), else none.
        kind: "median" (median smoothing), or "lipschitz": the worst case of the metric's head over the ball around the
            front end's numbers, for heads that bound themselves. It draws no noise, never fails, and takes neither
            sigma, n, seed nor at.

    Returns:
        A Certificate; for a tensor (B,3,H,W) a list of B. The statement of each fails with probability at most alpha:
        of B certificates about alpha*B; for all of them at once pass alpha/B.

    Raises:
        InputError: an argument breaks its rule (ImageError: the image; UnknownNameError: the model's name).
        ModelError: the model raised (ModelOutputError: wrong shape, device, NaN; AuditError: not fit to be smoothed).
            If images of a batch were already certified, ``error.completed`` holds their certificates.

    Source: docs/theory.md (sections 8 and 9: resolution, front ends); arXiv 2007.03730, 2411.12575.

    >>> import certiqa, torch
    >>> certificate = certiqa.certify(lambda x: x.mean((1, 2, 3)), torch.full((3, 8, 8), 0.5), 0.1, n=500, seed=1)
    >>> certificate.radius(tau=0.05) > 0.1
    True
    """
    certifier: Certifier
    if check.check_choice(kind, "kind", ("median", "lipschitz")) == "lipschitz":
        unused = {"sigma": sigma, "n": n, "denoiser": denoiser, "output_range": output_range, "seed": seed, "at": at}
        for name, value in (unused | {"resolution": resolution}).items():
            if value is not None:
                raise InputError.of(name, "must not be given for kind='lipschitz', which draws nothing", value)
        certifier = LipschitzCertifier.of(model, side=side, front_end=front_end)
    else:
        certifier = MedianCertifier.of(
            model,
            sigma,
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
            resolution=resolution,
            front_end=front_end,
        )
    check.check_progress(progress)
    pictures = read_images(image)
    for picture in pictures:
        certifier.check(picture)
    certificates: list[Certificate] = []
    try:
        for picture in pictures:
            with _reporting(progress, picture.name) as report:
                certificates.append(certifier.certify(picture, report))
    except CertiqaError as error:
        error.completed = certificates  # type: ignore[attr-defined]
        raise
    batched = isinstance(image, torch.Tensor) and image.ndim == 4
    return certificates if batched else certificates[0]


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
