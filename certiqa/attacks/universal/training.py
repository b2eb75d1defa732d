"""Training of a universal pattern."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from certiqa import _checks as check
from certiqa._provenance import model_name, model_sha256
from certiqa.attacks._gate import check_callback, seed_of
from certiqa.attacks._number import check_positive
from certiqa.attacks.objectives import Move, Objective, RankFlip
from certiqa.attacks.objectives import objective as parsed
from certiqa.attacks.scorer import Scorer
from certiqa.attacks.universal.pattern import UniversalPattern, tile
from certiqa.data.images import Picture, read_images
from certiqa.errors import InputError

__all__ = ["train_uap"]


def train_uap(
    model: Callable[[Tensor], Any],
    images: object,
    objective: Objective | str = "raise",
    *,
    amplitude: float = 0.1,
    size: int = 256,
    epochs: int = 20,
    batch: int = 1,
    step: float = 0.1,
    seed: int = 0,
    progress: Callable[[int, int], object] | None = None,
) -> UniversalPattern:
    """One pattern, |pattern| <= amplitude, that moves the scores of many images: trained once, then added to any.

    Adam on the mean gain of batches of images; each image is seen through a window of at most size x size pixels at a
    random place, with that part of the tiled pattern that lies there, clipped to [0, 1]. The order and the windows come
    from ``seed``; the pattern starts at 0.

    Args:
        model: as for every attack; it must have gradients.
        images: what :func:`certiqa.data.images.read_images` takes, or a list of these.
        objective: "raise" or "lower", or a target.
        amplitude: the largest change of an intensity, in (0, 1]; the paper trains at 0.1 and applies 0.02 to 0.08.
        size: side of the pattern, in pixels.
        epochs: passes over the images.
        batch: images per step; with few images 1 does most, because every step moves the pattern by about ``step``.
        step: learning rate, as a fraction of the amplitude.
        seed: a whole number >= 0.
        progress: called with (epochs done, epochs).

    Returns:
        The pattern; its card holds the arguments, the names of model and images, and the mean gain of the last epoch.

    Raises:
        InputError: an argument breaks its rule; ImageError; GradientError: the model gives no gradient.

    Source: Shumitskaya, Antsiferova and Vatolin 2022, "Universal perturbation attack on differentiable no-reference
    image- and video-quality metrics" (BMVC 2022).

    >>> pattern = train_uap(lambda x: x[:, 0].mean((1, 2)), torch.full((2, 3, 8, 8), 0.5), size=4, epochs=12)
    >>> bool(pattern.pixels[0].min() > 0.09), pattern.card["objective"]
    (True, 'raise')
    """
    aim = parsed(objective)
    if isinstance(aim, Move | RankFlip):
        rule = "must be raise, lower or a target: one pattern moves all images to one side"
        raise InputError.of("objective", rule, str(aim))
    amplitude = check_positive(amplitude, "amplitude", 1.0, "It is in intensities: try 0.1.")
    rate = amplitude * check_positive(step, "step", 1.0, "It is a fraction of the amplitude: try 0.1.")
    for name, value in (("size", size), ("epochs", epochs), ("batch", batch)):
        check.check_count(value, name)
    seed = seed_of(seed)
    check_callback(progress)
    items = images if isinstance(images, list | tuple) else [images]
    pictures = [picture for item in items for picture in read_images(item)]
    if not pictures:
        raise InputError.of("images", "must hold at least one image", images)
    scorer = Scorer(model)
    draw = np.random.Generator(np.random.Philox(key=seed % 2**128))
    gains: list[float] = []
    with torch.inference_mode(False), torch.enable_grad():
        pattern = torch.zeros(3, size, size, device=scorer.device, requires_grad=True)
        optimiser = torch.optim.Adam([pattern], lr=rate)
        for epoch in range(epochs):
            gains = []
            for some in np.array_split(draw.permutation(len(pictures)), -(-len(pictures) // batch)):
                pattern.grad = torch.zeros_like(pattern)
                for index in some:
                    gain, gradient = _gradient(scorer, aim, pictures[index], pattern, draw)
                    pattern.grad -= gradient / len(some)
                    gains.append(gain)
                optimiser.step()
                with torch.no_grad():
                    pattern.clamp_(-amplitude, amplitude)
            if progress is not None:
                progress(epoch + 1, epochs)
    card = {
        "objective": str(aim), "model": model_name(model), "model_sha256": model_sha256(model), "amplitude": amplitude,
        "size": size, "epochs": epochs, "batch": batch, "step": step, "seed": seed, "images": len(pictures),
        "images_sha256": _digest(pictures), "mean_gain": float(np.mean(gains)),
    }  # fmt: skip
    return UniversalPattern(pattern.detach(), card)


def _gradient(
    scorer: Scorer, aim: Objective, picture: Picture, pattern: Tensor, draw: np.random.Generator
) -> tuple[float, Tensor]:
    """The gain of one window of one image, and its gradient by the pattern (3,S,S)."""
    side = pattern.shape[-1]
    extents = picture.height, picture.width
    corner = [int(draw.integers(0, max(0, extent - side) + 1)) for extent in extents]
    height, width = (min(extent, side) for extent in extents)
    whole = torch.from_numpy(picture.as_float()).to(pattern.device)
    clean = whole[:, corner[0] : corner[0] + height, corner[1] : corner[1] + width]
    shifted = torch.roll(pattern, (-(corner[0] % side), -(corner[1] % side)), dims=(1, 2))
    attacked = (clean + tile(shifted, height, width)).clamp(0.0, 1.0)[None]
    before = scorer.measure(clean[None])
    scores, gradient = scorer.gradient(attacked)
    gradient = gradient * aim.slope(scores, before).to(gradient.dtype).view(-1, 1, 1, 1)
    (by_pattern,) = torch.autograd.grad(attacked, pattern, grad_outputs=gradient)
    return float(aim.gain(scores, before)), by_pattern


def _digest(pictures: list[Picture]) -> str:
    return hashlib.sha256("|".join(picture.sha256() for picture in pictures).encode()).hexdigest()
