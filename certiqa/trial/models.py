"""A metric by name: a registered one, a file of weights, or an attribute of the user's own module."""

from __future__ import annotations

import inspect
from typing import Any

from certiqa.errors import InputError, UnknownNameError
from certiqa.trial.imported import FORM, PREFIX, imported

__all__ = ["load_model"]


def load_model(name: str, device: str | None, dtype: str = "auto", weights: str | None = None) -> tuple[Any, Any]:
    """The metric, on the device, and the torch.device it will run on; ``weights`` replaces its published weights.

    Raises:
        InputError: nothing of that name, not importable, not a metric; no such device; no such dtype.
        WeightsError: its weights are missing or damaged.
    """
    from torch import nn

    from certiqa.metrics import registry
    from certiqa.smoothing.base import resolve_device, resolve_dtype

    chosen = resolve_device(None, device)
    if name.startswith(PREFIX):
        if weights is not None:
            rule = "must not be given for a metric of your own, which loads its weights itself"
            raise InputError.of("--weights", rule, weights)
        metric = imported(name, "--model")
        _check_metric(metric, name)
        if isinstance(metric, nn.Module) and device is not None:
            metric = metric.to(chosen)
        chosen = resolve_device(metric, device)
    else:
        try:
            metric = registry.load(name, chosen, weights=weights)
        except UnknownNameError as error:
            raise UnknownNameError(f"{error} Your own: {FORM}.") from None
    resolve_dtype(metric, dtype)
    return metric, chosen


def _check_metric(metric: object, name: str) -> None:
    rule = "must name the metric itself, (B,3,H,W) images in [0, 1] -> (B,) scores"
    if not callable(metric):
        raise InputError.of("--model", f"{rule}; this is a {type(metric).__name__}", name)
    remedy = "Make it in the module, metric = ...().eval(), and name that."
    if inspect.isclass(metric):
        raise InputError.of("--model", f"{rule}; this is a class", name, remedy)
    try:
        inspect.signature(metric).bind(None)
    except TypeError as error:
        raise InputError.of(
            "--model", f"{rule}; this cannot be called with one argument ({error})", name, remedy
        ) from None
    except ValueError:
        return  # no signature to look at
