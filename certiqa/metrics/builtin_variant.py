"""What the built-in network with other packaged weights has in common: a card, and a loader that checks them."""

from __future__ import annotations

import os
from typing import Any

import torch

from certiqa.errors import InputError
from certiqa.metrics.builtin import BuiltinMetric, network
from certiqa.metrics.card import MetricCard
from certiqa.metrics.policy import AnySize

__all__ = ["load_variant", "variant_card"]


def variant_card(name: str, summary: str, page: str, sha256: str, **more: Any) -> MetricCard:
    """The card; the weights lie in weights/NAME.safetensors."""
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


def load_variant(card: MetricCard, device: torch.device | str, weights: str | os.PathLike[str] | None) -> BuiltinMetric:
    """For the registry: eval mode, parameters frozen, float32; the guarantees of the built-in metric.

    Raises:
        InputError: ``weights`` were given.
        WeightsError: the packaged file is not the published one.
    """
    if weights is not None:
        rule = f"must not be given for {card.name!r}: the name stands for these weights"
        raise InputError.of("weights", rule, os.fspath(weights), "Load your network as 'builtin' with weights=.")
    return network(f"{card.name}.safetensors", str(card.weights_sha256), card=card).to(device)
