"""MedianSmoothing and DenoisedMedianSmoothing: the smoothed metric as a module: deploy, attack, train through it."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn

from certiqa import _checks as check
from certiqa._facts import facts_of
from certiqa.data.images import read_images
from certiqa.errors import AuditError, ImageError, InputError, ModelOutputError
from certiqa.frontends import FrontEnd, Identity
from certiqa.smoothing.base import BaseScore, Denoiser, ScoreFn, resolve_dtype
from certiqa.smoothing.declared import front_end_for, scorer_behind, sigma_for
from certiqa.smoothing.noise import fresh_seed
from certiqa.smoothing.sampler import automatic_batch_size, sample_scores
from certiqa.smoothing.view import View, check_size, view_of
from certiqa.statistics.statements import median_rank

__all__ = ["DenoisedMedianSmoothing", "MedianSmoothing"]


class _Smoothing(nn.Module):
    """What the two wrappers share: arguments, sampling, the median."""

    def __init__(
        self,
        model: ScoreFn,
        denoiser: Denoiser | None,
        sigma: float | None,
        n: int,
        batch_size: int | str,
        output_range: tuple[float, float] | None,
        dtype: str | torch.dtype,
        seed: int | None,
        resolution: int | tuple[int, int] | str | None,
        front_end: FrontEnd | None,
    ) -> None:
        super().__init__()
        if not callable(model):
            raise InputError.of("model", "must be callable: (B,3,H,W) images in [0, 1] -> (B,) scores", model)
        self.model = model
        self.denoiser = denoiser
        self.sigma = sigma_for(model, sigma)
        self.n = check.check_count(n, "n")
        self.batch_size = check.check_batch_size(batch_size)
        declared = check.check_output_range(output_range)
        self.output_range = declared if declared is not None else facts_of(model).enforced_range
        self.dtype = dtype
        resolve_dtype(model, dtype)
        self.seed = check.check_seed(seed)
        self.front_end = front_end_for(model, front_end, resolution)
        scorer_behind(model, self.front_end, denoiser)

    def extra_repr(self) -> str:
        front_end = "" if isinstance(self.front_end, Identity) else f", front_end={self.front_end}"
        return f"sigma={self.sigma}, n={self.n}{front_end}"

    def scores(self, images: Tensor) -> Tensor:
        """The n scores of each image under noise, (B, n): the sample whose median :meth:`forward` returns.

        Differentiable where gradients are enabled and asked for: with respect to images that require them, and, while
        this module is in train mode, to parameters. The graph of all n passes is then kept: choose n small in training.
        The gradient goes through the front end, and past its rounding to the grid.

        Args:
            images: (B,3,H,W) in [0, 1] or uint8.

        Raises:
            ImageError: wrong shape, dtype or range.
            ModelError: the model failed; ModelOutputError: a score is not finite; AuditError: this module is in eval
                mode and a part of it is in train mode.
        """
        if not isinstance(images, Tensor):
            raise ImageError(f"The images must be a tensor (B,3,H,W). Got {type(images).__name__} instead.")
        pictures = read_images(images)
        for picture in pictures:
            check_size(picture, self.model, self.front_end)
        self._check_modes()
        if images.ndim == 3:
            images = images[None]
        seed = fresh_seed() if self.seed is None else self.seed
        keep_graph = torch.is_grad_enabled() and (
            images.requires_grad or (self.training and any(p.requires_grad for p in self.parameters()))
        )
        one = self._with_graph if keep_graph else self._without_graph
        views = (view_of(p, self.front_end, self.sigma, seed, images.device) for p in pictures)
        rows = [one(view, x) for view, x in zip(views, images, strict=True)]
        scores = torch.stack(rows)
        if not torch.isfinite(scores.detach()).all():
            raise ModelOutputError("The model must return finite scores. Got NaN or infinite scores under noise.")
        return scores

    def forward(self, images: Tensor) -> Tensor:
        """The smoothed score of each image, (B,): the ceil(n/2)-th smallest of its n scores under noise.

        With ``seed=None`` (the default, and the right choice in deployment) every call draws fresh noise; with a seed,
        the score is a fixed function of the image, which can be attacked as such.
        """
        return self.scores(images).kthvalue(median_rank(self.n), dim=1).values

    def _base(self, view: View) -> BaseScore:
        scorer = scorer_behind(self.model, self.front_end, self.denoiser)
        dtype = resolve_dtype(self.model, self.dtype)
        return BaseScore(scorer, self.denoiser, self.sigma, self.output_range, dtype, view.front_end.gives_pictures)

    def _check_modes(self) -> None:
        """Whoever called eval() wants a score, and scores of one batch must not hang together."""
        parts = () if self.training else tuple(name for name, part in self.named_modules() if part.training)
        if parts:
            message = f"The smoothed metric is in eval mode, but {parts[0]} is in train mode. Call eval() on the whole."
            raise AuditError(message, ("train-mode",))

    def _batch(self, view: View) -> int:
        if isinstance(self.batch_size, int):
            return self.batch_size
        return automatic_batch_size(view.values.shape, view.values.device)

    def _without_graph(self, view: View, image: Tensor) -> Tensor:
        sample = sample_scores(self._base(view), view.noise, view.values, self.n, batch_size=self._batch(view))
        return torch.tensor(sample.scores, dtype=torch.float32, device=image.device)

    def _with_graph(self, view: View, image: Tensor) -> Tensor:
        base = self._base(view)
        clean = image.float() / 255 if image.dtype == torch.uint8 else image.float()
        clean = view.front_end.front_end.of_tensor(clean[None])[0]
        parts = []
        for start in range(0, self.n, batch := self._batch(view)):
            drawn = view.noise.noisy(view.values, start, min(batch, self.n - start), clip=False)
            noisy = drawn + (clean - clean.detach())  # the value is the noisy one, the gradient that of x
            parts.append(base(noisy.clamp(0.0, 1.0) if base.clips_noise else noisy))
        return torch.cat(parts).float()


@final
class MedianSmoothing(_Smoothing):
    """MS: the median of a metric under Gaussian noise.

    Guarantee: the true median moves under an attack of l2 length eps at most between the Phi(-eps/sigma) and the
    Phi(eps/sigma) percentile of the metric's scores at the clean image; :func:`certiqa.certify` makes numbers of that.

    Args:
        model: (B,3,H,W) RGB in [0,1] -> (B,), (B,1) or (B,1,1); a submodule if it is an nn.Module.
        sigma: standard deviation of the noise, for intensities in [0, 1], or in the units of the front end; None: what
            the metric declares (``certified_sigma``).
        n: scores per image.
        batch_size: noisy images per forward pass, or "auto".
        output_range: clamp scores to (lowest, highest); default: the range that the model itself enforces, if any.
        dtype: "auto", "float32", "float64", or "bfloat16" / "float16" under autocast.
        seed: None for fresh noise at every call, or a whole number: noise keyed by seed and image.
        resolution: resize images before the noise: the shorter side, (height, width), "native" or None, as for
            :func:`certiqa.certify`. The guarantee speaks of eps in the original's pixels.
        front_end: instead, any front end before the noise (:mod:`certiqa.frontends`); default: the metric's own.

    Source: Chiang et al. 2020 (arXiv 2007.03730).

    >>> import torch
    >>> smooth = MedianSmoothing(lambda x: x.mean((1, 2, 3)), sigma=0.1, n=100, seed=0)
    >>> smooth(torch.full((2, 3, 16, 16), 0.5)).shape
    torch.Size([2])
    """

    def __init__(
        self,
        model: ScoreFn,
        sigma: float | None = None,
        *,
        n: int = 2000,
        batch_size: int | str = "auto",
        output_range: tuple[float, float] | None = None,
        dtype: str | torch.dtype = "auto",
        seed: int | None = None,
        resolution: int | tuple[int, int] | str | None = None,
        front_end: FrontEnd | None = None,
    ) -> None:
        super().__init__(model, None, sigma, n, batch_size, output_range, dtype, seed, resolution, front_end)


@final
class DenoisedMedianSmoothing(_Smoothing):
    """DMS: the median of a metric behind a denoiser under Gaussian noise; DMS-IQA if the denoiser was trained to rank.

    The guarantee is that of :class:`MedianSmoothing` for the metric o denoiser: the theorem holds for any denoiser,
    because it sees only the noisy image. The denoiser gets the noisy image unclipped; its output is clipped to [0, 1].

    Args:
        model: as for :class:`MedianSmoothing`.
        denoiser: forward(x, sigma) -> image of the same shape; a submodule if it is an nn.Module.
        sigma: standard deviation of the noise, which the denoiser is told.
        n: scores per image.
        batch_size: noisy images per forward pass, or "auto".
        output_range: as for :class:`MedianSmoothing`.
        dtype: as for :class:`MedianSmoothing`.
        seed: as for :class:`MedianSmoothing`.
        resolution: as for :class:`MedianSmoothing`.
        front_end: as for :class:`MedianSmoothing`, one that gives pictures.

    Source: Shumitskaya et al. (arXiv 2411.12575); Salman et al. 2020 (arXiv 2003.01908) for denoised smoothing.

    >>> import torch
    >>> blur = lambda x, sigma: torch.nn.functional.avg_pool2d(x, 3, stride=1, padding=1)
    >>> smooth = DenoisedMedianSmoothing(lambda x: x.mean((1, 2, 3)), blur, sigma=0.1, n=100, seed=0)
    >>> smooth(torch.full((2, 3, 16, 16), 0.5)).shape
    torch.Size([2])
    """

    def __init__(
        self,
        model: ScoreFn,
        denoiser: Denoiser,
        sigma: float | None = None,
        *,
        n: int = 2000,
        batch_size: int | str = "auto",
        output_range: tuple[float, float] | None = None,
        dtype: str | torch.dtype = "auto",
        seed: int | None = None,
        resolution: int | tuple[int, int] | str | None = None,
        front_end: FrontEnd | None = None,
    ) -> None:
        if not callable(denoiser):
            raise InputError.of("denoiser", "must be callable: (images, sigma) -> images", denoiser)
        super().__init__(model, denoiser, sigma, n, batch_size, output_range, dtype, seed, resolution, front_end)
