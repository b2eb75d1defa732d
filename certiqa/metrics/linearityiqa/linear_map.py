"""From raw predictions to the scale of the human scores: score = slope * prediction + intercept."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from certiqa.errors import InputError

__all__ = ["LinearMap", "fit_linear_map"]


@dataclass(frozen=True)
class LinearMap:
    """score = slope * prediction + intercept; called ``k`` and ``b`` in the published checkpoints.

    >>> LinearMap(2.0, 1.0)(torch.tensor([0.0, 1.0]))
    tensor([1., 3.])
    """

    slope: float = 1.0
    intercept: float = 0.0

    def __call__(self, predictions: Tensor) -> Tensor:
        """Apply it; any shape."""
        return self.slope * predictions + self.intercept


def fit_linear_map(pred: Tensor, target: Tensor) -> LinearMap:
    """The least-squares line from predictions to human scores: Eq. (17) of the paper, fitted on the training images.

    The norm-in-norm loss does not see the scale of the predictions, so a network trained with it needs this once, after
    training. Computed in float64, on centred values; the published code solves the same normal equations uncentred.

    Args:
        pred: (N,) predictions, N >= 2, not all equal.
        target: (N,) human scores.

    Raises:
        InputError: other shapes, too few values, values that are not finite, or predictions that are all equal.

    >>> fit_linear_map(torch.tensor([0.0, 1.0, 2.0]), torch.tensor([1.0, 3.0, 5.0]))
    LinearMap(slope=2.0, intercept=1.0)
    """
    for name, values in (("pred", pred), ("target", target)):
        if values.ndim != 1 or values.shape != pred.shape or len(values) < 2:
            rule = "must have shape (N,), N >= 2, the same as the other"
            raise InputError.of(name, rule, tuple(values.shape), "Flatten (N,1) with squeeze(1).")
        if not bool(torch.isfinite(values).all()):
            raise InputError.of(name, "must be finite", values)
    x, y = pred.detach().double(), target.detach().double()
    centred = x - x.mean()
    spread = centred.square().sum()
    if float(x.max()) == float(x.min()):
        raise InputError.of("pred", "must not be the same for all images", float(x[0]), "No line fits it.")
    slope = centred @ (y - y.mean()) / spread
    return LinearMap(float(slope), float(y.mean() - slope * x.mean()))
