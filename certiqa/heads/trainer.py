"""The task of the loop: one update of a head under noise, of its moving average and of the weight of the width."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from certiqa.errors import ModelError
from certiqa.heads.config import HeadConfig
from certiqa.heads.examples import Examples
from certiqa.heads.measuring import measured
from certiqa.heads.network import Head, HeadShape
from certiqa.heads.objective import losses
from certiqa.training.draws import generator
from certiqa.training.moving import follow

__all__ = ["HeadTrainer"]

_WARM_UP = 0.1
_FIRST_WEIGHT, _LEAST_WEIGHT, _MOST_WEIGHT, _GAIN = 0.3, 0.01, 5.0, 0.01


class HeadTrainer:
    """A :class:`certiqa.training.task.Task`.

    Args:
        config: the settings.
        fit: what it learns from.
        development: what is looked at; None: nothing.

    Attributes:
        head: what learns.
        ema: the moving average of its weights: what is looked at and kept.
        measures: "loss": 1 - the mean SROCC; then for each data set, by number, SROCC and tau/SD at the config's psnr.
    """

    def __init__(self, config: HeadConfig, fit: Examples, development: Examples | None) -> None:
        self.config, self.fit, self.development = config, fit, development
        names = sorted(set(fit.kinds))
        kinds = len(names) if config.kinds else 0
        scale = config.knee * config.sigma
        shape = HeadShape(fit.numbers.shape[2], config.hidden, config.members, scale, kinds)
        self.head = Head(shape)
        self.head.front_end_digest, self.head.certified_sigma = fit.front_end, config.sigma
        self.head.certified_n = config.samples
        self._initialise()
        self.ema = copy.deepcopy(self.head).requires_grad_(False)
        self.parameters = list(self.head.parameters())
        self.optimizer = torch.optim.AdamW(self.parameters, lr=config.lr, weight_decay=config.weight_decay)
        self.numbers = torch.from_numpy(fit.numbers)
        self.scores = torch.from_numpy(fit.scores.astype(np.float32))
        self.kinds = torch.tensor([names.index(name) for name in fit.kinds])
        self.rows = [np.flatnonzero(fit.groups == group) for group in np.unique(fit.groups)]
        self.shares = _shares(config, [len(rows) for rows in self.rows])
        self.widths = config.widths(len(self.rows))
        self.weight = [_FIRST_WEIGHT] * len(self.rows)
        looks = [f"{kind}_{group}" for group in range(len(self.rows)) for kind in ("srocc", "tau_over_sd")]
        self.measures: tuple[str, ...] = ("loss", *looks)

    def _initialise(self) -> None:
        """Uniform in +-1/sqrt(inputs), as torch.nn.Linear does; inputs standardised as they are under the noise."""
        rng = generator(self.config.seed, "initial")
        with torch.no_grad():
            for weight, bias in zip(self.head.weights, self.head.biases, strict=True):
                bound = 1 / math.sqrt(weight.shape[1])
                for values in (weight, bias):
                    values.copy_(torch.from_numpy(rng.uniform(-bound, bound, tuple(values.shape))))
            numbers = self.fit.numbers[0]
            noise = self.config.sigma * rng.standard_normal(numbers.shape, dtype=np.float32)
            inputs = torch.asinh(torch.from_numpy(numbers + noise) / self.head.shape.scale)
            self.head.centre.copy_(inputs.mean(0))
            self.head.spread.copy_(inputs.std(0).clamp_min(1e-3))

    def begin(self) -> None:
        """Nothing is found out before the first step."""

    def step(self, number: int) -> dict[str, float]:
        """One update; what it was about.

        Raises:
            ModelError: the gradient is not finite; the weights are as before.
        """
        config = self.config
        for settings in self.optimizer.param_groups:
            settings["lr"] = config.lr * min(1.0, (number + 1) / max(1.0, _WARM_UP * config.steps)) * (
                0.5 + 0.5 * math.cos(math.pi * number / config.steps)
            )  # fmt: skip
        rows, noisy, guess = self._noisy_scores(number)
        human = self.scores[rows]
        total, begin = torch.zeros(()), 0
        record: dict[str, float] = {}
        for group, share in enumerate(self.shares):
            part = slice(begin, begin + share)
            begin += share
            found = losses(noisy[:, :, part], human[:, part], config.radius)
            total = total + found.agreement + config.label * found.label + self.weight[group] * found.width
            record |= {f"plcc_{group}": 1 - float(found.agreement.detach()), f"width_{group}": found.median_width}
        if config.kinds:
            total = total + config.kinds * functional.cross_entropy(guess.flatten(0, 1), self.kinds[rows].flatten())
        self.optimizer.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        norm = float(torch.nn.utils.clip_grad_norm_(self.parameters, 10.0))
        if not math.isfinite(norm):
            raise ModelError(f"The gradient at step {number + 1} is not finite. Try a lower lr.")
        self.optimizer.step()
        for group in range(len(self.weight)):
            raised = self.weight[group] * math.exp(_GAIN * (record[f"width_{group}"] / self.widths[group] - 1))
            self.weight[group] = min(max(raised, _LEAST_WEIGHT), _MOST_WEIGHT)
        follow(self.ema.parameters(), self.parameters, config.ema, number)
        return record

    def _noisy_scores(self, number: int) -> tuple[Tensor, Tensor, Tensor]:
        """A batch for each member: its rows (members, B), data set after data set; (draws, members, B) noisy scores.

        And (members, B, kinds) the guesses of its kinds, means over the draws.
        """
        config, rng = self.config, generator(self.config.seed, "batch", number)
        rows = np.stack(
            [
                np.concatenate([rng.choice(own, share) for own, share in zip(self.rows, self.shares, strict=True)])
                for _ in range(config.members)
            ]
        )
        views = np.where(rng.random(rows.shape) < config.whole, 0, rng.integers(0, len(self.numbers), rows.shape))
        numbers = self.numbers[torch.from_numpy(views), torch.from_numpy(rows)]
        members, count, size = numbers.shape
        half = torch.from_numpy(rng.standard_normal((members, config.draws // 2, count, size), dtype=np.float32))
        noisy = numbers[:, None] + config.sigma * torch.cat([half, -half], dim=1)
        logits, guess = self.head.logits(noisy.flatten(1, 2))
        scores = 100 * torch.sigmoid(logits).reshape(members, config.draws, count).transpose(0, 1)
        return torch.from_numpy(rows), scores, guess.reshape(members, config.draws, count, -1).mean(1)

    def look(self) -> dict[str, float]:
        """Agreement and width of the averaged weights on the development part; empty without one."""
        if self.development is None:
            return {}
        return measured(self.ema, self.development, self.config)

    def shown(self, value: float) -> float:
        """Four decimals."""
        return round(value, 4)

    def state(self) -> dict[str, Any]:
        """Weights, their average, the optimiser's state, and the weights of the widths."""
        return {
            "head": self.head.state_dict(),
            "ema": self.ema.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "weight": list(self.weight),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what :meth:`state` gave."""
        self.head.load_state_dict(state["head"])
        self.ema.load_state_dict(state["ema"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.weight = list(state["weight"])

    def weights(self) -> dict[str, Tensor]:
        """A copy of the averaged weights."""
        return {name: value.detach().clone() for name, value in self.ema.state_dict().items()}

    def put(self, weights: Mapping[str, Tensor]) -> None:
        """Take these for the averaged ones."""
        self.ema.load_state_dict(weights)


def _shares(config: HeadConfig, sizes: list[int]) -> list[int]:
    """How many pictures of a batch each data set gives; at least 2."""
    if len(sizes) == 1:
        return [config.batch]
    rest = (1 - config.large) / (len(sizes) - 1)
    largest = sizes.index(max(sizes))
    return [max(2, round(config.batch * (config.large if i == largest else rest))) for i in range(len(sizes))]
