"""The built-in network with what only training needs: BatchNorm, dropout, and heads for the auxiliary tasks.

:func:`folded` takes it all away again: BatchNorm goes into the convolutions and into the head, the auxiliary heads are
dropped, and what remains is a plain :class:`certiqa.metrics.builtin.BuiltinMetric` with the same scores in eval mode.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from certiqa.data.distortions import LEVELS, TYPES
from certiqa.metrics.builtin import BuiltinMetric, Widths

__all__ = ["TrainingNet", "Zoomed", "folded", "gmac", "zoomed"]

KINDS = 8
"""Where a picture comes from: the seven generators of AGIQA-3K, or a camera."""


def zoomed(images: Tensor, factor: int) -> Tensor:
    """(B, C, H, W) -> (B, C, factor H, factor W), bilinear: behind the noise, so that no certificate knows of it."""
    return images if factor == 1 else functional.interpolate(images, scale_factor=factor, mode="bilinear")


class Zoomed(nn.Module):
    """A metric that looks at small pictures enlarged: as if its front end had smaller strides."""

    def __init__(self, metric: nn.Module, factor: int) -> None:
        super().__init__()
        self.metric, self.factor = metric, factor

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B,) scores."""
        scores: Tensor = self.metric(zoomed(images, self.factor))
        return scores


class TrainingNet(nn.Module):
    """statistics -> BatchNorm -> heads: the score, the distortion's type and level, its rank, the picture's kind.

    ``zoom`` is how many times images are enlarged before they are looked at.
    """

    zoom = 1

    def __init__(self, seed: int, dropout: float, widths: Widths | None = None) -> None:
        super().__init__()
        self.metric = BuiltinMetric(widths)
        size, hidden = self.metric.widths.statistics, self.metric.widths.hidden
        self.norm = nn.BatchNorm1d(size)
        self.dropout = nn.Dropout(dropout)
        self.distortion = nn.Linear(size, len(TYPES) + 1)
        self.level = nn.Linear(size, LEVELS)
        self.rank = nn.Sequential(nn.Linear(size, hidden), nn.ReLU(), nn.Linear(hidden, 1))
        self.kind = nn.Linear(size, KINDS)
        _initialise(self, seed)
        for parent, name, conv in _children(self.metric, nn.Conv2d):
            setattr(parent, name, nn.Sequential(conv, nn.BatchNorm2d(conv.out_channels)))

    def statistics(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, statistics), each of zero mean and unit variance over the training."""
        found = self.metric.statistics(zoomed(images, self.zoom))
        with torch.autocast(images.device.type, enabled=False):
            out: Tensor = self.norm(found)
        return out

    def scores(self, statistics: Tensor) -> Tensor:
        """Normalised statistics -> (B,) scores in [0, 100], with dropout while training."""
        return self.metric.score(self.dropout(statistics))

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B,) scores."""
        return self.scores(self.statistics(images))


def _initialise(net: nn.Module, seed: int) -> None:
    """He initialisation from a generator of its own; the last layer of the score starts small."""
    generator = torch.Generator().manual_seed(seed)
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
            nn.init.zeros_(module.bias)
    with torch.no_grad():
        net.metric.head[-1].weight.mul_(0.1)


def _children(module: nn.Module, kind: type[nn.Module]) -> list[tuple[nn.Module, str, Any]]:
    return [(p, name, c) for p in list(module.modules()) for name, c in p.named_children() if isinstance(c, kind)]


def folded(net: TrainingNet) -> BuiltinMetric:
    """The plain metric, on the CPU, in eval mode; the scores of ``net.eval()`` up to rounding."""
    net = copy.deepcopy(net).cpu().eval()
    metric = net.metric
    for parent, name, pair in _children(metric, nn.Sequential):
        if isinstance(pair[-1], nn.BatchNorm2d):
            setattr(parent, name, fuse_conv_bn_eval(pair[0], pair[1]))
    norm, first = net.norm, metric.head[0]
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    with torch.no_grad():
        first.bias += first.weight @ (norm.bias - scale * norm.running_mean)
        first.weight *= scale
    return metric.requires_grad_(False)


def gmac(metric: BuiltinMetric, height: int = 512, width: int = 512) -> float:
    """Multiply-accumulates of the convolutions and the linear layers for one image, in 10^9."""
    total = 0

    def count(module: nn.Module, _: object, out: Tensor) -> None:
        nonlocal total
        total += module.weight.numel() * (out.shape[2] * out.shape[3])

    hooks = [m.register_forward_hook(count) for m in metric.modules() if isinstance(m, nn.Conv2d)]
    with torch.no_grad():
        metric(torch.zeros(1, 3, height, width))
    for hook in hooks:
        hook.remove()
    return (total + sum(m.weight.numel() for m in metric.modules() if isinstance(m, nn.Linear))) / 1e9
