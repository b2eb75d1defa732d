"""What happens to an image before the network: the published resize, and ImageNet's normalisation."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import interpolate

__all__ = ["IMAGENET_MEAN", "IMAGENET_STD", "PUBLISHED_SIZE", "resize_images"]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
"""Of R, G, B, for intensities in [0, 1]."""
IMAGENET_STD = (0.229, 0.224, 0.225)
"""Of R, G, B, for intensities in [0, 1]."""
PUBLISHED_SIZE = (498, 664)
"""(height, width) that the published checkpoints were trained and tested at: KonIQ-10k's 768 x 1024, shrunk."""


def resize_images(images: Tensor, size: tuple[int, int]) -> Tensor:
    """(B, C, H, W) -> (B, C, *size), aspect ratio not kept: bilinear, antialiased, corners not aligned; a linear map.

    The published code resizes 8-bit images with Pillow's bilinear filter, which widens its kernel when an image
    shrinks, as ``antialias=True`` does here. Pillow rounds to 8 bits after each of its two passes and this does not, so
    the two differ by at most half a grey level a pass, 1/255 in all, but for the rounding of floats, about a hundredth
    of that (tests/metrics/test_linearityiqa.py compares them). Computed in float32 at least.

    >>> resize_images(torch.ones(1, 3, 20, 30), (10, 40)).shape
    torch.Size([1, 3, 10, 40])
    """
    if tuple(images.shape[-2:]) == size:
        return images
    wide = images.to(torch.promote_types(images.dtype, torch.float32))
    return interpolate(wide, size=size, mode="bilinear", antialias=True, align_corners=False).to(images.dtype)
