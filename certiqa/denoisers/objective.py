"""The weighted sum of the losses for one batch, with the metric frozen."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from certiqa._facts import facts_of
from certiqa.denoisers.config import TrainingConfig
from certiqa.denoisers.draws import Batch
from certiqa.denoisers.losses import margin_ranking_loss, mse_loss, soft_rank_loss, target_loss, wanted_order
from certiqa.denoisers.network import DenoiserNetwork
from certiqa.errors import ModelError, ModelOutputError

__all__ = ["Objective", "ScoreFn", "Scores", "frozen"]

ScoreFn = Callable[[Tensor], Any]
Gather = Callable[[Tensor], Tensor]


def _alone(values: Tensor) -> Tensor:
    return values


def _one_each(output: object, batch: int) -> Tensor:
    """(B,) float32 from the (B,), (B, 1) or (B, 1, 1) of a metric, with its graph."""
    if isinstance(output, Tensor) and tuple(output.shape) in {(batch,), (batch, 1), (batch, 1, 1)}:
        return output.reshape(batch).float()
    found = f"shape {tuple(output.shape)}" if isinstance(output, Tensor) else type(output).__name__
    raise ModelOutputError(f"The metric must return one score per image, {batch} of them. Got {found} instead.")


@dataclass(frozen=True)
class Scores:
    """What the metric says.

    Attributes:
        denoised: M(D(x+z)), (B,).
        clean: M(x), (B,), without a graph.
    """

    denoised: Tensor
    clean: Tensor


@dataclass(frozen=True)
class Objective:
    """The losses of a config.

    Attributes:
        config: their weights and settings.
        metric: frozen; None if no loss needs it.
        scale: one unit of the metric's scores, as the losses see them.
    """

    config: TrainingConfig
    metric: ScoreFn | None
    scale: float = 1.0

    def denoised(self, network: DenoiserNetwork, batch: Batch) -> tuple[Tensor, Scores | None]:
        """D(x+z), not clipped, and the metric's scores of it (clipped, as f does) and of x.

        Raises:
            ModelError: the metric fails, or cuts the gradient.
        """
        with self._precision(batch.clean.device):
            images = network(batch.noisy, batch.sigma)
            if self.metric is None:
                return images, None
            with torch.no_grad():
                clean = _one_each(self.metric(batch.clean), len(batch))
            scores = _one_each(self.metric(images.clamp(0.0, 1.0)), len(batch))
        if images.requires_grad and not scores.requires_grad:
            raise ModelError(
                "The metric gives no gradient with respect to the image, so nothing can be learned through it. Load it "
                "without torch.no_grad (pyiqa: as_loss=True)."
            )
        return images, Scores(scores, clean)

    def losses(self, images: Tensor, scores: Scores | None, batch: Batch, gather: Gather = _alone) -> dict[str, Tensor]:
        """Each loss by its name, without its weight; only those that can be computed.

        Args:
            images: D(x+z).
            scores: of them.
            batch: what they were made from.
            gather: makes the values of all workers out of those of this one: the ranking loss is over the whole batch.
        """
        found = {"mse": mse_loss(images, batch.clean)}
        if scores is not None:
            found["target"] = target_loss(scores.denoised, scores.clean, self.scale)
            found["ranking"] = self.ranking(
                gather(scores.denoised), gather(scores.clean), gather(batch.mos), gather(batch.groups)
            )
        return found

    def ranking(self, scores: Tensor, clean: Tensor, mos: Tensor, groups: Tensor) -> Tensor:
        """The ranking loss of a whole batch."""
        lower_better = bool(facts_of(self.metric).lower_better)
        order = wanted_order(mos, groups, clean / self.scale, lower_better=lower_better)
        if self.config.ranking_kind == "margin":
            return margin_ranking_loss(
                scores / self.scale, order, margin=self.config.margin, slope=self.config.margin_slope
            )
        return soft_rank_loss(scores / self.scale, order, temperature=self.config.temperature)

    def _precision(self, device: torch.device) -> Any:
        if not self.config.bfloat16:
            return contextlib.nullcontext()
        return torch.autocast(device.type, dtype=torch.bfloat16)


@contextlib.contextmanager
def frozen(metric: ScoreFn | None) -> Iterator[None]:
    """No gradient for the metric's parameters, for as long as this lasts; afterwards everything is as it was.

    Raises:
        ModelError: the metric is in train mode.
    """
    if not isinstance(metric, nn.Module):
        yield
        return
    if any(module.training for module in metric.modules()):
        raise ModelError("The metric is in train mode, and would change while it is used. Call metric.eval().")
    asked = [parameter for parameter in metric.parameters() if parameter.requires_grad]
    try:
        for parameter in asked:
            parameter.requires_grad_(False)
        yield
    finally:
        for parameter in asked:
            parameter.requires_grad_(True)
