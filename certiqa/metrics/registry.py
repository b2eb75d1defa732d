"""Metrics by name: those of the catalogue, and weight files of defended metrics by their paths."""

from __future__ import annotations

import os

import torch
from torch import nn

from certiqa._device import device_here
from certiqa.metrics._catalogue import (
    ENDING,
    Family,
    Loader,
    catalogued,
    families,
    load_catalogued,
    names,
    register,
    unregister,
)
from certiqa.metrics.card import MetricCard
from certiqa.metrics.head_file import head_metric_card, is_head, load_head
from certiqa.metrics.tuned import load_tuned, tuned_metric_card

__all__ = ["Family", "Loader", "card", "families", "list_metrics", "load", "names", "register", "unregister"]


def list_metrics() -> tuple[MetricCard, ...]:
    """The cards of all :func:`names`, in that order; nothing is loaded.

    >>> [one.name for one in list_metrics()][:1]
    ['builtin']
    """
    return tuple(card(name) for name in names())


def card(name: str) -> MetricCard:
    """The facts of one metric; nothing is loaded.

    Raises:
        UnknownNameError: no such metric; near names are suggested.
        MissingExtraError: its package is not installed.

    >>> card("builtin").output_range
    (0.0, 100.0)
    """
    if name.endswith(ENDING):
        return head_metric_card(name) if is_head(name) else tuned_metric_card(name)
    return catalogued(name)


def load(
    name: str, device: torch.device | str | None = None, *, weights: str | os.PathLike[str] | None = None
) -> nn.Module:
    """A metric by name: eval mode, parameters frozen, on ``device`` (default: a GPU if there is one, else the CPU).

    Args:
        name: "builtin", "builtin-noise-192", "linearityiqa", "pyiqa:NAME", what :func:`register` made known, or the
            path of a .safetensors file that certiqa train defense or certiqa train head wrote.
        device: a torch device.
        weights: a weight file that replaces the published weights; needed where nothing is published that certiqa could
            load by itself (the card's ``needs_weights``).

    Raises:
        UnknownNameError: no such metric; near names are suggested.
        InputError: no such device here; the metric needs a weight file, or takes none; or it contradicts its card.
        WeightsError: its weights are missing or damaged.
        MissingExtraError: its package is not installed.

    >>> load("builtin", "cpu").output_range
    (0.0, 100.0)
    """
    device = device_here(device if device is not None else ("cuda" if torch.cuda.is_available() else "cpu"))
    if name.endswith(ENDING):
        return load_head(name, device, weights) if is_head(name) else load_tuned(name, device, weights)
    return load_catalogued(name, device, weights)
