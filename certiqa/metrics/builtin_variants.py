"""The built-in network with other weights: fine-tuned under noise, and by empirical defences.

``builtin-noise`` is the rival of denoising: median smoothing without a denoiser.

>>> import torch
>>> from certiqa.metrics import load
>>> load("builtin-noise", "cpu")(torch.rand(2, 3, 64, 96)).shape
torch.Size([2])
"""

from __future__ import annotations

import os
from typing import Any

import torch

from certiqa.errors import InputError
from certiqa.metrics.builtin import BuiltinMetric, network
from certiqa.metrics.card import MetricCard
from certiqa.metrics.policy import AnySize

__all__ = ["CARDS", "load_variant"]


def _card(name: str, summary: str, page: str, sha256: str, **more: Any) -> MetricCard:
    return MetricCard(
        name=name,
        summary=summary,
        lower_better=False,
        output_range=(0.0, 100.0),
        range_enforced=True,
        input=AnySize(32),
        licence="Apache-2.0",
        paper=f"none; docs/{page}.md has its figures",
        weights_sha256=sha256,
        trained_on=("agiqa3k", "livec"),
        **more,
    )


CARDS = {
    card.name: card
    for card in (
        _card(
            "builtin-noise",
            "the built-in network fine-tuned under noise of sigma 0.05 to 0.5, for smoothing without a denoiser",
            "smoothing",
            "5dc87a1e516efd5dfb6733d5461314ee520490107d6fb2fde90a458add8b0427",
            certified_sigma=0.12,
        ),
    )
}
"""By name; the weights of each lie in weights/NAME.safetensors."""


def load_variant(name: str, device: torch.device | str, weights: str | os.PathLike[str] | None) -> BuiltinMetric:
    """For the registry: eval mode, parameters frozen, float32; the guarantees of the built-in metric.

    Raises:
        InputError: ``weights`` were given.
        WeightsError: the packaged file is not the published one.
    """
    if weights is not None:
        rule = f"must not be given for {name!r}: the name stands for these weights"
        raise InputError.of("weights", rule, os.fspath(weights), "Load your network as 'builtin' with weights=.")
    card = CARDS[name]
    return network(f"{name}.safetensors", str(card.weights_sha256), card=card).to(device)
