"""Fit of the heads that bound themselves: agreement with human scores against the slope that an attack can use.

The loss of every head is the sum over data sets of 1 - PLCC + price x width, width being what an attack of l2 length
RHO can change at first order, measured on both sides of the picture's numbers, over the standard deviation of the
values. An additive head begins at the least-squares solution with the mean squared slope as penalty, which is linear.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from scipy.optimize import least_squares
from scipy.special import expit
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from certiqa.heads import Examples
from certiqa.heads.additive import AdditiveHead
from certiqa.heads.lipschitz import LipschitzHead

__all__ = ["RHO", "Fit", "fit_additive", "fit_lipschitz"]

RHO = 10 ** (-42 / 20)
"""The length for which the width is priced: an attack of 42 dB."""


@dataclass(frozen=True)
class Fit:
    """The settings of a fit.

    Attributes:
        knots: of every curve of an additive head.
        hidden: the hidden layers of a MaxMin head; () is a linear head.
        price: of the width, against 1 - PLCC.
        ridge: price of the squared slopes in the least-squares start of an additive head.
        steps: of Adam.
        rate: its largest learning rate.
        batch: pictures of each data set in a step.
        seed: of the batches and of the weights at the start.
    """

    knots: int = 4
    hidden: tuple[int, ...] = (128, 128)
    price: float = 0.3
    ridge: float = 0.6
    steps: int = 600
    rate: float = 0.03
    batch: int = 192
    seed: int = 0


def _basis(z: np.ndarray, knots: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values and slopes, (N, m, k), of the curves whose slope is 1 at one knot and 0 at all the others."""
    width = np.diff(knots, axis=1)
    into = np.clip(z[..., None] - knots[:, :-1], 0, width)
    slopes, values = np.zeros((2, *z.shape, knots.shape[1]))
    slopes[..., 0] = 1
    slopes[..., 1:] += into / width
    slopes[..., :-1] -= into / width
    values[..., :-1] += into - into**2 / (2 * width)
    values[..., 1:] += into**2 / (2 * width)
    values[..., 0] += np.minimum(z - knots[:, 0], 0)
    values[..., -1] += np.maximum(z - knots[:, -1], 0)
    return values, slopes


def _start(z: np.ndarray, examples: Examples, knots: np.ndarray, ridge: float) -> np.ndarray:
    """Slopes (m, k) of least squares, each data set centred, scaled and weighted alike."""
    values, slopes = _basis(z, knots)
    n, m, k = values.shape
    flat, target, weight = values.reshape(n, -1).copy(), examples.scores.copy(), np.ones(n)
    for group in np.unique(examples.groups):
        own = examples.groups == group
        flat[own] -= flat[own].mean(axis=0)
        target[own] = (target[own] - target[own].mean()) / target[own].std()
        weight[own] = n / own.sum() / 2
    gram = (flat * weight[:, None]).T @ flat / n
    differences = np.diff(np.eye(k), axis=0)
    for i in range(m):
        block = slice(i * k, (i + 1) * k)
        bends = np.minimum((RHO / np.maximum(np.diff(knots[i]), 1e-4)) ** 2, 1)
        rough = 0.1 * (differences.T * bends) @ differences / k + 1e-4 * np.eye(k)
        gram[block, block] += ridge * RHO**2 * ((slopes[:, i] * weight[:, None]).T @ slopes[:, i] / n + rough)
    gram += 1e-9 * np.trace(gram) / len(gram) * np.eye(len(gram))
    found: np.ndarray = np.linalg.solve(gram, (flat * weight[:, None]).T @ target / n).reshape(m, k)
    return found


def fit_additive(examples: Examples, fit: Fit) -> AdditiveHead:
    """Knots at quantiles, slopes by least squares, then by the loss."""
    z = examples.numbers[0].astype(np.float64)
    knots = np.quantile(z, np.linspace(0, 1, fit.knots), axis=0).T
    knots = (knots + 1e-6 * np.arange(fit.knots)).astype(np.float32)
    start = torch.tensor(_start(z, examples, knots.astype(np.float64), fit.ridge), dtype=torch.float32)
    head = AdditiveHead(z.shape[1], fit.knots)
    head.knots.copy_(torch.from_numpy(knots))
    head.slopes.data = start

    def values(rows: Tensor) -> tuple[Tensor, Tensor]:
        first = _slopes(head, rows)
        step = (first * (RHO / first.norm(dim=1, keepdim=True))).detach()
        ends = torch.stack([_slopes(head, rows + sign * step).norm(dim=1) for sign in (1, -1)])
        return head.values(rows), (first.norm(dim=1) + ends.amax(0)) / 2

    _descend([head.slopes], values, examples, fit, float(start.abs().mean()))
    gain, offset = _to_scores(head.values(torch.from_numpy(examples.numbers[0])).detach().numpy(), examples)
    head.slopes.data *= gain
    head.offset.data.fill_(offset)
    return head.requires_grad_(False).eval()


def _slopes(head: AdditiveHead, z: Tensor) -> Tensor:
    share = ((z[..., None] - head.knots[:, :-1]) / head.knots.diff(dim=1)).clamp(0, 1)
    return head.slopes[:, 0] + (share * head.slopes.diff(dim=1)).sum(2)


def fit_lipschitz(examples: Examples, fit: Fit) -> LipschitzHead:
    """Orthogonal weights by Cayley's map; the widths are those of the constant itself."""
    numbers = torch.from_numpy(examples.numbers[0])
    generator = torch.Generator().manual_seed(fit.seed)
    head = LipschitzHead(numbers.shape[1], fit.hidden)
    head.centre.copy_(numbers.mean(0))
    sizes = (numbers.shape[1], *fit.hidden)
    layers = []
    for a, b in pairwise(sizes):
        layer = nn.Linear(a, b)
        layer.weight.data = torch.randn(b, a, generator=generator)
        layer.bias.data = torch.rand(b, generator=generator) * 2 - 1
        layers.append(parametrizations.orthogonal(layer, orthogonal_map="cayley"))
    last = nn.Parameter(torch.randn(sizes[-1], generator=generator))
    scale = 0.02  # of the numbers: the biases are of the order of 1

    def values(rows: Tensor) -> tuple[Tensor, Tensor]:
        x = (rows - head.centre) / scale
        for layer in layers:
            first, second = layer(x).chunk(2, 1)
            x = torch.cat((torch.maximum(first, second), torch.minimum(first, second)), 1)
        return x @ (last / last.norm()), torch.full((len(rows),), 1 / scale)

    _descend([last, *(p for layer in layers for p in layer.parameters())], values, examples, fit)
    with torch.no_grad():
        at = values(numbers)[0].numpy()
        gain, offset = _to_scores(at, examples)
        for k, layer in enumerate(layers):
            head.weights[k].copy_(layer.weight)
            head.biases[k].copy_(layer.bias * scale)
        head.last.copy_(last / last.norm() * (gain / scale))
        head.offset.fill_(offset)
    return head.requires_grad_(False).eval()


def _descend(
    parameters: list[nn.Parameter],
    values: Callable[[Tensor], tuple[Tensor, Tensor]],
    examples: Examples,
    fit: Fit,
    unit: float = 1.0,
) -> None:
    """Adam on the loss; at the end the parameters are the moving mean of the second half."""
    numbers = torch.from_numpy(examples.numbers)
    scores = torch.tensor(examples.scores, dtype=torch.float32)
    generator = torch.Generator().manual_seed(fit.seed)
    members = [torch.from_numpy(np.flatnonzero(examples.groups == group)) for group in np.unique(examples.groups)]
    rate = fit.rate * unit
    adam = torch.optim.Adam(parameters, lr=rate)
    plan = torch.optim.lr_scheduler.OneCycleLR(adam, rate, total_steps=fit.steps, pct_start=0.2)
    mean = None
    for step in range(fit.steps):
        loss = torch.zeros(())
        for own in members:
            rows = own[torch.randint(len(own), (fit.batch,), generator=generator)]
            at, slope = values(numbers[0, rows])
            centred, target = at - at.mean(), scores[rows] - scores[rows].mean()
            plcc = (centred * target).mean() / (centred.std() * target.std() + 1e-9)
            loss = loss + 1 - plcc + fit.price * RHO * slope.mean() / (at.std() + 1e-9)
        adam.zero_grad()
        loss.backward()
        adam.step()
        plan.step()
        if step >= fit.steps // 2:
            now = [parameter.detach().clone() for parameter in parameters]
            mean = now if mean is None else [a.lerp_(b, 0.03) for a, b in zip(mean, now, strict=True)]
    for parameter, value in zip(parameters, mean or [], strict=True):
        parameter.data = value


def _to_scores(values: np.ndarray, examples: Examples) -> tuple[float, float]:
    """(a, b), a > 0, so that 100 logistic(a v + b) is nearest to the human scores, in least squares."""
    scale = values.std()
    first = np.array([0.0, -values.mean() / scale])
    found = least_squares(lambda p: 100 * expit(np.exp(p[0]) * values / scale + p[1]) - examples.scores, first).x
    return float(np.exp(found[0]) / scale), float(found[1])
