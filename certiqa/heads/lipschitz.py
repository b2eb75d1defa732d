"""LipschitzHead: a head whose score cannot move faster than a constant, known from its weights alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from certiqa import _checks as check
from certiqa.errors import InputError
from certiqa.heads.norms import euclidean_norm, spectral_norm
from certiqa.heads.squash import score_bounds, score_of

__all__ = ["LipschitzHead"]

Floats = npt.NDArray[np.float64]

_UNIT = 2.0**-53
_BOX = 2.0  # a front end's numbers lie in [-1, 1]: the rounding is bounded for twice that


@final
class LipschitzHead(nn.Module):
    """g: (B, m) numbers of a front end -> (B,) scores in [0, 100], with a Lipschitz constant.

    The value is a network of affine maps with MaxMin between them,

        v(z) = w . x_L + b,   x_0 = z - centre,   x_k = MaxMin(W_k x_{k-1} + b_k),

    and the score 100 times its logistic function. MaxMin sorts pairs of units, which moves no two inputs apart, so for
    all z, d: |v(z+d) - v(z)| <= K ||d||_2 with K = ||w|| ||W_L|| ... ||W_1||, whatever the weights. Training keeps
    every W_k orthogonal, so that the product loses little. Without hidden layers the head is linear, and the bound is
    attained: v falls and rises by exactly ||w|| r on the ball of radius r.

    Args:
        inputs: m, from 1.
        hidden: the units of each hidden layer, even numbers; () for a linear head.

    Attributes:
        front_end_digest: of the front end whose numbers it was trained on, or None.

    Raises:
        InputError: a size breaks its rule.

    Source: Anil, Lucas, Grosse, "Sorting out Lipschitz function approximation", ICML 2019 (arXiv 1811.05381).

    >>> head = LipschitzHead(3, hidden=())
    >>> _ = head.last.data.copy_(torch.tensor([3.0, 0.0, 4.0]))
    >>> round(head.lipschitz(), 9), head(torch.zeros(2, 3))
    (5.0, tensor([50., 50.], grad_fn=<MulBackward0>))
    """

    centre: Tensor
    output_range = (0.0, 100.0)
    range_enforced = True
    lower_better = False

    def __init__(self, inputs: int, hidden: Sequence[int] = (128,)) -> None:
        super().__init__()
        check.check_count(inputs, "inputs")
        for size in hidden:
            check.check_count(size, "hidden")
            if size % 2:
                raise InputError.of("hidden", "must be even numbers, since MaxMin sorts pairs", size)
        sizes = (inputs, *hidden)
        self.front_end_digest: str | None = None
        self.register_buffer("centre", torch.zeros(inputs))
        self.weights = nn.ParameterList(torch.eye(b, a) for a, b in pairwise(sizes))
        self.biases = nn.ParameterList(torch.zeros(size) for size in hidden)
        self.last = nn.Parameter(torch.zeros(sizes[-1]))
        self.offset = nn.Parameter(torch.zeros(()))

    def forward(self, numbers: Tensor) -> Tensor:
        """(B, m) -> (B,) scores in [0, 100]."""
        return 100 * torch.sigmoid(self.values(numbers))

    def values(self, numbers: Tensor) -> Tensor:
        """(B, m) -> (B,), before the logistic function."""
        x = numbers - self.centre
        for weight, bias in zip(self.weights, self.biases, strict=True):
            first, second = (x @ weight.T + bias).chunk(2, dim=1)
            x = torch.cat((torch.maximum(first, second), torch.minimum(first, second)), dim=1)
        return x @ self.last + self.offset

    def lipschitz(self) -> float:
        """K, of the values, from above: from the stored weights, in float64, rounding included."""
        product = euclidean_norm(_float64(self.last))
        for weight in self.weights:
            product *= spectral_norm(_float64(weight))
        return product * (1 + 1e-12)

    def ball_bounds(self, z: Floats, radii: Floats) -> tuple[float, Floats, Floats]:
        """The score at z, in float64; and bounds of the scores, as float64 computes them, over balls around z.

        For every z' with ||z' - z||_2 <= r, entries within [-2, 2]: the score at z' lies in [lower, upper].

        Args:
            z: (m,) float64.
            radii: (k,) float64, >= 0.

        Returns:
            The score; lower (k,) and upper (k,), in [0, 100].
        """
        value, error = self._value(np.asarray(z, dtype=np.float64))
        change = self.lipschitz() * np.asarray(radii, dtype=np.float64) * (1 + 1e-12) + 2 * error
        return score_of(value), *score_bounds(value, change, change)

    def bounds(self, z: Floats, radii: Floats) -> tuple[Floats, Floats]:
        """(lower, upper) of :meth:`ball_bounds`."""
        return self.ball_bounds(z, radii)[1:]

    def _value(self, z: Floats) -> tuple[float, float]:
        """v(z) in float64, and how far any value in the box may be off: a running error analysis of the layers.

        A product of n terms is off by (n + 4) u |W| |x| at most, and passes on |W| times what x was off by.
        """
        centre = _float64(self.centre)
        x, size = z - centre, _BOX + np.abs(centre)
        off = 2 * _UNIT * size
        for weight, bias in zip(self.weights, self.biases, strict=True):
            w, b = _float64(weight), _float64(bias)
            x = _max_min(w @ x + b)
            reach = np.abs(w) @ size + np.abs(b)
            off = _both(np.abs(w) @ off + (w.shape[1] + 4) * _UNIT * reach)
            size = _both(reach) + off
        last, offset = _float64(self.last), float(self.offset.detach())
        error = float(np.abs(last) @ off + (len(last) + 4) * _UNIT * (np.abs(last) @ size + abs(offset)))
        value = float(last @ x) + offset
        return value, error * 1.01 if math.isfinite(error) else math.inf


def _max_min(x: Floats) -> Floats:
    first, second = np.split(x, 2)
    return np.concatenate((np.maximum(first, second), np.minimum(first, second)))


def _both(bound: Floats) -> Floats:
    """What bounds either of a pair."""
    first, second = np.split(bound, 2)
    return np.tile(np.maximum(first, second), 2)


def _float64(tensor: Tensor) -> Floats:
    found: Floats = tensor.detach().cpu().numpy().astype(np.float64)
    return found
