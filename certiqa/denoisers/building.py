"""From an architecture to a network, its weights from a seed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import torch
from torch import nn

from certiqa.denoisers.architecture import PRESETS, Architecture, UNetConfig, architecture
from certiqa.denoisers.dncnn import DnCNN
from certiqa.denoisers.network import DenoiserNetwork
from certiqa.denoisers.unet import Residual, UNet

__all__ = ["build"]

_RESIDUAL_GAIN = 0.3
"""What a new residual block adds to its input is made smaller by this, so that signals do not grow with the depth."""


def build(config: str | Mapping[str, Any] | Architecture, *, seed: int | None = None) -> DenoiserNetwork:
    """A network on the CPU, in eval mode; the global random state is left as it was.

    Args:
        config: anything that :func:`architecture` understands.
        seed: He initialisation from a generator of its own, the last layer zero: the new network returns its input.
            None: the parameters are on the device "meta", for weights that will be loaded.
    """
    checked = architecture(config)
    arguments = {field.name: getattr(checked, field.name) for field in fields(checked)}
    with torch.device("meta"):
        net: DenoiserNetwork = (UNet if isinstance(checked, UNetConfig) else DnCNN)(**arguments)
    net.architecture = checked
    net.name = next((name for name, preset in PRESETS.items() if preset == checked), checked.kind)
    if seed is not None:
        net = net.to_empty(device="cpu")
        generator = torch.Generator().manual_seed(seed)
        layers = [module for module in net.modules() if isinstance(module, nn.Conv2d)]
        for layer in layers:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        nn.init.zeros_(layers[-1].weight)
        for block in net.modules():
            if isinstance(block, Residual):
                block.conv.weight.data.mul_(_RESIDUAL_GAIN)
    return net.eval()
