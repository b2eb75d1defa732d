"""SSIM between images, differentiable: the measure of results, and the distance of a budget."""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["ssim"]

_WINDOW, _SIGMA = 11, 1.5
_C1, _C2 = 0.01**2, 0.03**2


def ssim(images: Tensor, clean: Tensor) -> Tensor:
    """The structural similarity of each pair, (B,), in [-1, 1]; 1 for equal images. Symmetric; differentiable.

    Gaussian window 11x11 with standard deviation 1.5, biased variances, intensities in [0, 1], the mean over channels
    and over those places where the whole window lies inside the image. The number is that of
    ``skimage.metrics.structural_similarity(..., gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
    data_range=1)``. Sides below 11 pixels get the largest odd window that fits.

    Args:
        images: (B, C, H, W), float32 or float64.
        clean: of the same shape and dtype.

    Source: Wang, Bovik, Sheikh and Simoncelli 2004, "Image quality assessment: from error visibility to structural
    similarity", eq. 13.

    >>> grey = torch.full((1, 3, 16, 16), 0.5)
    >>> round(ssim(grey, grey).item(), 6), round(ssim(grey + 0.1, grey).item(), 4)
    (1.0, 0.9836)
    """
    channels = images.shape[1]
    # Moments about the middle grey lose less to rounding; only the means have to be moved back.
    x, y = images - 0.5, clean - 0.5
    maps = torch.cat((x, y, x * x, y * y, x * y), dim=1)
    blurred = _blur(maps)
    mean_x, mean_y, square_x, square_y, product = (blurred[:, i * channels : (i + 1) * channels] for i in range(5))
    variance_x, variance_y = square_x - mean_x.square(), square_y - mean_y.square()
    covariance = product - mean_x * mean_y
    mean_x, mean_y = mean_x + 0.5, mean_y + 0.5
    luminance = (2 * mean_x * mean_y + _C1) / (mean_x.square() + mean_y.square() + _C1)
    structure = (2 * covariance + _C2) / (variance_x + variance_y + _C2)
    similarity: Tensor = (luminance * structure).flatten(1).mean(1)
    return similarity


def _blur(maps: Tensor) -> Tensor:
    """The Gaussian window on every map, rows then columns, no padding.

    A sum of shifted maps: in float64, in which results are measured, a convolution of one channel is much slower.
    """
    return _along(_along(maps, 2), 3)


def _along(maps: Tensor, dim: int) -> Tensor:
    weights = _window(maps.shape[dim])
    middle, length = len(weights) // 2, maps.shape[dim] - len(weights) + 1
    blurred = weights[middle] * maps.narrow(dim, middle, length)
    for place, weight in enumerate(weights[:middle]):
        pair = maps.narrow(dim, place, length) + maps.narrow(dim, len(weights) - 1 - place, length)
        blurred = torch.add(blurred, pair, alpha=weight)
    return blurred


def _window(side: int) -> list[float]:
    length = min(_WINDOW, side if side % 2 else side - 1)
    weights = [math.exp(-((place - length // 2) ** 2) / (2 * _SIGMA**2)) for place in range(length)]
    return [weight / sum(weights) for weight in weights]
