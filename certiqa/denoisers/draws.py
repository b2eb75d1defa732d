"""What a step of the training sees, as a pure function of (seed, step, slot): windows, noise levels, noise.

No generator is carried from step to step, so a run that is resumed at a step sees what the uninterrupted run saw, and
the number of workers does not change what a slot of a batch holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from certiqa.denoisers.config import TrainingConfig
from certiqa.training.draws import generator, key, order
from certiqa.training.pictures import ImagePool

__all__ = ["Batch", "development_batch", "training_batch"]

_DEVELOPMENT_LEVELS = 3


@dataclass(frozen=True)
class Batch:
    """Windows with noise.

    Attributes:
        clean: (B, 3, C, C) in [0, 1], channels last.
        noisy: the same with noise, not clipped.
        sigma: (B,), the noise levels.
        mos: (B,), NaN where there is none.
        groups: (B,).
    """

    clean: Tensor
    noisy: Tensor
    sigma: Tensor
    mos: Tensor
    groups: Tensor

    def __len__(self) -> int:
        return len(self.clean)


def training_batch(
    pool: ImagePool, config: TrainingConfig, step: int, slots: Sequence[int], device: torch.device
) -> Batch:
    """The given slots of the batch of one step: random windows, mirrored half of the time."""
    windows, sigmas, chosen = [], [], []
    for slot in slots:
        epoch, place = divmod(step * config.batch + slot, len(pool.fit))
        index = pool.fit[order(config.seed, epoch, len(pool.fit))[place]]
        rng = generator(config.seed, "window", step, slot)
        pixels = pool.pixels(index)
        top, left = (int(rng.integers(0, side - config.crop + 1)) for side in pixels.shape[1:])
        window = pixels[:, top : top + config.crop, left : left + config.crop]
        windows.append(window[..., ::-1] if rng.random() < 0.5 else window)
        low, high = config.sigma_range
        sigmas.append(low * (high / low) ** rng.random())
        chosen.append(index)
    keys = [key(config.seed, "noise", step, slot) for slot in slots]
    return _batch(pool, windows, sigmas, chosen, keys, device)


def development_batch(pool: ImagePool, config: TrainingConfig, places: Sequence[int], device: torch.device) -> Batch:
    """Central windows of the images for early stopping, in an order of their own, with the same noise at every look.

    The levels are the lowest, the (geometrically) middle and the highest one, in turn from image to image.
    """
    low, high = config.sigma_range
    windows, sigmas, chosen = [], [], []
    for place in places:
        index = pool.development[order(config.seed, -1, len(pool.development))[place]]
        pixels = pool.pixels(index)
        top, left = ((side - config.crop) // 2 for side in pixels.shape[1:])
        windows.append(pixels[:, top : top + config.crop, left : left + config.crop])
        sigmas.append(low * (high / low) ** ((place % _DEVELOPMENT_LEVELS) / (_DEVELOPMENT_LEVELS - 1)))
        chosen.append(index)
    keys = [key(config.seed, "development", place) for place in places]
    return _batch(pool, windows, sigmas, chosen, keys, device)


def _batch(
    pool: ImagePool,
    windows: Sequence[np.ndarray],
    sigmas: Sequence[float],
    chosen: Sequence[int],
    keys: Sequence[int],
    device: torch.device,
) -> Batch:
    pixels = torch.from_numpy(np.stack(windows)).to(device)
    clean = pixels.contiguous(memory_format=torch.channels_last).float().div_(255)
    sigma = torch.tensor(sigmas, dtype=torch.float32, device=device)
    noise = torch.empty_like(clean, memory_format=torch.contiguous_format)
    for row, number in zip(noise, keys, strict=True):
        row.normal_(generator=torch.Generator(device=device).manual_seed(number % 2**63))
    noisy = clean + sigma.view(-1, 1, 1, 1) * noise
    mos = torch.tensor([pool.images[i].mos for i in chosen], dtype=torch.float32, device=device)
    groups = torch.tensor([pool.images[i].group for i in chosen], device=device)
    return Batch(clean, noisy, sigma, mos, groups)
