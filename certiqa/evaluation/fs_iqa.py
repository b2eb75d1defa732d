"""FS-IQA's interval, as published: noise on features, eps carried over by the Jacobian at the image. Not a certificate.

FS-IQA (Shumitskaya, Vatolin, Antsiferova 2025) adds Gaussian noise to the features phi(x) of a backbone, takes the
median of the head's scores, and states the percentile interval of radius s eps in feature space, s the largest singular
value of the Jacobian of phi at x. That would be a proof if ||phi(x+d) - phi(x)|| <= s ||d|| for all d up to eps. It
holds at first order only: away from x the Jacobian may be larger. Moreover power iteration approaches s from below. An
attack that leaves the interval is in tests/evaluation/test_fs_iqa.py. It is here to be compared with, under its own
name.

What is a proof: a front end with a Lipschitz constant over all images (certiqa.frontends, docs/theory.md).

Source: arXiv 2508.05516.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from certiqa import _checks as check
from certiqa.errors import InputError, ModelOutputError
from certiqa.statistics.percentile import psnr_db, shifted_level
from certiqa.statistics.ranks import lower_rank

__all__ = ["ClaimedInterval", "fs_iqa", "largest_singular_value"]

Map = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class ClaimedInterval:
    """What FS-IQA claims about one image. Not a certificate: attacks may leave it.

    Attributes:
        score: the median of the scores under noise on the features.
        lower: claimed lower end; -inf where n is too small for the radius.
        upper: claimed upper end; inf likewise.
        eps: l2 radius in pixels, intensities in [0, 1].
        singular_value: s, the Jacobian's largest singular value at the image, as power iteration found it.
        sigma: of the noise on the features.
        n: scores drawn.
        alpha: failure probability of the order statistics, two-sided; says nothing about the step from pixels to
            features, which is not proved at all.
        dimension: 3HW.
    """

    is_certificate: ClassVar[bool] = False
    score: float
    lower: float
    upper: float
    eps: float
    singular_value: float
    sigma: float
    n: int
    alpha: float
    dimension: int

    @property
    def radius(self) -> float:
        """s eps / sigma, the radius in feature space in units of the noise."""
        return self.singular_value * self.eps / self.sigma

    def __str__(self) -> str:
        decibel = f"{psnr_db(self.eps, self.dimension):.1f} dB" if self.eps else "no attack"
        return (
            f"FS-IQA, not a certificate: score {self.score:.4g}, claimed interval [{self.lower:.4g}, {self.upper:.4g}] "
            f"for l2 eps {self.eps:.4g} ({decibel}); the Jacobian at the image, largest singular value "
            f"{self.singular_value:.4g}, does not bound the features on the ball."
        )


def largest_singular_value(features: Map, image: Tensor, *, iterations: int = 50, seed: int = 0) -> float:
    """The largest singular value of the Jacobian of ``features`` at one image, by power iteration: from below.

    Args:
        features: (1, ...) -> (1, m), differentiable.
        image: (1, 3, H, W).
        iterations: products with the Jacobian and its transpose.
        seed: of the first direction.

    >>> double = lambda x: 2 * x.flatten(1)
    >>> round(largest_singular_value(double, torch.zeros(1, 3, 4, 4)), 5)
    2.0
    """
    from torch.func import jvp, vjp

    generator = torch.Generator().manual_seed(seed)
    image = image.detach().contiguous()  # an expanded tensor shares its memory, which jvp refuses
    direction = torch.randn(image.shape, generator=generator).to(image)
    back = vjp(features, image)[1]
    value = 0.0
    for _ in range(iterations):
        length = direction.norm()
        if not float(length) > 0:
            return value
        with warnings.catch_warnings():  # torch's own first use of forward mode compiles with torch.jit.script
            warnings.simplefilter("ignore", DeprecationWarning)
            forward = jvp(features, (image,), (direction / length,))[1]
        value = max(value, float(forward.norm()))
        (direction,) = back(forward)
    return value


def fs_iqa(
    features: Map,
    head: Map,
    image: Tensor,
    sigma: float,
    eps: float,
    *,
    n: int = 2000,
    alpha: float = 1e-3,
    seed: int = 0,
    iterations: int = 50,
) -> ClaimedInterval:
    """The interval that FS-IQA claims for one image.

    Args:
        features: the backbone phi, (1, 3, H, W) -> (1, m), differentiable: a front end's ``of_tensor``, or an nn.Module
            in eval mode.
        head: (B, m) -> (B,) scores.
        image: (3, H, W), floating point, RGB in [0, 1].
        sigma: standard deviation of the noise on the features, > 0, in their units.
        eps: l2 radius in pixels, >= 0.
        n: number of scores.
        alpha: failure probability of the order statistics.
        seed: of the noise, and of the power iteration.
        iterations: of the power iteration.

    Raises:
        InputError: an argument breaks its rule; ModelOutputError: the features or scores are of the wrong shape.

    >>> claimed = fs_iqa(lambda x: x.mean((2, 3)), lambda z: 100 * z.mean(1), torch.full((3, 8, 8), 0.5), 0.01, 0.02)
    >>> claimed.lower < claimed.score < claimed.upper, claimed.is_certificate
    (True, False)
    """
    check_eps, check_alpha = check.check_eps(eps), check.check_alpha(alpha)
    check.check_count(n, "n")
    check.check_count(iterations, "iterations")
    if check.real(sigma) is None or sigma <= 0:
        raise InputError.of("sigma", "must be a finite number > 0, in the units of the features", sigma)
    if not isinstance(image, Tensor) or image.ndim != 3 or not image.is_floating_point():
        raise InputError.of("image", "must be a floating-point tensor (3, H, W)", image)
    singular = largest_singular_value(features, image[None], iterations=iterations, seed=seed)
    scores = noisy_scores(features, head, image, sigma, n, seed)
    rank = lower_rank(n, shifted_level(singular * check_eps / sigma), check_alpha / 2)
    return ClaimedInterval(
        score=float(scores.quantile(0.5)),
        lower=float(scores[rank - 1]) if rank else -math.inf,
        upper=float(scores[n - rank]) if rank else math.inf,
        eps=check_eps,
        singular_value=singular,
        sigma=float(sigma),
        n=n,
        alpha=check_alpha,
        dimension=image.numel(),
    )


def noisy_scores(features: Map, head: Map, image: Tensor, sigma: float, n: int, seed: int) -> Tensor:
    """(n,) float64 scores of the head under noise on the features of one image, ascending."""
    with torch.no_grad():
        clean = features(image[None])
        if clean.ndim != 2 or len(clean) != 1:
            raise ModelOutputError(f"The features must be of shape (1, m). Got {tuple(clean.shape)} instead.")
        generator = torch.Generator().manual_seed(seed)
        scores = []
        for begin in range(0, n, 1000):
            noise = torch.randn(min(1000, n - begin), clean.shape[1], generator=generator).to(clean)
            scores.append(head(clean + sigma * noise))
        found = torch.cat(scores).double()
    if found.shape != (n,):
        raise ModelOutputError(f"The head must give one score for each row. Got {tuple(found.shape)} instead.")
    return found.sort().values
