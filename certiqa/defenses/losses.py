"""The loss of the task: scores against human scores."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from certiqa.metrics.linearityiqa.norm_in_norm import norm_in_norm_loss

__all__ = [
    "TASK_LOSSES",
    "TaskLoss",
    "agreement_loss",
    "couples",
    "degree",
    "order_loss",
    "plcc_loss",
    "rank_correlation",
    "root_mean_square_error",
    "task_loss",
    "within_groups",
]

TaskLoss = Literal["mae", "mse", "plcc", "norm-in-norm", "agreement"]


def plcc_loss(scores: Tensor, mos: Tensor) -> Tensor:
    """(1 - PLCC) / 2 of a batch, in [0, 1]; 1/2, with a gradient of zero, where either is constant.

    >>> human = torch.tensor([1.0, 2.0, 4.0])
    >>> bool(plcc_loss(3 * human - 7, human).abs() < 1e-6), bool((plcc_loss(-human, human) - 1).abs() < 1e-6)
    (True, True)
    """
    a, b = scores - scores.mean(), mos.to(scores.dtype) - mos.to(scores.dtype).mean()
    length: Tensor = (a.norm() * b.norm()).clamp_min(1e-8)
    return (1 - (a * b).sum() / length) / 2


def order_loss(scores: Tensor, mos: Tensor, scale: float) -> Tensor:
    """Whether the pairs of a batch are in order: the cross-entropy of their Bradley-Terry probabilities.

    A pair whose human scores are ``scale`` apart is in its order with a probability of 73 %; the loss compares that
    with what the scores say, so it is least, and not zero, where they are as far apart as the human scores.

    >>> human = torch.tensor([10.0, 40.0, 90.0])
    >>> bool(order_loss(human, human, 5.0) < order_loss(human.flip(0), human, 5.0))
    True
    """
    chance = torch.sigmoid((mos[:, None] - mos) / scale)
    return functional.binary_cross_entropy_with_logits((scores[:, None] - scores) / scale, chance)


def agreement_loss(scores: Tensor, mos: Tensor, span: float = 100.0) -> Tensor:
    """(1 - PLCC) / 2, plus half the squared error in fifths of the range, plus :func:`order_loss` at a twentieth of it.

    The built-in metric was trained with it. The pairs keep the order where the squared error alone would settle for
    the mean of the human scores, and the squared error keeps the scale, which PLCC does not know. All three are least
    where the scores are the human scores.

    Args:
        scores: (B,).
        mos: (B,), human scores of one data set.
        span: the length of the range of both.
    """
    error = functional.mse_loss(5 * scores / span, 5 * mos.to(scores.dtype) / span)
    return plcc_loss(scores, mos) + error / 2 + order_loss(scores, mos.to(scores.dtype), span / 20)


_FUNCTIONS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mae": functional.l1_loss,
    "mse": functional.mse_loss,
    "plcc": plcc_loss,
    "norm-in-norm": norm_in_norm_loss,
    "agreement": agreement_loss,
}
TASK_LOSSES = tuple(_FUNCTIONS)
_DEGREES = {"mae": 1, "mse": 2, "plcc": 0, "norm-in-norm": 0, "agreement": 0}


def task_loss(name: TaskLoss, span: float = 100.0) -> Callable[[Tensor, Tensor], Tensor]:
    """(B,) scores and (B,) human scores -> (); ``span`` is the length of the range of both."""
    return functools.partial(agreement_loss, span=span) if name == "agreement" else _FUNCTIONS[name]


def within_groups(loss: Callable[[Tensor, Tensor], Tensor], scores: Tensor, mos: Tensor, groups: Tensor) -> Tensor:
    """A loss that compares the images of a batch, within each group of them: the mean, weighed by the groups' sizes.

    Groups of one image have nothing to compare and are left out; zero, with a gradient of zero, if there is no other.

    >>> human, groups = torch.tensor([1.0, 2.0, 1.0, 2.0]), torch.tensor([0, 0, 1, 1])
    >>> float(within_groups(plcc_loss, human + 50 * groups, human, groups)) < 1e-6
    True
    """
    members = [groups == group for group in torch.unique(groups)]
    parts = [(int(one.sum()), loss(scores[one], mos[one])) for one in members if int(one.sum()) > 1]
    count = sum(size for size, _ in parts)
    return sum((size / count * part for size, part in parts), start=0 * scores.sum())


def couples(name: TaskLoss) -> bool:
    """Whether the loss is one of the whole batch, not a mean over its images.

    >>> [couples(name) for name in TASK_LOSSES]
    [False, False, True, True, True]
    """
    return _DEGREES[name] == 0


def degree(name: TaskLoss) -> int:
    """By which power of c the loss grows if scores, human scores and their range are multiplied by c."""
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
