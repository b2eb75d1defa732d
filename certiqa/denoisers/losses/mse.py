"""The plain loss: a denoiser trained with it alone is that of DMS."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

__all__ = ["mse_loss"]


def mse_loss(denoised: Tensor, clean: Tensor) -> Tensor:
    """The mean squared difference of two batches of images (B, 3, H, W), before any clipping; a scalar >= 0.

    >>> import torch
    >>> mse_loss(torch.full((1, 3, 2, 2), 0.5), torch.zeros(1, 3, 2, 2))
    tensor(0.2500)
    """
    return functional.mse_loss(denoised.float(), clean.float())
