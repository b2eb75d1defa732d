"""The built-in metric for certificates: the same network, trained under strong noise at a small working resolution.

What an attack of a given strength can do to a picture of 96 pixels is little, and Gaussian noise covers it; so its
certificates speak of attacks that exist, at a price in agreement with human scores: docs/builtin.md says how much.

>>> import torch
>>> from certiqa.metrics import load
>>> load("builtin-certified", "cpu")(torch.rand(2, 3, 100, 130)).shape
torch.Size([2])
"""

from __future__ import annotations

import os

import torch
from torch import Tensor
from torch.nn import functional

from certiqa.data.resize import Resize, working_size
from certiqa.errors import InputError
from certiqa.metrics.builtin import BuiltinMetric, Widths, network
from certiqa.metrics.card import MetricCard, MetricModule
from certiqa.metrics.policy import Resized

__all__ = ["CARD", "BuiltinCertified", "enlarged", "load"]

SIDE = 96
WEIGHTS_FILE = "builtin-certified.safetensors"
WEIGHTS_SHA256 = "8147bce5044a4d9b94170d01e7ecb1b6fc93ceb39d0b48eae26c2648e6f5cab4"

CARD = MetricCard(
    name="builtin-certified",
    summary="the built-in network trained under noise at a shorter side of 96 pixels, for certificates",
    lower_better=False,
    output_range=(0.0, 100.0),
    range_enforced=True,
    input=Resized(None, None, SIDE, "bilinear", antialias=True, min_size=2),
    licence="Apache-2.0",
    paper="none; docs/builtin.md is its card",
    weights_sha256=WEIGHTS_SHA256,
    trained_on=("agiqa3k", "livec"),
    certified_sigma=0.7,
    certified_resolution=SIDE,
)


def enlarged(images: Tensor, times: int) -> Tensor:
    """(B, 3, H, W) -> (B, 3, times * H, times * W), bilinear: the network's strides are meant for larger pictures."""
    if times == 1:
        return images
    return functional.interpolate(images, scale_factor=float(times), mode="bilinear", align_corners=False)


class BuiltinCertified(MetricModule):
    """Quality of images as (B,) scores in [0, 100], higher is better.

    ``forward(images)`` takes (B, 3, H, W) floating-point RGB in [0, 1], H and W at least 2. An image whose shorter
    side is not 96 is resized first, by :class:`certiqa.data.resize.Resize`. :func:`certiqa.certify` resizes before the
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


def load(device: torch.device | str, weights: str | os.PathLike[str] | None) -> BuiltinCertified:
    """For the registry: eval mode, parameters frozen, float32.

    Raises:
        InputError: ``weights`` were given: what it is certified with is these weights, sigma and resolution together.
        WeightsError: the packaged file is not the published one.
    """
    if weights is not None:
        rule = "must not be given for 'builtin-certified': its weights, sigma and resolution belong together"
        raise InputError.of("weights", rule, os.fspath(weights), "Load your network as 'builtin' with weights=.")
    inner = network(WEIGHTS_FILE, WEIGHTS_SHA256, Widths(scales=1))
    return BuiltinCertified(inner).to(device).requires_grad_(False).eval()
