"""Metrics by name."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from certiqa.errors import UnknownNameError

__all__ = ["load", "names"]


def _builtin(device: torch.device | str | None) -> nn.Module:
    from certiqa.metrics.builtin import load_builtin

    return load_builtin(device)


_METRICS: dict[str, Callable[[torch.device | str | None], nn.Module]] = {"builtin": _builtin}


def names() -> tuple[str, ...]:
    """The names that :func:`load` knows, sorted.

    >>> names()
    ('builtin',)
    """
    return tuple(sorted(_METRICS))


def load(name: str, device: torch.device | str | None = None) -> nn.Module:
    """A metric by name, in eval mode, on ``device`` (default: a GPU if there is one, else the CPU).

    Raises:
        UnknownNameError: no such metric; near names are suggested.
        WeightsError: its weights are missing or damaged.

    >>> load("builtin", "cpu").output_range
    (0.0, 100.0)
    """
    if name not in _METRICS:
        raise UnknownNameError.among("model", name, _METRICS)
    return _METRICS[name](device if device is not None else ("cuda" if torch.cuda.is_available() else "cpu"))
