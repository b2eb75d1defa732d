"""The task of the loop: one update of a denoiser and of its moving average, and a look at the development part."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from certiqa.denoisers.building import build
from certiqa.denoisers.config import LOSSES, TrainingConfig
from certiqa.denoisers.development import measured
from certiqa.denoisers.draws import Batch, development_batch, training_batch
from certiqa.denoisers.network import DenoiserNetwork
from certiqa.denoisers.objective import Objective, ScoreFn
from certiqa.errors import ModelError
from certiqa.training.moving import follow
from certiqa.training.pictures import ImagePool
from certiqa.training.workers import Workers

__all__ = ["Trainer", "learning_rate"]

_WARM_UP = 0.04
_FEW = 8


class Trainer:
    """A :class:`certiqa.training.task.Task`.

    Args:
        config: the settings.
        pool: the images.
        metric: frozen; None if no loss needs it.
        start: weights to begin with; None: those of the seed.
        group: the processes.

    Attributes:
        network: what learns.
        ema: the moving average of its weights: what is looked at and kept.
        measures: "loss": the weighted sum; then each loss, "psnr" and "srocc", without a metric "mse" and "psnr" only.
    """

    def __init__(
        self,
        config: TrainingConfig,
        pool: ImagePool,
        metric: ScoreFn | None,
        start: DenoiserNetwork | None,
        group: Workers,
    ) -> None:
        self.config, self.pool, self.metric, self.group = config, pool, metric, group
        self.network = build(config.architecture, seed=config.seed)
        if start is not None:
            self.network.load_state_dict(start.state_dict())
        for parameter in self.network.parameters():
            if parameter.ndim == 4:
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
        self.network = self.network.to(group.device).requires_grad_(True)
        self.ema = copy.deepcopy(self.network).requires_grad_(False)
        self.parameters = list(self.network.parameters())
        self.optimizer = torch.optim.AdamW(self.parameters, lr=config.lr, weight_decay=config.weight_decay)
        self.objective = Objective(config, metric)
        through = ("target", "ranking", "psnr", "srocc") if metric is not None else ("psnr",)
        self.measures: tuple[str, ...] = ("loss", "mse", *through)

    def begin(self) -> None:
        """Find the unit of the metric's scores: the standard deviation of those of clean windows.

        Raises:
            ModelError: they are not finite.
        """
        if self.metric is None:
            return
        scores: list[float] = []
        if self.group.leads:
            few = len(self.pool.development) < _FEW
            with torch.no_grad():
                for batch in self._first_batches() if few else self._development():
                    scores += [float(value) for value in self.metric(batch.clean).flatten()]
        spread = float(np.std(scores)) if len(scores) > 1 else 0.0
        (agreed,) = self.group.agree([spread])
        if not math.isfinite(agreed):
            raise ModelError("The metric's scores of clean images are not finite.")
        self.objective = replace(self.objective, scale=agreed or 1.0)

    def _first_batches(self) -> Iterator[Batch]:
        for step in range(4):
            yield training_batch(self.pool, self.config, step, range(self.config.batch), self.group.device)

    def step(self, number: int) -> dict[str, float]:
        """One update; its losses.

        Raises:
            ModelError: the metric fails or gives no gradient, or the gradient is not finite; the weights are as before.
        """
        config, group = self.config, self.group
        for param_group in self.optimizer.param_groups:
            param_group["lr"] = learning_rate(config, number)
        batch = training_batch(self.pool, config, number, group.share(config.batch), group.device)
        images, scores = self.objective.denoised(self.network, batch)
        losses = self.objective.losses(images, scores, batch, group.gathered)
        # mse and target are means over this process's share; the ranking loss is that of the whole batch, whose
        # gradient with respect to this share is not averaged: the sum over the processes is the whole gradient.
        total = sum(
            (weight * losses[name] / (1 if name == "ranking" else group.world)
             for name, weight in config.losses.items()),
            torch.zeros((), device=group.device),
        )  # fmt: skip
        self.optimizer.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        group.sum_gradients(self.parameters)
        norm = float(nn.utils.clip_grad_norm_(self.parameters, config.grad_clip))
        if not math.isfinite(norm):
            raise ModelError(
                f"The gradient at step {number + 1} is not finite. Try a lower lr; look whether the metric is "
                "finite and differentiable on what a denoiser may give it."
            )
        self.optimizer.step()
        follow(self.ema.parameters(), self.parameters, config.ema, number)
        return {name: float(losses[name].detach()) for name in LOSSES if name in losses} | {"gradient": norm}

    def look(self) -> dict[str, float]:
        """The measures of the averaged weights; empty without a development part."""
        return measured(self.objective, self.ema, self._development()) if self.pool.development else {}

    def _development(self) -> Iterator[Batch]:
        count = min(len(self.pool.development), self.config.validation_images)
        size = max(1, self.config.batch // self.group.world)
        for begin in range(0, count, size):
            places = range(begin, min(begin + size, count))
            yield development_batch(self.pool, self.config, places, self.group.device)

    def shown(self, value: float) -> float:
        """Six decimals; which look was best is decided by all digits."""
        return round(value, 6)

    def state(self) -> dict[str, Any]:
        """Weights, their average, the optimiser's state, and the unit of the metric's scores."""
        return {
            "network": self.network.state_dict(),
            "ema": self.ema.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scale": self.objective.scale,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what :meth:`state` gave."""
        self.network.load_state_dict(state["network"])
        self.ema.load_state_dict(state["ema"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.objective = replace(self.objective, scale=state["scale"])

    def weights(self) -> dict[str, Tensor]:
        """A copy of the averaged weights, on the CPU."""
        return {name: value.detach().cpu().clone() for name, value in self.ema.state_dict().items()}

    def put(self, weights: Mapping[str, Tensor]) -> None:
        """Take these for the averaged ones."""
        self.ema.load_state_dict(weights)


def learning_rate(config: TrainingConfig, step: int) -> float:
    """The rate of the update after ``step`` updates."""
    progress = step / config.steps
    return config.lr * min(1.0, (step + 1) / max(1.0, _WARM_UP * config.steps)) * (1 + math.cos(math.pi * progress)) / 2
