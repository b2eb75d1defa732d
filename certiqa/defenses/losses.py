"""The loss of the task: scores against human scores."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from certiqa.metrics.linearityiqa.norm_in_norm import norm_in_norm_loss

__all__ = [
    "TASK_LOSSES",
    "TaskLoss",
    "couples",
    "degree",
    "plcc_loss",
    "rank_correlation",
    "root_mean_square_error",
    "task_loss",
]

TaskLoss = Literal["mae", "mse", "plcc", "norm-in-norm"]


def plcc_loss(scores: Tensor, mos: Tensor) -> Tensor:
    """(1 - PLCC) / 2 of a batch, in [0, 1]; 1/2, with a gradient of zero, where either is constant.

    >>> human = torch.tensor([1.0, 2.0, 4.0])
    >>> bool(plcc_loss(3 * human - 7, human).abs() < 1e-6), bool((plcc_loss(-human, human) - 1).abs() < 1e-6)
    (True, True)
    """
    a, b = scores - scores.mean(), mos.to(scores.dtype) - mos.to(scores.dtype).mean()
    length: Tensor = (a.norm() * b.norm()).clamp_min(1e-8)
    return (1 - (a * b).sum() / length) / 2


_FUNCTIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mae": functional.l1_loss,
    "mse": functional.mse_loss,
    "plcc": plcc_loss,
    "norm-in-norm": norm_in_norm_loss,
}
TASK_LOSSES = tuple(_FUNCTIONS)
_DEGREES = {"mae": 1, "mse": 2, "plcc": 0, "norm-in-norm": 0}


def task_loss(name: TaskLoss) -> Callable[[Tensor, Tensor], Tensor]:
    """(B,) scores and (B,) human scores -> ()."""
    return _FUNCTIONS[name]


def couples(name: TaskLoss) -> bool:
    """Whether the loss is one of the whole batch, not a mean over its images.

    >>> [couples(name) for name in TASK_LOSSES]
    [False, False, True, True]
    """
    return _DEGREES[name] == 0


def degree(name: TaskLoss) -> int:
    """By which power of c the loss grows if scores and human scores are multiplied by c."""
    return _DEGREES[name]


def rank_correlation(scores: Tensor, mos: Tensor) -> float:
    """SROCC of (n,) scores and (n,) human scores; NaN for fewer than five, or where either is constant."""
    from scipy.stats import spearmanr

    if len(scores) < 5 or bool(scores.min() == scores.max()) or bool(mos.min() == mos.max()):
        return float("nan")
    return float(spearmanr(scores.cpu().numpy(), mos.cpu().numpy()).statistic)


def root_mean_square_error(scores: Tensor, mos: Tensor) -> float:
    """RMSE of (n,) scores and (n,) human scores, as they are."""
    return float(torch.sqrt((scores - mos).square().mean()))
