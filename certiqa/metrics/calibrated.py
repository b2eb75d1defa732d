"""A calibrated metric: the metric, then its curve, as one module that certify(), score and evaluation take."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from certiqa._facts import DeclaredByFacts, MetricFacts, facts_of, short_name
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


class Calibrated(DeclaredByFacts, nn.Module):
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
    def facts(self) -> MetricFacts:
        """The metric's, but for name, range and direction.

        The range is that of the metric, carried, if it is enforced; else the asymptotes of the curve, which hold by
        construction; None for a line. A decreasing curve turns the direction round.
        """
        inner = facts_of(self.model)
        enforced = inner.enforced_range
        carried = self.calibration.output_range if enforced is None else carry(self.calibration, *enforced)
        return replace(
            inner,
            name=f"{short_name(self.model)}+{self.calibration.kind}",
            output_range=carried,
            range_enforced=carried is not None,
            lower_better=None if inner.lower_better is None else inner.lower_better == self.calibration.increasing,
        )

    @property
    def head(self) -> Calibrated | None:
        """What scores the numbers of the metric's front end: its head, then the curve; None if it has no head."""
        inner = getattr(self.model, "head", None)
        return None if not isinstance(inner, nn.Module) else Calibrated(inner, self.calibration)

    def get_extra_state(self) -> Tensor:
        """The curve, as bytes in a tensor."""
        text = json.dumps(self.calibration.to_dict(), sort_keys=True)
        return torch.frombuffer(bytearray(text.encode()), dtype=torch.uint8)

    def set_extra_state(self, state: Tensor) -> None:
        """Take the curve of a state dict."""
        self.calibration = calibration_from_dict(json.loads(bytes(state.cpu().tolist())))
