"""Train and eval mode: borrowed for a while, and given back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

__all__ = ["evaluating", "is_training"]


def is_training(model: object) -> bool:
    """Whether any part of a model is in train mode; a plain callable has none."""
    return isinstance(model, nn.Module) and any(module.training for module in model.modules())


@contextmanager
def evaluating(model: object) -> Iterator[None]:
    """Eval mode for as long as this lasts; afterwards every module is in the mode it was in, each for itself.

    In eval mode BatchNorm uses its running statistics, so a score depends on its own image only, and dropout does
    nothing, so two forward passes are of the same function.

    >>> net = nn.Sequential(nn.BatchNorm2d(3), nn.Dropout()).train()
    >>> net[1].training = False
    >>> with evaluating(net):
    ...     [module.training for module in net]
    [False, False]
    >>> [module.training for module in net]
    [True, False]
    """
    modes = [(module, module.training) for module in model.modules()] if isinstance(model, nn.Module) else []
    for module, _ in modes:
        module.training = False
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
