"""``--denoiser``: a denoiser of the package, a file of weights, or an attribute of the user's own module."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import os
import sys
import warnings
from collections.abc import Iterator
from functools import reduce
from typing import Any

from certiqa.errors import InputError, UnknownNameError

__all__ = ["denoiser_for"]

_PREFIX = "python:"
_FORM = "python:package.module:attribute"


@contextlib.contextmanager
def denoiser_for(name: str | None, sigma: float, device: Any) -> Iterator[Any]:
    """The denoiser on the device, for as long as this lasts; None for None.

    A noise level that its weights were not trained for is said in one line on stderr, not as a Python warning.

    Raises:
        InputError: not importable, not a denoiser; UnknownNameError: nothing of that name.
        WeightsError: its weights are missing or damaged.
    """
    if name is None:
        yield None
        return
    from torch import nn

    from certiqa import denoisers

    if name.startswith(_PREFIX):
        denoiser = _imported(name)
        if isinstance(denoiser, nn.Module):
            denoiser = denoiser.to(device)
    else:
        try:
            denoiser = denoisers.load(name, device)
        except UnknownNameError as error:
            raise UnknownNameError(f"{error} Your own: {_FORM}.") from None
    trained = getattr(denoiser, "card", None)
    if isinstance(trained, denoisers.DenoiserCard) and not trained.covers(sigma):
        low, high = trained.sigma_range
        text = f"the denoiser {name} was trained for sigma from {low:g} to {high:g}; at {sigma:g} it may denoise badly"
        print(f"certiqa: warning: {text}", file=sys.stderr, flush=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", denoisers.SigmaWarning)
        yield denoiser


def _imported(name: str) -> Any:
    module_name, _, attribute = name.removeprefix(_PREFIX).partition(":")
    if not module_name or not attribute or module_name.startswith("."):
        raise InputError.of("--denoiser", f"must have the form {_FORM}", name)
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        rule = f"must name a module that can be imported ({type(error).__name__}: {error})"
        raise InputError.of("--denoiser", rule, name, "The current folder is searched first.") from error
    try:
        denoiser = reduce(getattr, attribute.split("."), module)
    except AttributeError as error:
        raise InputError.of("--denoiser", f"must name an attribute that is there ({error})", name) from error
    if inspect.isclass(denoiser) or not callable(denoiser):
        rule = "must name the denoiser itself, (noisy images, sigma) -> images"
        raise InputError.of("--denoiser", f"{rule}; this is a {type(denoiser).__name__}", name)
    return denoiser
