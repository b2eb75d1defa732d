"""What fits a picture: its noise (exact lattice noise on the 8-bit grid, float noise off it), a metric's least size."""

from __future__ import annotations

import torch
from torch import Tensor

from certiqa._provenance import model_name
from certiqa.data.images import Picture
from certiqa.errors import ImageError
from certiqa.smoothing.noise import FloatNoise, LatticeNoise, Noise, noise_key

__all__ = ["check_size", "noise_for", "pixels_on"]


def check_size(picture: Picture, model: object) -> None:
    """The rule of metrics that name a ``min_size`` (pixels on each side).

    Raises:
        ImageError: the picture is smaller.
    """
    least = getattr(model, "min_size", 1)
    if isinstance(least, int) and min(picture.height, picture.width) < least:
        raise ImageError(
            f"{picture.name} is {picture.width}x{picture.height}; the model {model_name(model)!r} needs at least "
            f"{least} pixels on each side. Use a larger image or another metric."
        )


def noise_for(picture: Picture, sigma: float, seed: int) -> Noise:
    """The noise of this picture under this seed; its law depends on whether the picture is on the 8-bit grid."""
    key = noise_key(seed, picture.sha256())
    return LatticeNoise(sigma, key) if picture.on_grid else FloatNoise(sigma, key)


def pixels_on(picture: Picture, device: torch.device) -> Tensor:
    """The pixels as a (3,H,W) tensor of their own dtype."""
    return torch.from_numpy(picture.pixels.copy()).to(device)
