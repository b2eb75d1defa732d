"""Training end to end under the noise: correlation, error, and the certified width, as differentiable losses."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from learned_training.network import Head, Maps
from learned_training.pictures import SOURCES, Part, Shifting

__all__ = ["Plan", "fit", "fit_head", "loss_of"]


@dataclass(frozen=True)
class Plan:
    """One run: sigma in RMS units, the batch of each source, the weight of the width."""

    sigma: float
    steps: int
    batch: tuple[int, int] = (56, 32)
    draws: int = 4
    width: float = 0.2
    rate: float = 1e-3
    turn: float = 3e-4
    decay: float = 1e-3
    seed: int = 0


def loss_of(scores: Tensor, mos: Tensor, width: float) -> Tensor:
    """1 - PLCC of single noisy scores, their error, and width times (SD under noise / SD of the pictures' means).

    Args:
        scores: (draws, B) in (0, 1). mos: (B,) in 0..100. width: weight of the certified width, which to first order
            is r times the SD under noise.
    """
    target = mos / 100
    single, mean = scores.flatten(), scores.mean(dim=0)
    wanted = target.repeat(len(scores))
    a, b = single - single.mean(), wanted - wanted.mean()
    plcc = (a * b).sum() / (a.norm() * b.norm() + 1e-6)
    noise = (scores.var(dim=0).mean() + 1e-8).sqrt()
    error = (single - wanted).square().mean()
    return 1 - plcc + error + width * noise / (mean.std() + 1e-3)


def _noisy(head: Head, z: Tensor, draws: int, sigma: float) -> Tensor:
    noisy = z[None] + sigma * torch.randn(draws, *z.shape)
    out: Tensor = head(noisy.flatten(0, 1)).view(draws, len(z))
    return out


def fit(
    maps: Maps, head: Head, parts: dict[str, Part], plan: Plan, learn_maps: bool, keep: Path | None = None
) -> float:
    """Train both (or the head only); returns the seconds it took."""
    torch.manual_seed(plan.seed)
    rng = np.random.default_rng(plan.seed)
    streams = [(Shifting(parts[source], rng), count) for source, count in zip(SOURCES, plan.batch, strict=True)]
    for parameter in maps.parameters():
        parameter.requires_grad_(learn_maps)
    sets = [{"params": list(head.parameters()), "lr": plan.rate, "weight_decay": plan.decay}]
    if learn_maps:
        biases = [p for name, p in maps.named_parameters() if name.endswith("bias")]
        turns = [p for name, p in maps.named_parameters() if name.endswith("free")]
        sets += [
            {"params": turns, "lr": plan.turn, "weight_decay": 0.0},
            {"params": biases, "lr": plan.turn, "weight_decay": 0.0},
        ]
    optimizer = torch.optim.AdamW(sets)
    rates = [group["lr"] for group in optimizer.param_groups]
    started, log = time.perf_counter(), []
    maps.train(), head.train()
    for step in range(plan.steps):
        share = min(1.0, (step + 1) / 100) * 0.5 * (1 + math.cos(math.pi * step / plan.steps))
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * share
        batches = [stream.batch(count) for stream, count in streams]
        z = torch.cat([maps(seen) for seen, _ in batches])
        scores = _noisy(head, z, plan.draws, plan.sigma)
        sizes = [len(mos) for _, mos in batches]
        losses = [
            loss_of(part, mos, plan.width) for part, (_, mos) in zip(scores.split(sizes, dim=1), batches, strict=True)
        ]
        loss = torch.stack(losses).mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_([p for g in optimizer.param_groups for p in g["params"]], 1.0)
        optimizer.step()
        log.append(float(loss.detach()))
        if (step + 1) % 100 == 0:
            if keep:
                torch.save(maps.state_dict(), keep)
            print(f"{step + 1} {np.mean(log[-100:]):.4f} {time.perf_counter() - started:.0f} s", flush=True)
    return time.perf_counter() - started


def fit_head(numbers: dict[str, tuple[Tensor, Tensor]], plan: Plan, hidden: int = 192, dropout: float = 0.3) -> Head:
    """A head from scratch on numbers of whole pictures: of each source (views, pictures, m) and (pictures,) scores."""
    torch.manual_seed(plan.seed)
    head = Head(next(iter(numbers.values()))[0].shape[-1], plan.sigma, hidden, dropout)
    optimizer = torch.optim.AdamW(head.parameters(), lr=plan.rate, weight_decay=plan.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, plan.rate, total_steps=plan.steps, pct_start=0.05)
    head.train()
    for _ in range(plan.steps):
        losses = []
        for source, size in zip(SOURCES, plan.batch, strict=True):
            views, mos = numbers[source]
            rows, view = torch.randint(len(mos), (size,)), torch.randint(len(views), (size,))
            losses.append(loss_of(_noisy(head, views[view, rows], plan.draws, plan.sigma), mos[rows], plan.width))
        optimizer.zero_grad()
        torch.stack(losses).mean().backward()
        optimizer.step()
        schedule.step()
    return head
