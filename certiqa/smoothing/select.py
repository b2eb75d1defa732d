"""Which noise fits a picture: exact lattice noise on the 8-bit grid, float noise off it."""

from __future__ import annotations

import torch
from torch import Tensor

from certiqa.data.images import Picture
from certiqa.smoothing.noise import FloatNoise, LatticeNoise, Noise, noise_key

__all__ = ["noise_for", "pixels_on"]


def noise_for(picture: Picture, sigma: float, seed: int) -> Noise:
    """The noise of this picture under this seed; its law depends on whether the picture is on the 8-bit grid."""
    key = noise_key(seed, picture.sha256())
    return LatticeNoise(sigma, key) if picture.on_grid else FloatNoise(sigma, key)


def pixels_on(picture: Picture, device: torch.device) -> Tensor:
    """The pixels as a (3,H,W) tensor of their own dtype."""
    return torch.from_numpy(picture.pixels.copy()).to(device)
