"""The built-in network trained under strong noise on pixels at 192: what smoothing of pixels gets to at 42 dB.

It is not itself certified: certificates are of its smoothed median. "builtin-energy" keeps far more agreement.

Noise that covers an attack of a grey level or two everywhere drowns all detail of a picture, but neither its coarse
structure nor how much detail there is in each band of frequencies; a network that was trained under that noise reads
both. So its certificates speak of attacks that exist, at a price in agreement with human scores: docs/builtin.md says
how much.

>>> import torch
>>> from certiqa.metrics import load
>>> load("builtin-noise-192", "cpu")(torch.rand(2, 3, 100, 130)).shape
torch.Size([2])
"""

from __future__ import annotations

import os

import torch
from torch import Tensor

from certiqa.data.resize import Resize, working_size
from certiqa.errors import InputError
from certiqa.metrics.builtin import BuiltinMetric, network
from certiqa.metrics.card import MetricCard, MetricModule
from certiqa.metrics.policy import Resized

__all__ = ["CARD", "BuiltinNoise192", "load"]

SIDE = 192
WEIGHTS_FILE = "builtin-noise-192.safetensors"
WEIGHTS_SHA256 = "df125aa5ce9a3a01ea01df77ea411218c62856f7efbca31dbcc167474ea0f019"

CARD = MetricCard(
    name="builtin-noise-192",
    summary="the built-in network trained under noise on pixels at a shorter side of 192, to be smoothed",
    lower_better=False,
    output_range=(0.0, 100.0),
    range_enforced=True,
    input=Resized(None, None, SIDE, "bilinear", antialias=True, min_size=2),
    licence="Apache-2.0",
    paper="none; docs/builtin.md is its card",
    weights_sha256=WEIGHTS_SHA256,
    trained_on=("agiqa3k", "livec"),
    certified_sigma=1.3,
    certified_resolution=SIDE,
    unclipped_noise=True,
)


class BuiltinNoise192(MetricModule):
    """Quality of images as (B,) scores in [0, 100], higher is better.

    ``forward(images)`` takes (B, 3, H, W) floating-point RGB in [0, 1], H and W at least 2. An image whose shorter
    side is not 192 is resized first, by :class:`certiqa.data.resize.Resize`. :func:`certiqa.certify` resizes before the
    noise by the same map (``certified_resolution``), and this then does nothing. The guarantees are those of
    :class:`certiqa.metrics.builtin.BuiltinMetric`. It was made for noisy images: bare scores are poorer than smoothed
    ones.
    """

    def __init__(self, inner: BuiltinMetric) -> None:
        super().__init__(CARD)
        self.network = inner

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) RGB in [0, 1] -> (B,) scores in [0, 100]."""
        height, width = images.shape[2:]
        size = working_size(height, width, SIDE)
        if size != (height, width):
            images = Resize(height, width, *size).of_tensor(images)
        scores: Tensor = self.network(images)
        return scores


def load(device: torch.device | str, weights: str | os.PathLike[str] | None) -> BuiltinNoise192:
    """For the registry: eval mode, parameters frozen, float32.

    Raises:
        InputError: ``weights`` were given: what it is certified with is these weights, sigma and resolution together.
        WeightsError: the packaged file is not the published one.
    """
    if weights is not None:
        rule = "must not be given for 'builtin-noise-192': its weights, sigma and resolution belong together"
        raise InputError.of("weights", rule, os.fspath(weights), "Load your network as 'builtin' with weights=.")
    inner = network(WEIGHTS_FILE, WEIGHTS_SHA256)
    return BuiltinNoise192(inner).to(device).requires_grad_(False).eval()
