"""Defended metrics from their files."""

from __future__ import annotations

import os

import torch
from torch import nn

from certiqa.metrics.tuned import load_tuned

__all__ = ["load"]


def load(
    path: str | os.PathLike[str], device: torch.device | str | None = None, *, base: nn.Module | None = None
) -> nn.Module:
    """The metric of a file that :func:`certiqa.defenses.train` wrote: eval mode, parameters frozen, on the device.

    ``certiqa.metrics.load(str(path))`` is the same for metrics that certiqa knows by name, and so is ``--model path``
    on the command line. The metric carries the card of its base with the name "base+method" and the file's sha256; a
    range that the base enforces by construction holds for these weights too.

    Args:
        path: the .safetensors file.
        device: a torch device; None: the CPU.
        base: the network for the weights, a copy of which is filled; needed for a metric of one's own.

    Raises:
        WeightsError: no such file, damaged, without a card, or of another architecture.
        UnknownNameError: the card's metric is not known here, and no ``base`` was given.
        MissingExtraError: its package is not installed.
    """
    return load_tuned(path, device, base=base)
