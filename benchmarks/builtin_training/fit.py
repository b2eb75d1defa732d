"""Second phase: the human scores of both data sets together, each through its own monotone map."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy import stats
from scipy.optimize import least_squares
from scipy.special import expit, logit
from torch import Tensor, nn
from torch.nn import functional

from builtin_training.network import TrainingNet, Zoomed, folded
from builtin_training.optimise import Optimiser
from builtin_training.pictures import SOURCES, Picture, Rated, crop, endless, to_tensor
from certiqa.defenses.losses import order_loss, plcc_loss
from certiqa.metrics.builtin import BuiltinMetric

__all__ = [
    "LARGE",
    "LEANING",
    "PHASES",
    "POLISH_RATE",
    "WIDENED_RATE",
    "Noise",
    "Phase",
    "fit",
    "predict",
    "stretch",
]


@dataclass(frozen=True)
class Phase:
    """Part of the training: its share of the steps, the side of the crops, the pictures of each source in a batch."""

    share: float
    crop: int
    batch: tuple[int, int]


PHASES = (Phase(0.70, 128, (34, 14)), Phase(0.22, 256, (28, 12)), Phase(0.08, 448, (14, 8)))
LARGE = (Phase(1.0, 448, (12, 10)),)
LEANING = (Phase(1.0, 448, (20, 4)),)
RATE, POLISH_RATE, WIDENED_RATE, DECAY, MEMORY = 1e-3, 3e-4, 4e-4, 0.05, 0.998
KIND_WEIGHT = 0.5
RANK_SCALE = 5.0


@dataclass(frozen=True)
class Noise:
    """Gaussian noise; sigma drawn log-uniformly for every image.

    With ``clip`` the noisy image is clipped to [0, 1], as the noisy images are that a metric gets unless it declares
    ``unclipped_noise``.
    """

    low: float
    high: float
    clip: bool = True

    def __call__(self, images: Tensor, seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        place = torch.rand(len(images), 1, 1, 1, generator=generator)
        sigma = self.low * (self.high / self.low) ** place
        drawn = torch.randn(images.shape, generator=generator) * sigma
        noisy = images + drawn.to(images.device)
        return noisy.clamp(0, 1) if self.clip else noisy


class Maps(nn.Module):
    """A data set's own straight, rising map from the common scale to its MOS (on 0-100)."""

    def __init__(self) -> None:
        super().__init__()
        self.slope = nn.Parameter(torch.zeros(len(SOURCES)))
        self.shift = nn.Parameter(torch.zeros(len(SOURCES)))

    def forward(self, scores: Tensor, source: int) -> Tensor:
        """(B,) -> (B,); the slope is an exponential, so the order stays."""
        return self.slope[source].exp() * (scores - 50) + 50 + 100 * self.shift[source]


def set_loss(scores: Tensor, mapped: Tensor, targets: Tensor) -> Tensor:
    """For the images of one data set: (1 - PLCC) / 2, plus the scaled squared error, plus the order of the pairs.

    As certiqa.defenses.losses.agreement_loss, but for the map to the data set's own scale. In the order every pair
    counts alike, so the crowded middle of the scale is not drowned by a few very bad images.
    """
    error = functional.mse_loss(mapped / 20, targets / 20)
    return plcc_loss(scores, targets) + error / 2 + order_loss(scores, targets, RANK_SCALE)


def fit(
    net: TrainingNet,
    parts: list[Rated],
    dev: list[Rated],
    steps: int,
    seed: int,
    device: str,
    log: Callable[[dict[str, Any]], None],
    phases: tuple[Phase, ...] = PHASES,
    noise: Noise | None = None,
    rate: float = RATE,
    consistency: float = 0.0,
    half: bool = True,
) -> TrainingNet:
    """Train ``net`` in place; the moving average comes back. ``dev`` is only looked at and logged.

    Convolutions are computed in bfloat16 if ``half``: slower than float32 on a CPU that has no instructions for it.

    With ``noise`` every crop gets Gaussian noise, and so do the pictures of ``dev``. With ``consistency`` every crop
    gets it twice, and the squared difference of the two scores is a loss with that weight.
    """
    rng = np.random.default_rng([seed, 2])
    net.maps = Maps().to(device)
    optimiser = Optimiser(net, rate, DECAY, steps, MEMORY)
    orders = [endless(len(part.images), rng) for part in parts]
    start, seen = time.perf_counter(), []
    for step in range(steps):
        phase = _phase(phases, step / steps)
        loss, facts = _losses(net, parts, orders, phase, noise, consistency, rng, device, half)
        optimiser.step(loss)
        seen.append(facts)
        if step % 100 == 99 or step + 1 == steps:
            record = {"phase": "fit", "step": step + 1, "crop": phase.crop}
            record |= {name: round(float(np.mean([s[name] for s in seen])), 4) for name in seen[0]}
            if dev and (step % 1000 == 999 or step + 1 == steps):
                metric = folded(optimiser.mean).to(device, memory_format=torch.channels_last)
                for source, rated in zip(SOURCES, dev, strict=True):
                    correlation = stats.spearmanr(
                        predict(Zoomed(metric, net.zoom), rated.images, noise), rated.scores
                    ).statistic
                    record[f"dev_srocc_{source}"] = round(float(correlation), 4)
            log(record | {"seconds": round(time.perf_counter() - start, 1)})
            seen = []
    return optimiser.mean


def _phase(phases: tuple[Phase, ...], progress: float) -> Phase:
    done = 0.0
    for phase in phases:
        done += phase.share
        if progress < done - 1e-9:
            return phase
    return phases[-1]


def _losses(
    net: TrainingNet,
    parts: list[Rated],
    orders: list[Iterator[int]],
    phase: Phase,
    noise: Noise | None,
    consistency: float,
    rng: np.random.Generator,
    device: str,
    half: bool,
) -> tuple[Tensor, dict[str, float]]:
    picks = [[next(order) for _ in range(size)] for order, size in zip(orders, phase.batch, strict=True)]
    crops = [crop(part.images[i], phase.crop, rng) for part, pick in zip(parts, picks, strict=True) for i in pick]
    targets = [torch.from_numpy(part.scores[pick]).float().to(device) for part, pick in zip(parts, picks, strict=True)]
    kinds = torch.cat([torch.from_numpy(part.kinds[pick]) for part, pick in zip(parts, picks, strict=True)]).to(device)
    images = to_tensor(np.stack(crops)).to(device)
    copies = 2 if noise is not None and consistency else 1
    if noise is not None:
        images = torch.cat([noise(images, seed) for seed in rng.integers(2**62, size=copies).tolist()])
    with torch.autocast(torch.device(device).type, dtype=torch.bfloat16, enabled=half):
        found = net.statistics(images)
    scores, named = net.scores(found), net.kind(found)
    loss, kind_loss = scores.new_zeros(()), functional.cross_entropy(named, kinds.repeat(copies))
    for one in scores.chunk(copies):
        for source, (s, t) in enumerate(zip(one.split(phase.batch), targets, strict=True)):
            loss = loss + set_loss(s, net.maps(s, source), t) / copies
    facts = {
        "loss": loss.item(),
        "kind_loss": kind_loss.item(),
        "kind_accuracy": (named.argmax(1) == kinds.repeat(copies)).float().mean().item(),
    }
    if copies == 2:
        first, second = scores.chunk(2)
        apart = ((first - second) / 20).square().mean()
        loss = loss + consistency * apart
        facts["consistency_loss"] = apart.item()
    return loss + KIND_WEIGHT * kind_loss, facts


def stretch(
    metric: BuiltinMetric,
    parts: list[Rated],
    seed: int,
    noise: Noise | None = None,
    count: int = 300,
    zoom: int = 1,
) -> None:
    """Spread the scores over the scale of MOS, in place: a rising straight line before the sigmoid, so ranks stay.

    The line minimises the squared error on ``count`` whole pictures of each part; it goes into the last layer.
    """
    rng = np.random.default_rng([seed, 3])
    scores, targets = [], []
    for part in parts:
        picked = rng.choice(len(part.images), min(count, len(part.images)), replace=False)
        scores.append(predict(Zoomed(metric, zoom), [part.images[i] for i in picked], noise))
        targets.append(part.scores[picked])
    before, wanted = logit(np.concatenate(scores) / 100), np.concatenate(targets)

    def errors(line: np.ndarray) -> np.ndarray:
        return 100 * expit(np.exp(line[0]) * before + line[1]) - wanted

    slope, shift = least_squares(errors, np.zeros(2)).x
    last = metric.head[-1]
    with torch.no_grad():
        last.weight *= float(np.exp(slope))
        last.bias *= float(np.exp(slope))
        last.bias += float(shift)


@torch.inference_mode()
def predict(metric: nn.Module, images: Sequence[Picture], noise: Noise | None = None) -> np.ndarray:
    """(n,) scores of whole images, float32, one at a time; with ``noise`` the mean over four draws of it."""
    device = next(metric.parameters()).device
    scores = []
    for number, image in enumerate(images):
        whole = image[0] if isinstance(image, tuple) else image
        batch = to_tensor(whole[None]).to(device)
        if noise is not None:
            batch = noise(batch.expand(4, -1, -1, -1), number)
        scores.append(metric(batch).mean().item())
    return np.array(scores)
