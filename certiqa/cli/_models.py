"""``--model``: a registered name, or an attribute of the user's own module."""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from functools import reduce
from typing import Any

from certiqa.errors import InputError, UnknownNameError

__all__ = ["load_model"]

_PREFIX = "python:"
_FORM = "python:package.module:attribute"


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
    if name.startswith(_PREFIX):
        if weights is not None:
            rule = "must not be given for a metric of your own, which loads its weights itself"
            raise InputError.of("--weights", rule, weights)
        metric = _imported(name)
        if isinstance(metric, nn.Module) and device is not None:
            metric = metric.to(chosen)
        chosen = resolve_device(metric, device)
    else:
        try:
            metric = registry.load(name, chosen, weights=weights)
        except UnknownNameError as error:
            raise UnknownNameError(f"{error} Your own: {_FORM}.") from None
    resolve_dtype(metric, dtype)
    return metric, chosen


def _imported(name: str) -> Any:
    module_name, _, attribute = name.removeprefix(_PREFIX).partition(":")
    if not module_name or not attribute or module_name.startswith("."):
        raise InputError.of("--model", f"must have the form {_FORM}", name)
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        rule = f"must name a module that can be imported ({type(error).__name__}: {error})"
        raise InputError.of("--model", rule, name, "The current folder is searched first.") from error
    try:
        metric = reduce(getattr, attribute.split("."), module)
    except AttributeError as error:
        raise InputError.of("--model", f"must name an attribute that is there ({error})", name) from error
    _check_metric(metric, name)
    return metric


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
