"""What both phases share: the optimiser, the rate, the moving average."""

from __future__ import annotations

import copy
import math

import torch
from torch import nn

__all__ = ["Optimiser"]


class Optimiser:
    """AdamW with a warm-up and half a cosine to zero, and the exponential moving average of the network.

    ``mean`` is what is kept: parameters and BatchNorm's statistics, averaged over the steps.
    """

    def __init__(self, net: nn.Module, rate: float, decay: float, steps: int, memory: float) -> None:
        matrices = [p for p in net.parameters() if p.ndim > 1]
        rest = [p for p in net.parameters() if p.ndim <= 1]
        groups = [{"params": matrices, "weight_decay": decay}, {"params": rest, "weight_decay": 0.0}]
        self.net, self.mean = net, copy.deepcopy(net)
        self.adam = torch.optim.AdamW(groups, lr=rate)
        self.rate, self.steps, self.memory, self.step_number = rate, steps, memory, 0

    def step(self, loss: torch.Tensor) -> None:
        """One update by the gradient of ``loss``."""
        warm = min(1.0, (self.step_number + 1) / 200)
        for group in self.adam.param_groups:
            group["lr"] = self.rate * warm * (1 + math.cos(math.pi * self.step_number / self.steps)) / 2
        self.adam.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), 5.0)
        self.adam.step()
        self.step_number += 1
        keep = min(self.memory, self.step_number / (9 + self.step_number))
        with torch.no_grad():
            for a, b in zip(self.mean.state_dict().values(), self.net.state_dict().values(), strict=True):
                if a.is_floating_point():
                    a.lerp_(b, 1 - keep)
