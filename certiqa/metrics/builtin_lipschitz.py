"""The built-in metric for certificates without chance: one curve for each band energy, and their sum.

It is scored without noise, and certified by ``certiqa.certify(..., kind="lipschitz")``: docs/lipschitz.md.

>>> import torch
>>> load("cpu", None)(torch.rand(2, 3, 100, 130)).shape
torch.Size([2])
"""

from __future__ import annotations

import os
from importlib import resources

import torch

from certiqa.errors import InputError, WeightsError
from certiqa.frontends import from_dict
from certiqa.heads.additive_files import read_additive
from certiqa.metrics.card import MetricCard
from certiqa.metrics.front_end_metric import FrontEndMetric
from certiqa.metrics.policy import AnySize

__all__ = ["CARD", "load"]

WEIGHTS_FILE = "builtin-lipschitz.safetensors"
WEIGHTS_SHA256 = "d4727c34f53108556b8d6eb060fd82e19dfd898b18e07e97e8c4d11f59c10940"

CARD = MetricCard(
    name="builtin-lipschitz",
    summary="a sum of curves of band energies, for certificates without noise or chance (kind='lipschitz')",
    lower_better=False,
    output_range=(0.0, 100.0),
    range_enforced=True,
    input=AnySize(16),
    licence="Apache-2.0",
    paper="none; docs/lipschitz.md is its card",
    weights_sha256=WEIGHTS_SHA256,
    trained_on=("agiqa3k", "livec"),
)


def load(device: torch.device | str, weights: str | os.PathLike[str] | None) -> FrontEndMetric:
    """For the registry: eval mode, parameters frozen, float32.

    Raises:
        InputError: ``weights`` were given: what bounds itself is this head on this front end.
        WeightsError: the packaged file is not the published one, or not made for its front end.
    """
    if weights is not None:
        rule = "must not be given for 'builtin-lipschitz': its weights and front end belong together"
        raise InputError.of("weights", rule, os.fspath(weights), "Make a FrontEndMetric of your own head.")
    with resources.as_file(resources.files("certiqa.metrics") / "weights" / WEIGHTS_FILE) as path:
        head, header = read_additive(path, sha256=WEIGHTS_SHA256)
    front_end = from_dict(header["front_end"])
    if head.front_end_digest != front_end.digest:
        raise WeightsError("The head 'builtin-lipschitz' was made for another version of its front end.")
    return FrontEndMetric(CARD, front_end, head).to(device).requires_grad_(False).eval()
