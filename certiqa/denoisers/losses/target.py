"""The target loss: the metric shall say of the denoised image what it says of the clean one."""

from __future__ import annotations

from torch import Tensor

__all__ = ["target_loss"]


def target_loss(scores: Tensor, clean_scores: Tensor, scale: float = 1.0) -> Tensor:
    """The mean of |M(D(x+z)) - M(x)| / scale over a batch; a scalar >= 0.

    Args:
        scores: M(D(x+z)), (B,), with the graph that leads through the frozen metric to the denoiser.
        clean_scores: M(x), (B,); no gradient goes there.
        scale: what one unit is: the spread of the metric's scores makes losses of different metrics comparable.

    >>> import torch
    >>> target_loss(torch.tensor([1.0, 4.0]), torch.tensor([2.0, 2.0]), scale=2.0)
    tensor(0.7500)
    """
    return (scores.float() - clean_scores.detach().float()).abs().mean() / scale
