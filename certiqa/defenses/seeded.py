"""The global random state, borrowed: for dropout, and for fresh weights, which know no other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from certiqa.errors import ModelError
from certiqa.training.draws import key

__all__ = ["reinitialise", "seeded"]


@contextmanager
def seeded(device: torch.device, *words: int | str) -> Iterator[None]:
    """The global generators of the CPU and of ``device`` start from what the words stand for; then all is as before."""
    number = key(*words) % 2**63
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.set_rng_state(torch.Generator().manual_seed(number).get_state())
        if devices:
            torch.cuda.set_rng_state(torch.Generator(device=device).manual_seed(number).get_state(), device)
        yield


def reinitialise(model: nn.Module, seed: int) -> None:
    """Fresh weights for every module, as its ``reset_parameters`` draws them, from a seed.

    Raises:
        ModelError: a module has parameters of its own and no reset_parameters.
    """
    without = [
        name or type(model).__name__
        for name, module in model.named_modules()
        if next(module.parameters(recurse=False), None) is not None and not hasattr(module, "reset_parameters")
    ]
    if without:
        raise ModelError(
            f"The metric cannot be given fresh weights: {', '.join(without[:3])} has parameters and no "
            "reset_parameters. Build it with fresh weights yourself, and leave scratch False."
        )
    with seeded(torch.device("cpu"), seed, "fresh weights"):
        for module in model.modules():
            reset = getattr(module, "reset_parameters", None)
            if callable(reset):
                reset()
