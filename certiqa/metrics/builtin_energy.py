"""The built-in metric for certificates at 42 dB: a small head on the band energies of a picture.

The noise meets 192 numbers, not the pixels, so a noise level that covers every attack of 42 dB (two grey levels
everywhere) leaves them readable: docs/heads.md.

>>> import torch
>>> from certiqa.metrics import load
>>> load("builtin-energy", "cpu")(torch.rand(2, 3, 100, 130)).shape
torch.Size([2])
"""

from __future__ import annotations

import os
from importlib import resources

import torch

from certiqa.errors import InputError
from certiqa.metrics.card import MetricCard
from certiqa.metrics.front_end_metric import FrontEndMetric
from certiqa.metrics.head_file import metric_of
from certiqa.metrics.policy import AnySize

__all__ = ["CARD", "load"]

WEIGHTS_FILE = "builtin-energy.safetensors"
WEIGHTS_SHA256 = "7b5dc0280a3a8eb27f403d1127164a6548cd54669ccbfe437856408be9f4571e"
SIGMA = 10**-2.1 / 2  # an attack of 42 dB is two standard deviations of the noise

CARD = MetricCard(
    name="builtin-energy",
    summary="a small head on band energies and low frequencies of the picture, for certificates at 42 dB",
    lower_better=False,
    output_range=(0.0, 100.0),
    range_enforced=True,
    input=AnySize(16),
    licence="Apache-2.0",
    paper="none; docs/heads.md is its card",
    weights_sha256=WEIGHTS_SHA256,
    trained_on=("agiqa3k", "livec"),
    certified_sigma=SIGMA,
    unclipped_noise=True,
)


def load(device: torch.device | str, weights: str | os.PathLike[str] | None) -> FrontEndMetric:
    """For the registry: eval mode, parameters frozen, float32.

    Raises:
        InputError: ``weights`` were given: what it is certified with is this head, front end and sigma together.
        WeightsError: the packaged file is not the published one, or not made for its front end.
    """
    if weights is not None:
        rule = "must not be given for 'builtin-energy': its weights, front end and sigma belong together"
        raise InputError.of("weights", rule, os.fspath(weights), "Make a FrontEndMetric of your own head.")
    with resources.as_file(resources.files("certiqa.metrics") / "weights" / WEIGHTS_FILE) as path:
        metric = metric_of(path, sha256=WEIGHTS_SHA256, card=CARD)
    return metric.to(device).requires_grad_(False).eval()
