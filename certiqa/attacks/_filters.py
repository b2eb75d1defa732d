"""Spatial activity, bands of frequency and cosine patterns."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["activity", "band_pass", "cosine"]

_LUMA = (0.299, 0.587, 0.114)


def activity(images: Tensor, spread: int) -> Tensor:
    """Where there is texture: (B,3,H,W) -> (B,1,H,W) in [0, 1], exactly 0 in flat places.

    The Sobel gradient of the luma, averaged over ``spread`` x ``spread`` pixels (odd), divided by its largest value.
    """
    luma = (images * images.new_tensor(_LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)
    padded = functional.pad(luma, (1, 1, 1, 1), mode="replicate")
    # Differences first: in a flat place they are exactly 0, whatever the rounding of the sums.
    across = padded[..., 2:] - padded[..., :-2]
    down = padded[..., 2:, :] - padded[..., :-2, :]
    sobel_x = across[..., :-2, :] + 2 * across[..., 1:-1, :] + across[..., 2:, :]
    sobel_y = down[..., :-2] + 2 * down[..., 1:-1] + down[..., 2:]
    energy = (sobel_x.square() + sobel_y.square()).sqrt()
    energy = functional.avg_pool2d(energy, spread, stride=1, padding=spread // 2, count_include_pad=False)
    largest = energy.amax((1, 2, 3), keepdim=True)
    return torch.where(largest > 0, energy / largest.clamp_min(1e-12), torch.zeros_like(energy))


def band_pass(images: Tensor, low: float, high: float) -> Tensor:
    """The part of each channel whose frequencies lie in [low, high], of the same shape.

    A frequency is max(|f_y|, |f_x|) as a fraction of the Nyquist frequency, in [0, 1]; the image is continued
    periodically.
    """
    height, width = images.shape[2:]
    rows = torch.fft.fftfreq(height, device=images.device).abs()[:, None]
    columns = torch.fft.rfftfreq(width, device=images.device).abs()[None]
    frequency = 2 * torch.maximum(rows, columns)
    kept = ((frequency >= low - 1e-6) & (frequency <= high + 1e-6)).to(images.dtype)
    filtered: Tensor = torch.fft.irfft2(torch.fft.rfft2(images) * kept, s=(height, width))
    return filtered


def cosine(height: int, width: int, row: int, column: int) -> Tensor:
    """The DCT-II basis image (row, column), (H,W), of l2 length 1."""

    def wave(side: int, index: int) -> Tensor:
        values = torch.cos(math.pi * (torch.arange(side) + 0.5) * index / side)
        return values * math.sqrt((2 if index else 1) / side)

    return wave(height, row)[:, None] * wave(width, column)[None]
