"""A call of what was plugged in, and the check of what it returned."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from certiqa.errors import CertiqaError, ModelError, ModelOutputError

__all__ = ["as_scores", "call"]


def call(function: Callable[..., Any], images: Tensor) -> Any:
    """What the model returns; an exception of its own becomes a ModelError that names the shape.

    Memory that ran out, and errors of this package, come through as they are.
    """
    try:
        return function(images)
    except (MemoryError, torch.OutOfMemoryError, CertiqaError):
        raise
    except Exception as error:
        text = " ".join(str(error).split())[:300]
        message = f"The model raised {type(error).__name__} on an input of shape {tuple(images.shape)}: {text}"
        raise ModelError(message) from error


def as_scores(output: object, batch: int, device: torch.device) -> Tensor:
    """One real score per image, (B,), from (B,), (B,1) or (B,1,1); the graph, if there is one, is kept.

    Raises:
        ModelOutputError: anything else came back.
    """
    try:
        scores = torch.as_tensor(output)
    except (TypeError, ValueError, RuntimeError):
        message = f"The model must return a tensor of one score per image. Got {type(output).__name__} instead."
        raise ModelOutputError(message) from None
    if tuple(scores.shape) not in {(batch,), (batch, 1), (batch, 1, 1)}:
        raise ModelOutputError(
            f"The model must return one score per image, of shape ({batch},), ({batch}, 1) or ({batch}, 1, 1). "
            f"Got shape {tuple(scores.shape)} instead. Wrap the model so that it does."
        )
    if scores.is_complex() or scores.dtype == torch.bool:
        raise ModelOutputError(f"The model must return real numbers. Got {scores.dtype} instead.")
    return scores.reshape(batch).to(device)
