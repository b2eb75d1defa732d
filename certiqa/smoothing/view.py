"""A picture as the noise meets it: behind its front end, on its grid, with the noise that fits it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from certiqa._facts import facts_of, model_name
from certiqa.data.images import Picture
from certiqa.errors import ImageError, InputError
from certiqa.frontends import FrontEnd, Resize, SizedFrontEnd
from certiqa.smoothing.noise import FineNoise, FloatNoise, LatticeNoise, Noise, VectorNoise, noise_key

__all__ = ["View", "check_size", "view_of"]


@dataclass(frozen=True, eq=False)
class View:
    """A picture as the noise meets it.

    Attributes:
        noise: draws x+G; its law fits ``values``.
        values: of the shape that the front end gives, on the device that scores, in the noise's own units.
        front_end: how it came from the picture.
    """

    noise: Noise
    values: Tensor
    front_end: SizedFrontEnd


def view_of(picture: Picture, front_end: FrontEnd, sigma: float, seed: int, device: torch.device) -> View:
    """The picture behind its front end, with its noise under this seed.

    Raises:
        InputError: sigma is not in the units of the front end.
        ModelOutputError: the front end returned something else than it says.
    """
    sized = SizedFrontEnd.of(front_end, picture.height, picture.width, sigma)
    values = torch.from_numpy(sized.apply(picture)).to(device)
    return View(_noise(picture, sized, sigma, seed), values, sized)


def _noise(picture: Picture, sized: SizedFrontEnd, sigma: float, seed: int) -> Noise:
    """Exact on the 8-bit grid and on a front end's own; in floats for pixels off the grid."""
    key = noise_key(seed, sized.key_text(picture, sigma))
    if not sized.gives_pictures:
        return VectorNoise(sigma, key)
    if not sized.is_identity:
        return FineNoise(sigma, key)
    return LatticeNoise(sigma, key) if picture.on_grid else FloatNoise(sigma, key)


def check_size(picture: Picture, model: object, front_end: FrontEnd) -> None:
    """The rule of metrics that name a ``min_size`` (pixels on each side), for the picture that they will see.

    Raises:
        ImageError: the picture, or what it is resized to, is smaller than the metric or the front end takes.
        InputError: the picture cannot be resized to that much.
    """
    height, width = picture.height, picture.width
    if min(height, width) < front_end.smallest:
        raise ImageError(
            f"{picture.name} is {width}x{height}; the front end {front_end.name!r} needs at least "
            f"{front_end.smallest} pixels on each side. Use a larger image."
        )
    shape = front_end.output_shape(height, width)
    if isinstance(front_end, Resize) and not front_end.fits(height, width):
        rule = f"must be less for {picture.name}, {width}x{height}, which would become {shape[2]}x{shape[1]}"
        raise InputError.of("resolution", rule, front_end.resolution)
    least = facts_of(model).min_size
    if len(shape) == 3 and min(shape[1:]) < least:
        size = f"{shape[2]}x{shape[1]}"
        resized = shape[1:] != (height, width)
        remedy = "Use a larger resolution" if resized else "Use a larger image"
        raise ImageError(
            f"{picture.name} is {f'resized to {size}' if resized else size}; the model "
            f"{model_name(model)!r} needs at least {least} pixels on each side. {remedy} or another metric."
        )
