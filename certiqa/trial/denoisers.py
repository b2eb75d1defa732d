"""A denoiser of the package, a file of weights, or an attribute of the user's own module."""

from __future__ import annotations

import contextlib
import inspect
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from certiqa.errors import InputError, UnknownNameError
from certiqa.trial.imported import FORM, PREFIX, imported

__all__ = ["denoiser_for"]


@contextlib.contextmanager
def denoiser_for(
    name: str | None, sigma: float, device: Any, told: Callable[[str], object] = lambda text: None
) -> Iterator[Any]:
    """The denoiser on the device, for as long as this lasts; None for None.

    A noise level that its weights were not trained for is told in one line, and is no Python warning.

    Raises:
        InputError: not importable, not a denoiser; UnknownNameError: nothing of that name.
        WeightsError: its weights are missing or damaged.
    """
    if name is None:
        yield None
        return
    from torch import nn

    from certiqa import denoisers

    if name.startswith(PREFIX):
        denoiser = _own(name)
        if isinstance(denoiser, nn.Module):
            denoiser = denoiser.to(device)
    else:
        try:
            denoiser = denoisers.load(name, device)
        except UnknownNameError as error:
            raise UnknownNameError(f"{error} Your own: {FORM}.") from None
    trained = getattr(denoiser, "card", None)
    if isinstance(trained, denoisers.DenoiserCard) and not trained.covers(sigma):
        low, high = trained.sigma_range
        told(f"the denoiser {name} was trained for sigma from {low:g} to {high:g}; at {sigma:g} it may denoise badly")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", denoisers.SigmaWarning)
        yield denoiser


def _own(name: str) -> Any:
    denoiser = imported(name, "--denoiser")
    if inspect.isclass(denoiser) or not callable(denoiser):
        rule = "must name the denoiser itself, (noisy images, sigma) -> images"
        raise InputError.of("--denoiser", f"{rule}; this is a {type(denoiser).__name__}", name)
    return denoiser
