"""AdditiveHead: a sum of one curve for each number, whose worst case over a ball is known almost exactly."""

from __future__ import annotations

from typing import final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from certiqa import _checks as check
from certiqa.errors import InputError
from certiqa.heads.curves import Curves
from certiqa.heads.squash import score_bounds, score_of
from certiqa.heads.worst_case import largest_rises

__all__ = ["AdditiveHead"]

Floats = npt.NDArray[np.float64]


@final
class AdditiveHead(nn.Module):
    """g: (B, m) numbers of a front end -> (B,) scores in [0, 100]: v(z) = b + sum_i f_i(z_i), then 100 logistic(v).

    Each f_i is a quadratic spline: its slope is linear between knots and constant beyond them, so f_i is smooth, may
    rise and fall, and has the exact Lipschitz constant max_j |slope_ij|. What the sum can gain on a ball is a problem
    that falls apart into m problems of one variable (:mod:`certiqa.heads.worst_case`), so the certificate is close to
    the true worst case: no attack on the numbers leaves it, and the best attack comes within a few per cent.

    Args:
        inputs: m, from 1.
        knots: of every curve, from 2.

    Attributes:
        front_end_digest: of the front end whose numbers it was trained on, or None.
        certified_sigma: None: it meets no noise.
        certified_n: None.

    Raises:
        InputError: a size breaks its rule.

    Source: docs/lipschitz.md; additive models: Hastie, Tibshirani, "Generalized additive models", 1986.

    >>> head = AdditiveHead(2, knots=2)
    >>> _ = head.slopes.data.copy_(torch.tensor([[3.0, 3.0], [4.0, 4.0]]))  # linear: 3 z_0 + 4 z_1
    >>> head.values(torch.tensor([[1.0, 2.0]]))
    tensor([11.], grad_fn=<AddBackward0>)
    >>> score, lower, upper = head.ball_bounds(np.zeros(2), np.array([0.01]))
    >>> bool(np.allclose(upper, 100 / (1 + np.exp(-0.05))))  # ||(3, 4)|| 0.01
    True
    """

    knots: Tensor
    output_range = (0.0, 100.0)
    range_enforced = True
    lower_better = False

    def __init__(self, inputs: int, knots: int = 8) -> None:
        super().__init__()
        check.check_count(inputs, "inputs")
        check.check_count(knots, "knots", 2)
        self.front_end_digest: str | None = None
        self.certified_sigma: float | None = None
        self.certified_n: int | None = None
        self.register_buffer("knots", torch.linspace(0, 1, knots).repeat(inputs, 1))
        self.slopes = nn.Parameter(torch.zeros(inputs, knots))
        self.offset = nn.Parameter(torch.zeros(()))

    def forward(self, numbers: Tensor) -> Tensor:
        """(B, m) -> (B,) scores in [0, 100]."""
        return 100 * torch.sigmoid(self.values(numbers))

    def values(self, numbers: Tensor) -> Tensor:
        """(B, m) -> (B,), before the logistic function."""
        knots, slopes = self.knots.to(numbers), self.slopes.to(numbers)
        width = knots.diff(dim=1)
        z = numbers[..., None]
        into = torch.minimum((z - knots[:, :-1]).clamp_min(0), width)
        inner = slopes[:, :-1] * into + slopes.diff(dim=1) / (2 * width) * into.square()
        left = slopes[:, 0] * (numbers - knots[:, 0]).clamp_max(0)
        right = slopes[:, -1] * (numbers - knots[:, -1]).clamp_min(0)
        return (left + inner.sum(2) + right).sum(1) + self.offset

    def check(self) -> None:
        """Raise InputError unless the knots ascend and all is finite."""
        finite = all(bool(torch.isfinite(tensor).all()) for tensor in self.state_dict().values())
        if not finite or not bool((self.knots.diff(dim=1) > 0).all()):
            raise InputError.of("knots", "must ascend, and all weights be finite numbers", None)

    def curves(self) -> Curves:
        """The f_i in float64: the reference that certificates are about."""
        return Curves.of(
            self.knots.detach().cpu().numpy().astype(np.float64),
            self.slopes.detach().cpu().numpy().astype(np.float64),
        )

    def lipschitz(self) -> float:
        """The exact Lipschitz constant of the values over all z, rounded up."""
        return self.curves().lipschitz()

    def ball_bounds(self, z: Floats, radii: Floats) -> tuple[float, Floats, Floats]:
        """The score at z, in float64; and bounds of the scores, as float64 computes them, over balls around z.

        For every z' with ||z' - z||_2 <= r, entries within [-2, 2]: the score at z' lies in [lower, upper].

        Args:
            z: (m,) float64.
            radii: (k,) float64, >= 0.

        Returns:
            The score; lower (k,) and upper (k,), in [0, 100].
        """
        curves, at = self.curves(), np.asarray(z, dtype=np.float64)
        asked = np.asarray(radii, dtype=np.float64)
        value = float(curves.at(at).sum()) + float(self.offset.detach())
        error = 2 * curves.error() + 4e-16 * (abs(value) + abs(float(self.offset.detach())))
        rise, fall = (largest_rises(one, at, asked) + error for one in (curves, curves.negative()))
        return score_of(value), *score_bounds(value, fall, rise)

    def bounds(self, z: Floats, radii: Floats) -> tuple[Floats, Floats]:
        """(lower, upper) of :meth:`ball_bounds`."""
        return self.ball_bounds(z, radii)[1:]
