"""How much arithmetic a network costs."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from certiqa.denoisers.network import DenoiserNetwork

__all__ = ["mac_per_pixel"]


def mac_per_pixel(network: DenoiserNetwork, side: int = 64) -> float:
    """Multiply-accumulates of the convolutions for one image, over its number of pixels; biases are not counted.

    Args:
        network: any weights, on any device ("meta" too); it is run once.
        side: of the square image; a multiple of ``network.multiple`` counts no padding.

    >>> from certiqa.denoisers import build
    >>> mac_per_pixel(build("dncnn-17"))
    556416.0
    """
    total = 0

    def count(module: nn.Module, _: object, out: Tensor) -> None:
        nonlocal total
        if isinstance(module, nn.Conv2d):
            total += module.weight.numel() * out.shape[2] * out.shape[3]

    device = next(network.parameters()).device
    hooks = [m.register_forward_hook(count) for m in network.modules() if isinstance(m, nn.Conv2d)]
    try:
        with torch.no_grad():
            network.noise(torch.zeros(1, 3 + network.conditioned, side, side, device=device))
    finally:
        for hook in hooks:
            hook.remove()
    return total / side**2
