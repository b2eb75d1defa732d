"""The built-in metric fine-tuned under Gaussian noise: the rival of denoising, for median smoothing without a denoiser.

>>> import torch
>>> from certiqa.metrics import load
>>> load("builtin-noise", "cpu")(torch.rand(2, 3, 64, 96)).shape
torch.Size([2])
"""

from __future__ import annotations

import os

import torch

from certiqa.errors import InputError
from certiqa.metrics.builtin import BuiltinMetric, network
from certiqa.metrics.card import MetricCard
from certiqa.metrics.policy import AnySize

__all__ = ["CARD", "load"]

WEIGHTS_FILE = "builtin-noise.safetensors"
WEIGHTS_SHA256 = "5dc87a1e516efd5dfb6733d5461314ee520490107d6fb2fde90a458add8b0427"

CARD = MetricCard(
    name="builtin-noise",
    summary="the built-in network fine-tuned under noise of sigma 0.05 to 0.5, for smoothing without a denoiser",
    lower_better=False,
    output_range=(0.0, 100.0),
    range_enforced=True,
    input=AnySize(32),
    licence="Apache-2.0",
    paper="none; docs/smoothing.md has its figures",
    weights_sha256=WEIGHTS_SHA256,
    trained_on=("agiqa3k", "livec"),
    certified_sigma=0.12,
)


def load(device: torch.device | str, weights: str | os.PathLike[str] | None) -> BuiltinMetric:
    """For the registry: eval mode, parameters frozen, float32; the guarantees of the built-in metric.

    Raises:
        InputError: ``weights`` were given.
        WeightsError: the packaged file is not the published one.
    """
    if weights is not None:
        rule = "must not be given for 'builtin-noise': the name stands for these weights"
        raise InputError.of("weights", rule, os.fspath(weights), "Load your network as 'builtin' with weights=.")
    return network(WEIGHTS_FILE, WEIGHTS_SHA256, card=CARD).to(device)
