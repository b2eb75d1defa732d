"""Synthetic distortions of known type and strength: 25 types at 5 levels, after the list of KADID-10k.

They are for pretraining and for tests of direction: within one type a higher level is worse to look at. The types are
KADID-10k's (Lin, Hosu, Saupe, QoMEX 2019); the strengths are our own, chosen by eye on photographs, so no score from
that data set belongs to them. Filters and colour spaces are kornia's, the codecs Pillow's.

>>> image = torch.full((3, 32, 48), 0.5)
>>> worse = distort(image, "white-noise", 3, seed=7)
>>> worse.shape, bool((worse == distort(image, "white-noise", 3, seed=7)).all())
(torch.Size([3, 32, 48]), True)
"""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from certiqa.errors import InputError, UnknownNameError

__all__ = ["LEVELS", "TYPES", "distort"]

LEVELS = 5
"""Levels are 1 (just visible) to 5 (very annoying)."""

_Rng = np.random.Generator
_Function = Callable[[Tensor, float, _Rng], Tensor]


def distort(image: Tensor, kind: str, level: int, seed: int) -> Tensor:
    """One image, distorted: the same seed gives the same picture.

    Args:
        image: (3,H,W) floating-point RGB in [0,1], at least 16 x 16, on the CPU.
        kind: one of :data:`TYPES`.
        level: 1 to 5.
        seed: for the types with a random part; the others do not look at it. The global random states are not touched.

    Returns:
        (3,H,W) float32 in [0,1], on no particular grid.

    Raises:
        UnknownNameError: no such type.
        InputError: a level outside 1..5, or an image of another shape, dtype, device or size.
    """
    if kind not in TYPES:
        raise UnknownNameError.among("distortion", kind, TYPES)
    if not isinstance(level, int) or not 1 <= level <= LEVELS:
        raise InputError.of("level", f"must be an integer from 1 to {LEVELS}", level)
    if image.ndim != 3 or len(image) != 3 or min(image.shape[1:]) < 16:
        rule = "must have shape (3, H, W) with H and W at least 16"
        raise InputError.of("image", rule, tuple(image.shape), "Pass one RGB image, channels first.")
    if not image.is_floating_point() or image.device.type != "cpu":
        rule = "must be floating-point, in [0, 1], on the CPU"
        raise InputError.of("image", rule, f"{image.dtype} on {image.device}", "Pass image.float().div(255).cpu().")
    function, strengths = _TABLE[kind]
    return function(image.detach().float(), strengths[level - 1], np.random.default_rng(seed)).clamp(0, 1)


# ------------------------------------------------------------------------------------------------------------- helpers
def _normal(rng: _Rng, *shape: int) -> Tensor:
    return torch.from_numpy(rng.standard_normal(shape, dtype=np.float32))


def _gaussian(image: Tensor, sigma: float) -> Tensor:
    from kornia.filters import gaussian_blur2d

    size = min(2 * int(np.ceil(3 * sigma)) + 1, min(image.shape[1:]) // 2 * 2 - 1)
    out: Tensor = gaussian_blur2d(image[None], (size, size), (sigma, sigma))[0]
    return out


def _convolve(image: Tensor, kernel: Tensor) -> Tensor:
    from kornia.filters import filter2d

    out: Tensor = filter2d(image[None], (kernel / kernel.sum())[None])[0]
    return out


def _in_lab(image: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
    from kornia.color import lab_to_rgb, rgb_to_lab

    out: Tensor = lab_to_rgb(change(rgb_to_lab(image[None])))[0]
    return out


def _grid(height: int, width: int) -> tuple[Tensor, Tensor]:
    rows, columns = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
    return rows, columns


def _as_pil(image: Tensor) -> Image.Image:
    return Image.fromarray(image.mul(255).round().byte().permute(1, 2, 0).contiguous().numpy())


def _from_pil(image: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1).float() / 255


def _through_codec(image: Tensor, **options: object) -> Tensor:
    buffer = io.BytesIO()
    _as_pil(image).save(buffer, **options)  # type: ignore[arg-type]
    with Image.open(buffer) as decoded:
        return _from_pil(decoded)


# --------------------------------------------------------------------------------------------------------------- blurs
def _gaussian_blur(image: Tensor, sigma: float, rng: _Rng) -> Tensor:
    return _gaussian(image, sigma)


def _lens_blur(image: Tensor, radius: float, rng: _Rng) -> Tensor:
    reach = int(np.ceil(radius))
    steps = torch.arange(-reach, reach + 1).float()
    return _convolve(image, (steps[:, None].square() + steps.square() <= radius**2).float())


def _motion_blur(image: Tensor, length: float, rng: _Rng) -> Tensor:
    reach, angle = int(length) // 2, rng.uniform(0, np.pi)
    kernel = torch.zeros(2 * reach + 1, 2 * reach + 1)
    for along in np.linspace(-reach, reach, 8 * reach + 1):
        kernel[reach + round(along * np.sin(angle)), reach + round(along * np.cos(angle))] = 1
    return _convolve(image, kernel)


# -------------------------------------------------------------------------------------------------------------- colour
def _colour_diffusion(image: Tensor, sigma: float, rng: _Rng) -> Tensor:
    return _in_lab(image, lambda lab: torch.cat((lab[:, :1], _gaussian(lab[0, 1:], sigma)[None]), dim=1))


def _colour_shift(image: Tensor, pixels: float, rng: _Rng) -> Tensor:
    """The green plane slides sideways where there is detail."""
    angle = rng.uniform(0, 2 * np.pi)
    shift = round(pixels * np.sin(angle)), round(pixels * np.cos(angle))
    moved = image.clone()
    moved[1] = torch.roll(image[1], shift, dims=(0, 1))
    detail = _gaussian((image - _gaussian(image, 2.0)).abs().mean(0, keepdim=True).mul(8).clamp(0, 1), 2.0)
    return image + detail * (moved - image)


def _colour_quantisation(image: Tensor, colours: float, rng: _Rng) -> Tensor:
    return _from_pil(_as_pil(image).quantize(int(colours), dither=Image.Dither.NONE))


def _saturation_hsv(image: Tensor, factor: float, rng: _Rng) -> Tensor:
    from kornia.color import hsv_to_rgb, rgb_to_hsv

    hsv = rgb_to_hsv(image[None])
    out: Tensor = hsv_to_rgb(torch.cat((hsv[:, :1], hsv[:, 1:2] * factor, hsv[:, 2:]), dim=1))[0]
    return out


def _saturation_lab(image: Tensor, factor: float, rng: _Rng) -> Tensor:
    return _in_lab(image, lambda lab: torch.cat((lab[:, :1], lab[:, 1:] * factor), dim=1))


# -------------------------------------------------------------------------------------------------------------- codecs
def _jpeg2000(image: Tensor, rate: float, rng: _Rng) -> Tensor:
    return _through_codec(image, format="JPEG2000", irreversible=True, quality_mode="rates", quality_layers=[rate])


def _jpeg(image: Tensor, quality: float, rng: _Rng) -> Tensor:
    return _through_codec(image, format="JPEG", quality=int(quality))


# --------------------------------------------------------------------------------------------------------------- noise
def _white_noise(image: Tensor, sigma: float, rng: _Rng) -> Tensor:
    return image + sigma * _normal(rng, *image.shape)


def _chroma_noise(image: Tensor, sigma: float, rng: _Rng) -> Tensor:
    from kornia.color import rgb_to_ycbcr, ycbcr_to_rgb

    weights = torch.tensor([0.3, 1.0, 1.0])[:, None, None]
    out: Tensor = ycbcr_to_rgb((rgb_to_ycbcr(image) + sigma * weights * _normal(rng, *image.shape))[None])[0]
    return out


def _impulse_noise(image: Tensor, share: float, rng: _Rng) -> Tensor:
    drawn = torch.from_numpy(rng.random(tuple(image.shape), dtype=np.float32))
    return torch.where(drawn < share / 2, 0.0, torch.where(drawn > 1 - share / 2, 1.0, image))


def _multiplicative_noise(image: Tensor, sigma: float, rng: _Rng) -> Tensor:
    return image * (1 + sigma * _normal(rng, *image.shape))


def _denoise(image: Tensor, sigma: float, rng: _Rng) -> Tensor:
    from kornia.filters import median_blur

    noisy = (image + sigma * _normal(rng, *image.shape)).clamp(0, 1)
    out: Tensor = median_blur(noisy[None], 5 if sigma > 0.08 else 3)[0]
    return _gaussian(out, 0.6 + 4 * sigma)


# ---------------------------------------------------------------------------------------------------------- brightness
def _brighten(image: Tensor, gamma: float, rng: _Rng) -> Tensor:
    return image.clamp(0, 1).pow(1 / gamma)


def _darken(image: Tensor, gamma: float, rng: _Rng) -> Tensor:
    return image.clamp(0, 1).pow(gamma)


def _mean_shift(image: Tensor, shift: float, rng: _Rng) -> Tensor:
    return image + (shift if rng.random() < 0.5 else -shift)


# ------------------------------------------------------------------------------------------------------------- spatial
def _jitter(image: Tensor, pixels: float, rng: _Rng) -> Tensor:
    """Every pixel is fetched from a random place nearby."""
    height, width = image.shape[1:]
    rows, columns = _grid(height, width)
    offsets = torch.from_numpy(rng.uniform(-pixels, pixels, (2, height, width)).astype(np.float32))
    where = torch.stack((columns + 2 * offsets[0] / width, rows + 2 * offsets[1] / height), dim=-1)
    return functional.grid_sample(image[None], where[None], padding_mode="reflection", align_corners=True)[0]


def _non_eccentricity_patch(image: Tensor, patches: float, rng: _Rng) -> Tensor:
    """Small patches are copied to a place near by."""
    out, side = image.clone(), max(4, min(image.shape[1:]) // 16)
    height, width = (length - side for length in image.shape[1:])
    for _ in range(int(patches)):
        top, left = int(rng.integers(0, height + 1)), int(rng.integers(0, width + 1))
        to = [int(np.clip(at + rng.integers(-side, side + 1), 0, end)) for at, end in ((top, height), (left, width))]
        patch = image[:, top : top + side, left : left + side]
        out[:, to[0] : to[0] + side, to[1] : to[1] + side] = patch
    return out


def _pixelate(image: Tensor, block: float, rng: _Rng) -> Tensor:
    height, width = image.shape[1:]
    small = (max(1, round(height / block)), max(1, round(width / block)))
    coarse = functional.interpolate(image[None], size=small, mode="area")
    return functional.interpolate(coarse, size=(height, width), mode="nearest")[0]


def _quantisation(image: Tensor, levels: float, rng: _Rng) -> Tensor:
    return (image * (levels - 1)).round() / (levels - 1)


def _colour_block(image: Tensor, blocks: float, rng: _Rng) -> Tensor:
    out, side = image.clone(), max(4, min(image.shape[1:]) // 12)
    for _ in range(int(blocks)):
        top, left = (int(rng.integers(0, length - side + 1)) for length in image.shape[1:])
        colour = torch.from_numpy(rng.random((3, 1, 1), dtype=np.float32))
        out[:, top : top + side, left : left + side] = colour
    return out


# ---------------------------------------------------------------------------------------------- sharpness and contrast
def _sharpen(image: Tensor, amount: float, rng: _Rng) -> Tensor:
    return image + amount * (image - _gaussian(image, 1.0))


def _contrast(image: Tensor, factor: float, rng: _Rng) -> Tensor:
    """Half of the seeds raise it along an S-curve, half lower it by the same factor."""
    if rng.random() < 0.5:
        return 0.5 + (image - 0.5) / factor
    return torch.sigmoid(4 * factor * (image - 0.5))


_TABLE: dict[str, tuple[_Function, tuple[float, float, float, float, float]]] = {
    "gaussian-blur": (_gaussian_blur, (0.7, 1.2, 2.0, 3.2, 5.0)),
    "lens-blur": (_lens_blur, (1.0, 2.0, 3.0, 5.0, 7.0)),
    "motion-blur": (_motion_blur, (4, 7, 11, 17, 25)),
    "colour-diffusion": (_colour_diffusion, (1.5, 3, 5, 8, 12)),
    "colour-shift": (_colour_shift, (1.5, 3, 5, 8, 12)),
    "colour-quantisation": (_colour_quantisation, (64, 40, 24, 14, 8)),
    "saturation-hsv": (_saturation_hsv, (0.7, 0.5, 0.3, 0.15, 0.0)),
    "saturation-lab": (_saturation_lab, (1.5, 2.0, 2.7, 3.5, 5.0)),
    "jpeg2000": (_jpeg2000, (24, 48, 80, 130, 220)),
    "jpeg": (_jpeg, (45, 27, 16, 10, 5)),
    "white-noise": (_white_noise, (0.02, 0.04, 0.08, 0.14, 0.24)),
    "chroma-noise": (_chroma_noise, (0.03, 0.06, 0.10, 0.17, 0.28)),
    "impulse-noise": (_impulse_noise, (0.002, 0.008, 0.02, 0.06, 0.15)),
    "multiplicative-noise": (_multiplicative_noise, (0.05, 0.10, 0.18, 0.30, 0.50)),
    "denoise": (_denoise, (0.03, 0.06, 0.10, 0.16, 0.25)),
    "brighten": (_brighten, (1.2, 1.5, 1.9, 2.5, 3.5)),
    "darken": (_darken, (1.2, 1.5, 1.9, 2.5, 3.5)),
    "mean-shift": (_mean_shift, (0.06, 0.12, 0.18, 0.25, 0.35)),
    "jitter": (_jitter, (0.7, 1.2, 2.0, 3.2, 5.0)),
    "non-eccentricity-patch": (_non_eccentricity_patch, (5, 12, 24, 45, 80)),
    "pixelate": (_pixelate, (1.6, 2.5, 4, 6, 9)),
    "quantisation": (_quantisation, (20, 13, 8, 5, 3)),
    "colour-block": (_colour_block, (1, 2, 4, 7, 12)),
    "sharpen": (_sharpen, (1, 2, 3.5, 6, 10)),
    "contrast": (_contrast, (1.2, 1.4, 1.75, 2.3, 3.2)),
}

TYPES = tuple(_TABLE)
"""The 25 names, grouped as in the source: blurs, colour, codecs, noise, brightness, spatial, sharpness and contrast."""
