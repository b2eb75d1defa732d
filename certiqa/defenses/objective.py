"""The loss of a batch: the task's, of the images that the method trains on, and the penalty's."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from certiqa.defenses.config import DefenseConfig
from certiqa.defenses.gradient_norm import GradientNorm
from certiqa.defenses.losses import couples, task_loss, within_groups
from certiqa.defenses.modes import evaluating, is_training
from certiqa.defenses.pgd import lowered, worst_images
from certiqa.defenses.windows import Windows
from certiqa.errors import ModelOutputError

__all__ = ["Objective", "Terms"]

Gather = Callable[[Tensor], Tensor]


def _alone(values: Tensor) -> Tensor:
    return values


@dataclass(frozen=True)
class Terms:
    """A batch's loss, and what it is made of.

    Attributes:
        total: (), the loss; its gradients, summed over the processes, are those of the whole batch's loss.
        task: (), the task loss, without a graph; of this process's share, or of the batch where the loss couples it.
        scores: (B,) that the task loss saw, without a graph (of the attacked images, for "at").
        labels: (B,) that it compared them with.
        norms: (B,) estimated gradient norms; None for other methods than "nt".
    """

    total: Tensor
    task: Tensor
    scores: Tensor
    labels: Tensor
    norms: Tensor | None = None

    def finite(self) -> Tensor:
        """(B,) whether every number of an image is finite."""
        good = self.scores.isfinite()
        return good if self.norms is None else good & self.norms.isfinite()


@dataclass(frozen=True)
class Objective:
    """The loss of a config.

    Attributes:
        config: the settings.
        span: the length of the range of the scores.
        lower_better: of the metric.
    """

    config: DefenseConfig
    span: float
    lower_better: bool

    def __call__(
        self, network: nn.Module, windows: Windows, gather: Gather = _alone, world: int = 1, strength: float = 1.0
    ) -> Terms:
        """The loss of this process's share.

        Args:
            network: in the mode that the task loss is to see.
            windows: the share.
            gather: makes the values of all processes out of those of this one.
            world: how many processes there are.
            strength: in (0, 1], the part of lambda and of eps that counts.

        Raises:
            ModelOutputError: not one score per image; ModelError: no gradient.
        """
        if self.config.method == "at":
            return self._attacked(network, windows, gather, world, strength)
        if self.config.method == "nt":
            return self._flattened(network, windows, gather, world, strength)
        scores = self.scores(network, windows.images)
        task = self._task(scores, windows.mos, windows.groups, gather)
        return Terms(self._share(task, world), task.detach(), scores.detach(), windows.mos)

    def scores(self, network: nn.Module, images: Tensor) -> Tensor:
        """(B,) float32 or better, in the precision of the config, with whatever graph there is."""
        with self._precision(images.device):
            output = network(images)
        if not isinstance(output, Tensor) or tuple(output.shape) not in {(n := len(images),), (n, 1), (n, 1, 1)}:
            found = f"shape {tuple(output.shape)}" if isinstance(output, Tensor) else type(output).__name__
            raise ModelOutputError(
                f"The metric must return one score per image, {len(images)} of them. Got {found} instead."
            )
        return output.reshape(len(images)).to(torch.promote_types(output.dtype, torch.float32))

    def penalty(self) -> GradientNorm:
        """The penalty of the config."""
        config = self.config
        return GradientNorm(config.h, norm=config.norm, power=config.power, std=config.std)

    def _flattened(self, network: nn.Module, windows: Windows, gather: Gather, world: int, strength: float) -> Terms:
        penalty, lam = self.penalty(), self.config.lam * strength
        shared = not self.config.bfloat16 and not is_training(network)  # else the clean scores are another function's
        images = windows.images.detach().requires_grad_(shared)
        with torch.enable_grad():
            scores = self.scores(network, images)
        norms = penalty.norms(network, images, scores if shared else None)
        task = self._task(scores, windows.mos, windows.groups, gather)
        total = self._share(task, world) + lam * norms.pow(penalty.power).mean() / world
        return Terms(total, task.detach(), scores.detach(), windows.mos, norms.detach())

    def _attacked(self, network: nn.Module, windows: Windows, gather: Gather, world: int, strength: float) -> Terms:
        config, images, mos = self.config, windows.images, windows.mos
        start = windows.start if windows.start is not None else torch.zeros_like(images)
        with evaluating(network):
            with torch.no_grad():
                above = self.scores(network, images) >= mos
            changed = worst_images(
                lambda x: self.scores(network, x), images, torch.where(above, 1.0, -1.0), start,
                eps=strength * config.eps, steps=config.attack_steps, step_size=strength * config.attack_step,
            )  # fmt: skip
        labels = lowered(
            mos, images, changed, eps=config.eps, drop=config.label_drop * self.span, lower_better=self.lower_better
        )
        scores = self.scores(network, changed)
        task = self._task(scores, labels, windows.groups, gather)
        if config.adversarial < 1:
            clean = self._task(self.scores(network, images), mos, windows.groups, gather)
            task = config.adversarial * task + (1 - config.adversarial) * clean
        return Terms(self._share(task, world), task.detach(), scores.detach(), labels)

    def task_loss(self, scores: Tensor, mos: Tensor, groups: Tensor) -> Tensor:
        """() of scores, human scores and the data sets they belong to, (B,) each."""
        loss = task_loss(self.config.task_loss, self.span)
        if couples(self.config.task_loss):
            return within_groups(loss, scores, mos.to(scores.dtype), groups)
        return loss(scores, mos.to(scores.dtype))

    def _task(self, scores: Tensor, mos: Tensor, groups: Tensor, gather: Gather) -> Tensor:
        if couples(self.config.task_loss):
            scores, mos, groups = gather(scores), gather(mos), gather(groups)
        return self.task_loss(scores, mos, groups)

    def _share(self, task: Tensor, world: int) -> Tensor:
        """A mean over the share counts 1/world of the batch's; a loss of the whole batch has this share's gradient."""
        return task if couples(self.config.task_loss) else task / world

    def _precision(self, device: torch.device) -> Any:
        if not self.config.bfloat16:
            return contextlib.nullcontext()
        return torch.autocast(device.type, dtype=torch.bfloat16)
