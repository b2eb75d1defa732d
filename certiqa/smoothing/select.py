"""What fits a picture: its noise and its pixels, at its own size or at a working resolution; a metric's least size."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from certiqa._provenance import model_name
from certiqa.data.images import Picture
from certiqa.data.resize import working_size
from certiqa.errors import ImageError, InputError
from certiqa.smoothing.noise import FineNoise, FloatNoise, LatticeNoise, Noise, noise_key
from certiqa.smoothing.working import Working, fits, grid_pixels, working_digest

__all__ = ["View", "check_size", "noise_for", "pixels_on", "view_of"]


@dataclass(frozen=True, eq=False)
class View:
    """A picture as the noise meets it.

    Attributes:
        noise: draws x+G; its law fits ``pixels``.
        pixels: (3, h, w) on the device that scores, in the noise's own units.
        working: how it came from the original; None at the picture's own size.
    """

    noise: Noise
    pixels: Tensor
    working: Working | None


def view_of(
    picture: Picture, sigma: float, seed: int, resolution: int | tuple[int, int] | None, device: torch.device
) -> View:
    """The picture at the resolution (None, or its own size: as it is), with its noise under this seed."""
    original = picture.height, picture.width
    size = working_size(*original, resolution)
    if size == original:
        return View(noise_for(picture, sigma, seed), pixels_on(picture, device), None)
    noise = FineNoise(sigma, noise_key(seed, working_digest(picture, size, sigma)))
    pixels = torch.from_numpy(grid_pixels(picture, size, sigma)).to(device)
    return View(noise, pixels, Working.of(original, size, sigma))


def check_size(picture: Picture, model: object, resolution: int | tuple[int, int] | None = None) -> None:
    """The rule of metrics that name a ``min_size`` (pixels on each side), for the size that they will see.

    Raises:
        ImageError: the picture, or what it is resized to, is smaller.
        InputError: the picture cannot be resized to that much.
    """
    least = getattr(model, "min_size", 1)
    height, width = working_size(picture.height, picture.width, resolution)
    if not fits((picture.height, picture.width), (height, width)) and resolution is not None:
        rule = f"must be less for {picture.name}, {picture.width}x{picture.height}, which would become {width}x{height}"
        raise InputError.of("resolution", rule, resolution)
    if isinstance(least, int) and min(height, width) < least:
        resized = (height, width) != (picture.height, picture.width)
        remedy = "Use a larger resolution" if resized else "Use a larger image"
        raise ImageError(
            f"{picture.name} is {f'resized to {width}x{height}' if resized else f'{width}x{height}'}; the model "
            f"{model_name(model)!r} needs at least {least} pixels on each side. {remedy} or another metric."
        )


def noise_for(picture: Picture, sigma: float, seed: int) -> Noise:
    """The noise of this picture at its own size; its law depends on whether the picture is on the 8-bit grid."""
    key = noise_key(seed, picture.sha256())
    return LatticeNoise(sigma, key) if picture.on_grid else FloatNoise(sigma, key)


def pixels_on(picture: Picture, device: torch.device) -> Tensor:
    """The pixels as a (3,H,W) tensor of their own dtype."""
    return torch.from_numpy(picture.pixels.copy()).to(device)
