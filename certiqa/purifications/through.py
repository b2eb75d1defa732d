"""The value of one tensor, the gradient of another."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

__all__ = ["straight_through"]


class _Through(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, value: Tensor, surrogate: Tensor) -> Tensor:
        return value.clone()

    @staticmethod
    def backward(context: Any, *gradients: Any) -> Any:
        return None, gradients[0]


def straight_through(value: Tensor, surrogate: Tensor) -> Tensor:
    """Exactly ``value``, to the last bit, whose gradient goes into ``surrogate``.

    Source: Bengio et al. 2013 (arXiv 1308.3432); Athalye et al. 2018 (arXiv 1802.00420), backward-pass differentiable
    approximation (BPDA).

    >>> x = torch.tensor([0.2, 0.7], requires_grad=True)
    >>> straight_through(x.detach().round(), 3 * x).sum().backward()
    >>> x.grad
    tensor([3., 3.])
    """
    found: Tensor = _Through.apply(value.detach(), surrogate)  # type: ignore[no-untyped-call]
    return found
