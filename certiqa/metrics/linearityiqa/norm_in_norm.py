"""The norm-in-norm loss: the distance of predictions and human scores, each centred and divided by its own norm."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.linalg import vector_norm

from certiqa.errors import InputError

__all__ = ["branch_loss", "norm_in_norm_loss"]

_EPS = 1e-8  # the published constant: added to each norm, and to the differences where p < 1


def norm_in_norm_loss(
    pred: Tensor,
    target: Tensor,
    *,
    p: float = 1.0,
    q: float = 2.0,
    alpha: tuple[float, float] = (1.0, 0.0),
    detach: bool = False,
    exponent: bool = True,
) -> Tensor:
    """How far a batch of predictions is from being an increasing linear function of the human scores.

    Both vectors are centred, divided by their l_q norm (plus 1e-8), and compared in the l_p norm; ^ marks the result::

        loss0 = (||pred^ - target^||_p / c) ^ p,        c = 2^max(1, 1/q) * N^max(0, 1/p - 1/q)
        loss1 = (||rho pred^ - target^||_p / c) ^ p,    rho = cosine of pred^ and target^
        loss  = (alpha_0 loss0 + alpha_1 loss1) / (alpha_0 + alpha_1)

    ||pred^ - target^||_p is at most c, so loss0 lies in [0, 1]. Up to the 1e-8: it is 0 where pred is an increasing
    linear function of target, it does not change with the (positive) scale and the shift of either, and for p = q = 2
    it is (1 - PLCC) / 2, while loss1 is (1 - PLCC^2) / 4. Differentiable in pred; loss and gradient are finite also
    where all predictions are equal. A batch of one image has the loss 0.

    The default is the paper's choice, p = 1, q = 2. The published variant "plus0.1" has alpha = (1, 0.1).

    Args:
        pred: (N,) predictions, floating-point.
        target: (N,) human scores of the same images.
        p: norm of the difference, finite, > 0. Where p < 1, 1e-8 is added to the differences, as published.
        q: norm that normalises, finite, > 0.
        alpha: weights of loss0 and loss1, >= 0, not both 0.
        detach: whether the mean and the norm of pred count as constants in the gradient.
        exponent: whether the quotient is raised to the power p.

    Raises:
        InputError: shapes differ or are not (N,), or an argument is out of its range.

    Source: arXiv:2008.03889; constants as in ``norm_loss_with_normalization`` of the authors' repository.

    >>> human = torch.tensor([1.0, 2.0, 4.0])
    >>> bool(norm_in_norm_loss(3 * human - 7, human) < 1e-6)
    True
    >>> norm_in_norm_loss(-human, human, p=2)
    tensor(1.)
    """
    _check(pred, target, p, q, alpha)
    count = len(pred)
    if count == 1:
        return (pred - pred.detach()).sum()
    constant = pred.detach() if detach else pred
    centred = pred - constant.mean()
    ours = centred / (vector_norm(centred.detach() if detach else centred, q) + _EPS)
    theirs = target.to(pred.dtype) - target.to(pred.dtype).mean()
    theirs = theirs / (vector_norm(theirs, q) + _EPS)
    largest = 2 ** max(1.0, 1 / q) * count ** max(0.0, 1 / p - 1 / q)

    def distance(difference: Tensor) -> Tensor:
        size: Tensor = vector_norm(difference + _EPS if p < 1 else difference, p) / largest
        return size.pow(p) if exponent else size

    loss = pred.new_zeros(())
    if alpha[0] > 0:
        loss = loss + alpha[0] * distance(ours - theirs)
    if alpha[1] > 0:
        cosine = torch.cosine_similarity(ours, theirs, dim=0)
        loss = loss + alpha[1] * distance(cosine * ours - theirs)
    return loss / (alpha[0] + alpha[1])


def branch_loss(
    predictions: Sequence[Tensor],
    target: Tensor,
    *,
    beta: tuple[float, float, float] = (0.1, 0.1, 1.0),
    p: float = 1.0,
    q: float = 2.0,
    alpha: tuple[float, float] = (1.0, 0.0),
    detach: bool = False,
    exponent: bool = True,
) -> Tensor:
    """The training loss of the network: the sum of its three predictions' losses, weighted by beta.

    Args:
        predictions: three (N,) tensors, of stage 3, of stage 4, and of both: ``LinearityIQA.predictions``.
        target: (N,) human scores.
        beta: their weights, >= 0.
        p: see :func:`norm_in_norm_loss`, as for the rest.
        q: likewise.
        alpha: likewise.
        detach: likewise.
        exponent: likewise.

    Raises:
        InputError: not three predictions and three weights >= 0, or as :func:`norm_in_norm_loss`.

    >>> human = torch.tensor([1.0, 2.0, 4.0])
    >>> branch_loss((-human, human, human), human, p=2)
    tensor(0.1000)
    """
    if len(predictions) != 3:
        raise InputError.of("predictions", "must be three tensors: of stage 3, stage 4, and both", len(predictions))
    if len(beta) != 3 or not all(math.isfinite(weight) and weight >= 0 for weight in beta):
        raise InputError.of("beta", "must be three finite weights >= 0", beta, "The published ones: (0.1, 0.1, 1).")
    loss = predictions[0].new_zeros(())
    for weight, pred in zip(beta, predictions, strict=True):
        if weight > 0:
            loss = loss + weight * norm_in_norm_loss(
                pred, target, p=p, q=q, alpha=alpha, detach=detach, exponent=exponent
            )
    return loss


def _check(pred: Tensor, target: Tensor, p: float, q: float, alpha: tuple[float, float]) -> None:
    if pred.ndim != 1 or len(pred) == 0 or not pred.is_floating_point():
        shown = f"{pred.dtype} {tuple(pred.shape)}"
        raise InputError.of("pred", "must be floating-point of shape (N,), N >= 1", shown, "Flatten (N,1): squeeze(1).")
    if target.shape != pred.shape:
        rule = f"must have the shape of pred, {tuple(pred.shape)}"
        raise InputError.of("target", rule, tuple(target.shape), "Flatten (N,1): squeeze(1).")
    for name, value in (("p", p), ("q", q)):
        if not (math.isfinite(value) and value > 0):
            raise InputError.of(name, "must be a finite number > 0", value, "The paper's choice: p=1, q=2.")
    if len(alpha) != 2 or not all(math.isfinite(weight) and weight >= 0 for weight in alpha) or sum(alpha) == 0:
        raise InputError.of("alpha", "must be two finite weights >= 0, not both 0", alpha, "Try alpha=(1, 0).")
