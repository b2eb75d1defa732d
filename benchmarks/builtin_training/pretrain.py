"""First phase: tell the type and the level of a distortion, and which of two crops is more distorted."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from builtin_training.distorted import NO_TYPE, SIDE, Bank
from builtin_training.network import TrainingNet
from builtin_training.optimise import Optimiser
from builtin_training.pictures import endless, to_tensor

__all__ = ["pretrain"]

CROP = 128
GROUPS = 6
RATE, DECAY, MEMORY = 2e-3, 0.02, 0.995


def pretrain(
    net: TrainingNet, bank: Bank, epochs: float, seed: int, device: str, log: Callable[[dict[str, Any]], None]
) -> TrainingNet:
    """Train ``net`` in place for so many passes over the bank; the moving average comes back."""
    rng = np.random.default_rng([seed, 1])
    order = endless(len(bank.groups), rng)
    optimiser = Optimiser(net, RATE, DECAY, round(epochs * len(bank.groups) / GROUPS), MEMORY)
    start, seen = time.perf_counter(), []
    for step in range(optimiser.steps):
        loss, facts = _losses(net, bank, [next(order) for _ in range(GROUPS)], rng, device)
        optimiser.step(loss)
        seen.append(facts)
        if step % 100 == 99 or step + 1 == optimiser.steps:
            means = {name: round(float(np.mean([s[name] for s in seen])), 4) for name in seen[0]}
            log({"phase": "pretrain", "step": step + 1, **means, "seconds": round(time.perf_counter() - start, 1)})
            seen = []
    return optimiser.mean


def _losses(
    net: TrainingNet, bank: Bank, picked: list[int], rng: np.random.Generator, device: str
) -> tuple[torch.Tensor, dict[str, float]]:
    crops, rows, better, worse, at = [], [], [], [], 0
    for index in picked:
        group = bank.groups[index]
        top, left = rng.integers(0, SIDE - CROP + 1, 2)
        window = bank.crops[group.start : group.stop, top : top + CROP, left : left + CROP]
        crops.append(window[:, :, ::-1] if rng.random() < 0.5 else window)
        rows += range(group.start, group.stop)
        for weak in range(at + 1, at + group.stop - group.start, 2):
            better += [at, at, weak]
            worse += [weak, weak + 1, weak + 1]
        at += group.stop - group.start
    types = torch.from_numpy(bank.types[rows]).to(device)
    levels = torch.from_numpy(bank.levels[rows]).to(device)
    images = to_tensor(np.concatenate(crops)).to(device)
    with torch.autocast(torch.device(device).type, dtype=torch.bfloat16):
        found = net.statistics(images)
    named, rank, distorted = net.distortion(found), net.rank(found).squeeze(1), types != NO_TYPE
    type_loss = functional.cross_entropy(named, types)
    level_loss = functional.cross_entropy(net.level(found[distorted]), levels[distorted] - 1)
    rank_loss = functional.softplus(rank[worse] - rank[better]).mean()
    return type_loss + level_loss / 2 + rank_loss, {
        "type_loss": type_loss.item(),
        "level_loss": level_loss.item(),
        "rank_loss": rank_loss.item(),
        "type_accuracy": (named.argmax(1) == types).float().mean().item(),
        "rank_accuracy": (rank[better] > rank[worse]).float().mean().item(),
    }
