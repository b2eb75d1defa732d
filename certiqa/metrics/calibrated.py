"""A calibrated metric: the metric, then its curve, as one module that certify(), score and evaluation take."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from certiqa.errors import InputError
from certiqa.metrics.calibration import Calibration, Line, Logistic, calibration_from_dict, carry

__all__ = ["Calibrated", "calibrated"]


def calibrated(model: Callable[[Tensor], Any], calibration: Calibration) -> Calibrated:
    """``calibration`` after ``model``.

    Raises:
        InputError: the model is not callable, or the calibration is no curve.

    >>> metric = calibrated(lambda images: images.mean((1, 2, 3)), Line(0.0, 100.0))
    >>> metric(torch.full((2, 3, 8, 8), 0.5))
    tensor([50., 50.], dtype=torch.float64)
    """
    if not callable(model):
        raise InputError.of("model", "must be callable, (B,3,H,W) images in [0, 1] -> scores", model)
    if not isinstance(calibration, Logistic | Line):
        raise InputError.of("calibration", "must be a Logistic or a Line", calibration)
    return Calibrated(model, calibration)


class Calibrated(nn.Module):
    """``forward(images)``: (B,3,H,W) RGB in [0,1] -> (B,) float64, the calibrated scores.

    Guarantees: the curve is strictly monotone; with a logistic, no score leaves ``output_range``. The curve is computed
    in float64 and belongs to the state of the module, so its constants are a part of the model's hash.

    Attributes:
        model: the metric; its mode (train, eval) is left as it is.
        calibration: the curve.
    """

    def __init__(self, model: Callable[[Tensor], Any], calibration: Calibration) -> None:
        super().__init__()
        self.model = model
        self.calibration = calibration
        self.training = bool(getattr(model, "training", False))

    def forward(self, images: Tensor) -> Tensor:
        """Score, then calibrate."""
        scores = self.model(images)
        scores = scores if isinstance(scores, Tensor) else torch.as_tensor(np.asarray(scores)).to(images.device)
        return self.calibration(scores)

    @property
    def name(self) -> str:
        """The metric's name and the kind of the curve."""
        kind = self.model if hasattr(self.model, "__qualname__") else type(self.model)
        own = getattr(self.model, "name", None)
        return f"{own if isinstance(own, str) else getattr(kind, '__qualname__', '?')}+{self.calibration.kind}"

    @property
    def output_range(self) -> tuple[float, float] | None:
        """That of the metric, carried, if it is enforced; else the asymptotes of the curve; None for a line."""
        inner = getattr(self.model, "output_range", None)
        if inner is not None and getattr(self.model, "range_enforced", False):
            return carry(self.calibration, *inner)
        return self.calibration.output_range

    @property
    def range_enforced(self) -> bool:
        """Whether there is an ``output_range``: it holds by construction."""
        return self.output_range is not None

    @property
    def lower_better(self) -> bool | None:
        """The metric's direction, turned round by a decreasing curve; None if it is unknown."""
        inner = getattr(self.model, "lower_better", None)
        return None if inner is None else bool(inner) == self.calibration.increasing

    @property
    def certified_sigma(self) -> float | None:
        """The noise level that the metric was made for."""
        found: float | None = getattr(self.model, "certified_sigma", None)
        return found

    @property
    def certified_resolution(self) -> int | None:
        """The working resolution that it was made for."""
        found: int | None = getattr(self.model, "certified_resolution", None)
        return found

    @property
    def unclipped_noise(self) -> bool:
        """Whether it takes noisy images as they are."""
        return bool(getattr(self.model, "unclipped_noise", False))

    @property
    def min_size(self) -> int:
        """The metric's least height and width."""
        return int(getattr(self.model, "min_size", 1))

    def get_extra_state(self) -> Tensor:
        """The curve, as bytes in a tensor."""
        text = json.dumps(self.calibration.to_dict(), sort_keys=True)
        return torch.frombuffer(bytearray(text.encode()), dtype=torch.uint8)

    def set_extra_state(self, state: Tensor) -> None:
        """Take the curve of a state dict."""
        self.calibration = calibration_from_dict(json.loads(bytes(state.cpu().tolist())))
