"""From the network that looks at one scale to the one that looks at several, and the mean of several such networks.

:func:`widened` makes a network to train from a plain one-scale metric: BatchNorm is put back so that nothing changes
in eval mode, and the head does not listen to the further scales yet; of its hidden units those go that matter least,
where the new network has fewer. :func:`averaged` is the mean of the weights of networks that were trained on from the
same start (a "soup").
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from builtin_training.network import TrainingNet
from builtin_training.pictures import Rated, crop, to_tensor
from certiqa.metrics.builtin import BuiltinMetric, Widths

__all__ = ["averaged", "frozen_norms", "one_scale", "widened"]

BATCHES = 24


def _batches(parts: list[Rated], side: int, seed: int) -> list[Tensor]:
    """Windows of all parts, in equal numbers."""
    rng = np.random.default_rng([seed, 4])
    return [
        to_tensor(np.stack([crop(p.images[i], side, rng) for p in parts for i in rng.integers(len(p.images), size=8)]))
        for _ in range(BATCHES)
    ]


@torch.no_grad()
def widened(
    metric: BuiltinMetric, parts: list[Rated], side: int, seed: int, dropout: float, widths: Widths
) -> TrainingNet:
    """A network of ``widths`` for training, from ``metric``, which has one scale and otherwise the same convolutions.

    Its scores in eval mode are those of ``metric`` if it has as many hidden units, else close to them.
    """
    if metric.widths.scales != 1:
        raise SystemExit(f"widened() starts from a network of one scale, not of {metric.widths.scales}")
    images = _batches(parts, side, seed)
    net, plain = TrainingNet(seed, dropout, widths), BuiltinMetric(widths)
    plain.load_state_dict(metric.state_dict() | _head(metric, images, widths))
    moments = _moments(plain, images)
    named = dict(net.metric.named_modules())
    for name, conv in plain.named_modules():
        if isinstance(conv, nn.Conv2d):
            pair = named[name]
            pair[0].load_state_dict(conv.state_dict())
            _transparent(pair[1], *moments[name])
    found = torch.cat([plain.statistics(batch) for batch in images])
    net.norm.running_mean.copy_(found.mean(0))
    net.norm.running_var.copy_(found.var(0))
    spread = (net.norm.running_var + net.norm.eps).sqrt()
    net.metric.head.load_state_dict(plain.head.state_dict())
    net.metric.head[0].bias += net.metric.head[0].weight @ net.norm.running_mean
    net.metric.head[0].weight *= spread
    nn.init.zeros_(net.kind.weight)
    return frozen_norms(net)


def _head(metric: BuiltinMetric, images: list[Tensor], widths: Widths) -> dict[str, Tensor]:
    """The head for more scales, none of which it listens to, and with the hidden units that matter most.

    A unit matters by the spread of what it adds to the score over ``images``; what the others add on average goes into
    the bias.
    """
    first, last = metric.head[0], metric.head[-1]
    hidden = torch.cat([metric.head[:-1](metric.statistics(batch)) for batch in images])
    added = hidden * last.weight
    kept = added.std(0).argsort(descending=True)[: widths.hidden].sort().values
    silent = torch.zeros(len(kept), widths.statistics - first.in_features)
    return {
        "head.0.weight": torch.cat((first.weight[kept], silent), 1),
        "head.0.bias": first.bias[kept],
        f"head.{len(metric.head) - 1}.weight": last.weight[:, kept],
        f"head.{len(metric.head) - 1}.bias": last.bias + added.mean(0).sum() - added.mean(0)[kept].sum(),
    }


def _moments(metric: BuiltinMetric, images: list[Tensor]) -> dict[str, tuple[Tensor, Tensor]]:
    """Mean and variance of every convolution's output, over pictures, pixels and scales."""
    sums: dict[str, list[Tensor]] = {}

    def hook(name: str) -> object:
        def add(module: nn.Module, given: object, out: Tensor) -> None:
            flat = out.transpose(0, 1).flatten(1).double()
            mine = torch.stack((torch.full((len(flat),), float(flat.shape[1])), flat.sum(1), flat.square().sum(1)))
            sums[name] = [*sums.get(name, []), mine]

        return add

    hooks = [m.register_forward_hook(hook(n)) for n, m in metric.named_modules() if isinstance(m, nn.Conv2d)]
    for batch in images:
        metric(batch)
    for one in hooks:
        one.remove()
    found = {}
    for name, parts in sums.items():
        count, total, square = torch.stack(parts).sum(0)
        mean = total / count
        found[name] = (mean.float(), (square / count - mean.square()).clamp_min(0).float())
    return found


def _transparent(norm: nn.BatchNorm2d, mean: Tensor, variance: Tensor) -> None:
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)
    norm.weight.copy_((variance + norm.eps).sqrt())
    norm.bias.copy_(mean)


def frozen_norms(net: TrainingNet) -> TrainingNet:
    """``net`` in train mode, except BatchNorm: one statistic per channel cannot serve all scales of a batch."""
    net.train()
    for norm in net.modules():
        if isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
            norm.eval()
    return net


@torch.no_grad()
def averaged(nets: list[TrainingNet]) -> TrainingNet:
    """The mean of the weights of networks that share BatchNorm's statistics; the first network holds it."""
    states = [net.state_dict() for net in nets]
    for name, mine in states[0].items():
        if mine.is_floating_point():
            mine.copy_(torch.stack([state[name] for state in states]).mean(0))
    return nets[0]


def one_scale() -> Widths:
    """The widths of the first three phases."""
    return Widths(scales=1)
