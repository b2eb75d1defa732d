"""The built-in metric fine-tuned under Gaussian noise: the rival of denoising, for median smoothing without a denoiser.

>>> import torch
>>> from certiqa.metrics import load
>>> load("builtin-noise", "cpu")(torch.rand(2, 3, 64, 96)).shape
torch.Size([2])
"""

from __future__ import annotations

from functools import partial

from certiqa.metrics.builtin_variant import load_variant, variant_card

__all__ = ["CARD", "load"]

CARD = variant_card(
    "builtin-noise",
    "the built-in network fine-tuned under noise of sigma 0.05 to 0.5, for smoothing without a denoiser",
    "smoothing",
    "5dc87a1e516efd5dfb6733d5461314ee520490107d6fb2fde90a458add8b0427",
    certified_sigma=0.12,
)

load = partial(load_variant, CARD)
