"""What a step of the training sees, as a pure function of (seed, step, slot): windows, noise, random starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from certiqa.data.sets.dataset import DataSet
from certiqa.defenses.config import DefenseConfig
from certiqa.training.draws import generator, key, order
from certiqa.training.pictures import ImagePool, TrainingImage

__all__ = ["Windows", "contents_of_step", "development_windows", "rated_images", "training_windows"]


@dataclass(frozen=True)
class Windows:
    """A batch, or a process's share of it.

    Attributes:
        images: (B, 3, C, C) in [0, 1], with noise if the config says so.
        mos: (B,), human scores on the scale of the metric.
        groups: (B,), the number of the data set of each: human scores are compared within one only.
        start: (B, 3, C, C) in [-1, 1], uniform: where an attack of radius 1 starts; None where there is no attack.
    """

    images: Tensor
    mos: Tensor
    groups: Tensor
    start: Tensor | None

    def __len__(self) -> int:
        return len(self.images)


def rated_images(
    dataset: DataSet, score_range: tuple[float, float], *, lower_better: bool, group: int = 0
) -> tuple[TrainingImage, ...]:
    """The images of a data set, the scale of its human scores mapped by a straight line to that of a metric.

    Args:
        dataset: with its ``mos_range`` and its direction.
        score_range: what the ends of that range become: the worst quality the first, the best the second; the other
            way round where ``lower_better``.
        lower_better: of the metric.
        group: the number of the data set.
    """
    low, high = dataset.mos_range
    quality = (dataset.mos() - low) / (high - low)
    if dataset.lower_better != lower_better:
        quality = 1 - quality
    scores = score_range[0] + quality * (score_range[1] - score_range[0])
    return tuple(
        TrainingImage(record.path, record.content, float(score), group)
        for record, score in zip(dataset.records, scores, strict=True)
    )


def _index(pool: ImagePool, config: DefenseConfig, step: int, slot: int) -> int:
    """The image of a slot: every image ``crops_per_image`` times an epoch, in a new order.

    With ``balance`` or ``shares`` every slot belongs to a data set, and every data set has epochs of its own.
    """
    images, place = pool.fit, step * config.batch + slot
    if config.balance or config.shares:
        owners = _owners(len(pool.fit_by_group), config)
        owner = owners[slot]
        images = pool.fit_by_group[owner]
        place = step * owners.count(owner) + owners[:slot].count(owner)
    length = len(images) * config.crops_per_image
    epoch, place = divmod(place, length)
    return images[order(config.seed, epoch, length)[place] % len(images)]


def _owners(sets: int, config: DefenseConfig) -> tuple[int, ...]:
    """The place of the data set of every slot: in turn, or one data set after the other."""
    if config.balance:
        return tuple(slot % sets for slot in range(config.batch))
    return tuple(number for number, share in enumerate(config.shares) for _ in range(share))


def contents_of_step(pool: ImagePool, config: DefenseConfig, step: int) -> tuple[str, ...]:
    """What the images of a whole batch show, slot by slot."""
    return tuple(pool.images[_index(pool, config, step, slot)].content for slot in range(config.batch))


def training_windows(
    pool: ImagePool, config: DefenseConfig, step: int, slots: Sequence[int], device: torch.device
) -> Windows:
    """The given slots of the batch of one step: random windows, mirrored half of the time."""
    chosen = [_index(pool, config, step, slot) for slot in slots]
    windows = []
    for index, slot in zip(chosen, slots, strict=True):
        rng = generator(config.seed, "window", step, slot)
        pixels = pool.pixels(index)
        top, left = (int(rng.integers(0, side - config.crop + 1)) for side in pixels.shape[1:])
        window = pixels[:, top : top + config.crop, left : left + config.crop]
        windows.append(window[..., ::-1] if rng.random() < 0.5 else window)
    return _windows(pool, config, windows, chosen, [f"{step}|{slot}" for slot in slots], device)


def development_windows(pool: ImagePool, config: DefenseConfig, places: Sequence[int], device: torch.device) -> Windows:
    """Central windows of development images, in an order of their own; noise and starts are the same at every look."""
    shuffled = order(config.seed, -1, len(pool.development))
    chosen = [pool.development[shuffled[place]] for place in places]
    windows = []
    for index in chosen:
        pixels = pool.pixels(index)
        top, left = ((side - config.crop) // 2 for side in pixels.shape[1:])
        windows.append(pixels[:, top : top + config.crop, left : left + config.crop])
    return _windows(pool, config, windows, chosen, [f"development|{place}" for place in places], device)


def _windows(
    pool: ImagePool,
    config: DefenseConfig,
    windows: Sequence[np.ndarray],
    chosen: Sequence[int],
    addresses: Sequence[str],
    device: torch.device,
) -> Windows:
    images = torch.from_numpy(np.stack(windows)).to(device).float().div_(255)
    if config.sigma:
        noise = torch.empty_like(images)
        for row, address in zip(noise, addresses, strict=True):
            row.normal_(generator=_torch_generator(config, "noise", address, device))
        images = (images + config.sigma * noise).clamp_(0, 1)
    start = None
    if config.method == "at":
        start = torch.empty_like(images)
        for row, address in zip(start, addresses, strict=True):
            row.uniform_(-1, 1, generator=_torch_generator(config, "start", address, device))
    mos = torch.tensor([pool.images[i].mos for i in chosen], dtype=torch.float32, device=device)
    groups = torch.tensor([pool.images[i].group for i in chosen], device=device)
    return Windows(images, mos, groups, start)


def _torch_generator(config: DefenseConfig, what: str, address: str, device: torch.device) -> torch.Generator:
    return torch.Generator(device=device).manual_seed(key(config.seed, what, address) % 2**63)
