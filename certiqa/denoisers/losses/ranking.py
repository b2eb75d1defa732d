"""The ranking loss: the scores of a batch shall stand in the order of the human scores.

Which order is wanted is one matter (:func:`wanted_order`), how a wrong order is punished another: pair by pair with a
margin (:func:`margin_ranking_loss`), or through soft ranks and their correlation (:func:`soft_rank_loss`).
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["margin_ranking_loss", "soft_rank_loss", "wanted_order"]

_FLOOR = 1e-4
"""Added to the squared length of the ranks, so that the gradient of equal scores is finite."""


def wanted_order(mos: Tensor, groups: Tensor, clean_scores: Tensor, *, lower_better: bool = False) -> Tensor:
    """How far image i shall stand above image j in the metric's scores: (B, B), antisymmetric.

    For two images with human scores of the same group (data set), it is the difference of their MOS, with its sign
    turned for a metric whose lower scores are better; for any other pair, whose MOS are missing or not on one scale, it
    is the difference M(x_i) - M(x_j) of the clean scores.

    Args:
        mos: (B,), higher is better, in units of the scale of the scores; NaN where there is none.
        groups: (B,), whole numbers: which data set.
        clean_scores: M(x), (B,), in the same units; no gradient goes there.
        lower_better: of the metric.

    >>> mos, groups = torch.tensor([3.0, 1.0, torch.nan]), torch.tensor([0, 0, 0])
    >>> wanted_order(mos, groups, torch.tensor([5.0, 6.0, 7.0]))[0]
    tensor([ 0.,  2., -2.])
    """
    human = torch.where(mos.isnan(), 0.0, mos).float() * (-1.0 if lower_better else 1.0)
    rated = ~mos.isnan()
    comparable = rated[:, None] & rated & (groups[:, None] == groups)
    clean = clean_scores.detach().float()
    return torch.where(comparable, human[:, None] - human, clean[:, None] - clean)


def margin_ranking_loss(scores: Tensor, order: Tensor, *, margin: float = 0.0, slope: float = 1.0) -> Tensor:
    """The mean over the ordered pairs of max(0, margin + slope * |order| - (difference in the wanted direction)).

    Zero exactly when every pair stands in the wanted order, at least ``margin + slope * |order|`` apart. With slope 0
    the margin is fixed, with margin 0 it is scaled to the wanted difference. Ties do not count.

    Args:
        scores: (B,), with their graph, in the units of ``order``.
        order: (B, B) of :func:`wanted_order`.
        margin: the fixed part, >= 0.
        slope: the part that grows with the wanted difference, >= 0.

    >>> margin_ranking_loss(torch.tensor([1.0, 0.0]), torch.tensor([[0.0, 1.0], [-1.0, 0.0]]), margin=0.25, slope=1.0)
    tensor(0.2500)
    """
    upper = torch.ones_like(order, dtype=torch.bool).triu(1) & (order != 0)
    scores = scores.float()
    apart = (scores[:, None] - scores)[upper] * order[upper].sign()
    missing = (margin + slope * order[upper].abs() - apart).clamp_min(0.0)
    return missing.sum() / max(1, len(missing))


def soft_rank_loss(scores: Tensor, order: Tensor, *, temperature: float = 0.1) -> Tensor:
    """(1 - rho) / 2, where rho is a soft Spearman correlation of the scores with the wanted order; in [0, 1].

    The rank of an image is the sum over the others of sigmoid(difference / temperature), which tends to the number of
    images below it as the temperature falls; the wanted rank is that of ``order`` with steps for sigmoids. rho is the
    correlation of the two. Without two different wanted ranks the loss is 0.

    Args:
        scores: (B,), with their graph, in the units of ``order``.
        order: (B, B) of :func:`wanted_order`.
        temperature: in the units of the scores, > 0.

    >>> scores = torch.tensor([0.1, 3.0, 2.0])
    >>> f"{soft_rank_loss(scores, scores[:, None] - scores, temperature=0.01):.4f}"
    '0.0000'
    """
    scores = scores.float()
    ranks = torch.sigmoid((scores[:, None] - scores) / temperature).sum(dim=1)
    wanted = (0.5 * (order.sign() + 1)).sum(dim=1)
    a, b = ranks - ranks.mean(), wanted - wanted.mean()
    if not bool((b != 0).any()):
        return (0.0 * scores).sum()
    rho: Tensor = (a * b).sum() / ((a.square().sum() + _FLOOR).sqrt() * b.norm())
    return (1 - rho) / 2
