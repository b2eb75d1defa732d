"""The bank of synthetically distorted crops that the network is pretrained on, made anew from a seed.

A group is one crop and, for four types of distortion, two levels of it. Pristine photographs and rated pictures of the
fit part both give groups: what a rated picture's quality is does not matter here, only that more distortion is worse.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from certiqa.data.distortions import LEVELS, TYPES, distort

__all__ = ["NO_TYPE", "SIDE", "Bank", "Group", "make_bank"]

SIDE = 256
TYPES_PER_GROUP = 4
NO_TYPE = len(TYPES)


@dataclass(frozen=True)
class Group:
    """Rows of the bank: first the crop itself, then for each type the weaker and the stronger level."""

    start: int
    stop: int


@dataclass(frozen=True)
class Bank:
    """crops (n, SIDE, SIDE, 3) uint8; types (n,), NO_TYPE for the crop itself; levels (n,), 0 for the crop itself."""

    crops: np.ndarray
    types: np.ndarray
    levels: np.ndarray
    groups: list[Group]


def make_bank(clean: list[np.ndarray], rated: list[np.ndarray], seed: int) -> Bank:
    """One group of four random types for every rated picture, all 25 types for every clean photograph."""
    rng = np.random.default_rng(seed)
    plan = [(image, [TYPES[i] for i in rng.choice(len(TYPES), TYPES_PER_GROUP, replace=False)]) for image in rated]
    for image in clean:
        plan += [(image, list(TYPES[k : k + TYPES_PER_GROUP])) for k in range(0, len(TYPES), TYPES_PER_GROUP)]
    rows = sum(1 + 2 * len(kinds) for _, kinds in plan)
    crops = np.empty((rows, SIDE, SIDE, 3), np.uint8)
    types, levels, groups, at = np.full(rows, NO_TYPE), np.zeros(rows, np.int64), [], 0
    for image, kinds in plan:
        start = at
        top, left = (int(rng.integers(0, side - SIDE + 1)) for side in image.shape[:2])
        crops[at] = image[top : top + SIDE, left : left + SIDE]
        pristine = torch.from_numpy(crops[at].copy()).permute(2, 0, 1).float() / 255
        at += 1
        for kind in kinds:
            noise = int(rng.integers(2**31))
            for level in sorted(rng.choice(LEVELS, 2, replace=False) + 1):
                worse = distort(pristine, kind, int(level), seed=noise)
                crops[at] = worse.mul(255).round().byte().permute(1, 2, 0).numpy()
                types[at], levels[at] = TYPES.index(kind), level
                at += 1
        groups.append(Group(start, at))
    return Bank(crops, types, levels, groups)
