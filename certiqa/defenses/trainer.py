"""The task of the loop: one update of a metric's weights, and a look at the development part."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from certiqa.defenses.average import KeptWeights
from certiqa.defenses.config import DefenseConfig
from certiqa.defenses.gradient_norm import gradient_norm
from certiqa.defenses.losses import rank_correlation, root_mean_square_error
from certiqa.defenses.modes import evaluating
from certiqa.defenses.objective import Objective, Terms
from certiqa.defenses.seeded import seeded
from certiqa.defenses.windows import Windows, contents_of_step, development_windows, training_windows
from certiqa.errors import ModelError
from certiqa.training.pictures import ImagePool
from certiqa.training.workers import Workers

__all__ = ["Trainer", "learning_rate"]

_WARM_UP = 0.04
_NAMED = 4


class Trainer:
    """A :class:`certiqa.training.task.Task`.

    Args:
        network: is changed; its parameters that are to learn ask for gradients.
        config: the settings.
        pool: the images.
        objective: the loss.
        group: the processes.

    Attributes:
        steps: how many updates the run has.
        kept: what is looked at and kept of the weights.
        measures: "loss": the whole objective, on development windows; "task": the task loss of the same scores;
            "srocc" and "rmse" of the clean scores (with the config's noise, if any); "gradient": the mean l1 norm, in
            units of the score, by the finite difference of the config.
    """

    measures: tuple[str, ...] = ("loss", "task", "srocc", "rmse", "gradient")

    def __init__(
        self, network: nn.Module, config: DefenseConfig, pool: ImagePool, objective: Objective, group: Workers
    ) -> None:
        self.network, self.config, self.pool, self.group = network, config, pool, group
        self.objective = objective
        self.steps = config.steps_for(len(pool.fit))
        self.learning = {name: p for name, p in network.named_parameters() if p.requires_grad}
        self.parameters = list(self.learning.values())
        self.kept = KeptWeights(self.learning, config.ema, config.start_share)
        self.optimizer = _optimizer(self.learning, config)
        network.train(config.layers == "train")

    def begin(self) -> None:
        """Nothing has to be found."""

    def step(self, number: int) -> dict[str, float]:
        """One update.

        Raises:
            ModelError: the loss or its gradient is not finite; the images of the batch are named, and the weights are
                as before.
        """
        config, group = self.config, self.group
        for one in self.optimizer.param_groups:
            one["lr"] = one["highest"] * learning_rate(config, number, self.steps)
        windows = training_windows(self.pool, config, number, group.share(config.batch), group.device)
        self.optimizer.zero_grad()
        before = self._buffers()
        dropout = seeded(group.device, config.seed, "layers", number, group.rank)
        with dropout if config.layers == "train" else nullcontext():
            terms = self.objective(self.network, windows, group.gathered, group.world, self._strength(number))
        bad = ~group.gathered(terms.finite())
        if bool(bad.any()) or not math.isfinite(float(group.gathered(terms.total.detach()[None]).sum())):
            self._put_buffers(before)
            raise self._not_finite("loss", number, bad)
        terms.total.backward()  # type: ignore[no-untyped-call]
        group.sum_gradients(self.parameters)
        norm = float(nn.utils.clip_grad_norm_(self.parameters, config.grad_clip or math.inf))
        if not math.isfinite(norm):
            self._put_buffers(before)
            raise self._not_finite("gradient", number, bad)
        self.optimizer.step()
        self.kept.update(number)
        found = {"loss": float(terms.total.detach()) * group.world, "task": float(terms.task), "step_norm": norm}
        return found | ({} if terms.norms is None else {"penalty": float(terms.norms.mean())})

    def _strength(self, number: int) -> float:
        """The part of lambda, or of eps, that counts in this step; looks are always at the whole."""
        return min(1.0, (number + 1) / max(1.0, self.config.ramp * self.steps))

    def _not_finite(self, what: str, number: int, bad: Tensor) -> ModelError:
        contents = contents_of_step(self.pool, self.config, number)
        guilty = [name for name, one in zip(contents, bad.tolist(), strict=True) if one] or list(contents)
        shown = ", ".join(map(repr, guilty[:_NAMED])) + (f" and {len(guilty) - _NAMED} more" * (len(guilty) > _NAMED))
        where = f"on the images {shown}" if bool(bad.any()) else f"on the batch with the images {shown}"
        return ModelError(
            f"The {what} of step {number + 1} is not finite, {where}. Try a lower lr or lam, grad_clip=1, or float32."
        )

    def look(self) -> dict[str, float]:
        """The measures of the weights that would be kept, in eval mode; empty without a development part."""
        count = min(len(self.pool.development), self.config.validation_images)
        if not count:
            return {}
        with evaluating(self.network), _frozen(self.parameters), self.kept.worn():
            return {name: self.shown(value) for name, value in self._looked(count).items()}

    def shown(self, value: float) -> float:
        """Six digits; :meth:`look` has no more either, so what the log calls equal is no progress."""
        return float(f"{value:.6g}")

    def _looked(self, count: int) -> dict[str, float]:
        totals, clean, mos, scores, labels, groups, norms = [], [], [], [], [], [], []
        for windows in self._development(count):
            terms = self.objective(self.network, windows)
            with torch.no_grad():
                clean.append(self.objective.scores(self.network, windows.images))
            norms += self._norms(windows, terms)
            totals.append(float(terms.total.detach()) * len(windows))
            mos.append(windows.mos)
            scores.append(terms.scores)
            labels.append(terms.labels)
            groups.append(windows.groups)
        seen, wanted, said = torch.cat(clean).float(), torch.cat(mos), torch.cat(scores)
        return {
            "loss": sum(totals) / count,
            "task": float(self.objective.task_loss(said, torch.cat(labels), torch.cat(groups))),
            "srocc": rank_correlation(seen, wanted),
            "rmse": root_mean_square_error(seen, wanted),
            "gradient": float(torch.cat(norms).mean()) if norms else math.nan,
        }

    def _development(self, count: int) -> Iterator[Windows]:
        size = max(2, self.config.batch // self.group.world)
        begins = list(range(0, count, size))
        if len(begins) > 1 and count - begins[-1] == 1:  # a loss of a whole batch needs two images
            begins.pop()
        for begin, end in zip(begins, [*begins[1:], count], strict=True):
            yield development_windows(self.pool, self.config, range(begin, end), self.group.device)

    def _norms(self, windows: Windows, terms: Terms) -> list[Tensor]:
        """The l1 norms of the windows; nothing for a metric that gives the image no gradient ("clean", "noise")."""
        config = self.config
        if terms.norms is not None and config.norm == "l1":
            return [terms.norms.float()]
        try:
            return [gradient_norm(self.network, windows.images, h=config.h, std=config.std).detach().float()]
        except ModelError:
            return []

    def state(self) -> dict[str, Any]:
        """The network's, the optimiser's, and the moving average of the weights."""
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "mean": self.kept.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what :meth:`state` gave."""
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.kept.restore(state["mean"])

    def weights(self) -> dict[str, Tensor]:
        """A copy of the network's state with the weights that are kept as things stand, on the CPU."""
        with self.kept.worn():
            return {name: value.detach().cpu().clone() for name, value in self.network.state_dict().items()}

    def put(self, weights: Mapping[str, Tensor]) -> None:
        """Take these."""
        self.network.load_state_dict(weights)

    def _buffers(self) -> list[Tensor]:
        return [one.clone() for one in self.network.buffers()] if self.config.layers == "train" else []

    def _put_buffers(self, before: list[Tensor]) -> None:
        for one, value in zip(self.network.buffers(), before, strict=bool(before)):
            one.copy_(value)


def learning_rate(config: DefenseConfig, step: int, steps: int) -> float:
    """The part of the highest rate that the update after ``step`` updates gets."""
    if config.schedule == "constant":
        return 1.0
    return min(1.0, (step + 1) / max(1.0, _WARM_UP * steps)) * (1 + math.cos(math.pi * step / steps)) / 2


def _optimizer(learning: Mapping[str, nn.Parameter], config: DefenseConfig) -> torch.optim.Optimizer:
    """Backbone and head as groups of their own; lists, not iterators that an epoch would use up."""
    slow = [p for name, p in learning.items() if not config.backbone or name.startswith(config.backbone)]
    fast = [p for name, p in learning.items() if config.backbone and not name.startswith(config.backbone)]
    rates = ((slow, config.lr), (fast, config.lr * config.head_lr))
    groups = [{"params": part, "lr": rate, "highest": rate} for part, rate in rates if part]
    kind = torch.optim.Adam if config.optimizer == "adam" else torch.optim.AdamW
    return kind(groups, lr=config.lr, weight_decay=config.weight_decay)


@contextmanager
def _frozen(parameters: list[nn.Parameter]) -> Iterator[None]:
    """No gradients for parameters, for a while."""
    try:
        for parameter in parameters:
            parameter.requires_grad_(False)
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)
