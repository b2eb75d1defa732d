"""What kind of source made a picture, and what is typical of it: the term that the built-in metric adds to its head.

The kinds are the seven generators of AGIQA-3K and a camera (LIVE In the Wild). Linear discriminant analysis with a
shrunk covariance, on the statistics that the head gets: every kind is a Gaussian with its own mean and the common
covariance (1 - shrinkage) S + shrinkage tr(S)/d, so the probabilities of the kinds are a softmax of linear functions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.special import log_softmax, logit

from builtin_training.network import KINDS
from builtin_training.pictures import Rated, crop, to_tensor
from certiqa.data.splits import fold
from certiqa.metrics.builtin import BuiltinMetric

__all__ = ["SHRINKAGES", "Statistics", "chosen_shrinkage", "statistics_of", "with_kinds"]

SHRINKAGES = (0.01, 0.03, 0.1, 0.3)
FOLDS = 4
WINDOW, WINDOWS, BATCH = 448, 3, 16
FLOOR = 1e-3
"""Of the spread of a statistic, so that a dead channel gets no large weight."""


@dataclass(frozen=True)
class Statistics:
    """Of whole pictures and windows of them: (n, statistics) float64, scores of the metric, MOS on 0-100, kinds."""

    values: np.ndarray
    scores: np.ndarray
    mos: np.ndarray
    kinds: np.ndarray
    contents: np.ndarray
    whole: np.ndarray

    def where(self, rows: np.ndarray) -> Statistics:
        return Statistics(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


@torch.inference_mode()
def statistics_of(metric: BuiltinMetric, parts: list[Rated], seed: int) -> Statistics:
    """Every picture whole, and ``WINDOWS`` random windows of it."""
    rng = np.random.default_rng([seed, 5])
    device = next(metric.parameters()).device
    found: list[np.ndarray] = []
    rows: list[tuple[float, int, str, bool]] = []

    def add(batch: list[np.ndarray]) -> None:
        found.append(metric.statistics(to_tensor(np.stack(batch)).to(device)).cpu().numpy())

    for part in parts:
        facts = list(zip(part.scores.tolist(), part.kinds.tolist(), part.contents, strict=True))
        for image in part.images:
            add([image])
        rows += [(*fact, True) for fact in facts]
        for _ in range(WINDOWS):
            for first in range(0, len(part.images), BATCH):
                add([crop(image, WINDOW, rng) for image in part.images[first : first + BATCH]])
            rows += [(*fact, False) for fact in facts]
    values = np.concatenate(found)
    scores = metric.score(torch.from_numpy(values).to(device)).cpu().numpy()
    mos, kinds, contents, whole = (np.array(column) for column in zip(*rows, strict=True))
    return Statistics(values.astype(np.float64), scores.astype(np.float64), mos, kinds, contents, whole)


def _fit(found: Statistics, shrinkage: float) -> tuple[np.ndarray, np.ndarray]:
    """Weights (KINDS, statistics) and biases (KINDS,), up to a constant that all kinds share."""
    centre, spread = found.values.mean(0), found.values.std(0).clip(FLOOR)
    values = (found.values - centre) / spread
    means = np.stack([values[found.kinds == kind].mean(0) for kind in range(KINDS)])
    rest = values - means[found.kinds]
    covariance = rest.T @ rest / len(rest)
    size = len(covariance)
    covariance *= 1 - shrinkage
    covariance[np.diag_indices(size)] += shrinkage * (rest**2).sum() / len(rest) / size
    weights = np.linalg.solve(covariance, means.T).T
    biases = -(means * weights).sum(1) / 2 + np.log(np.bincount(found.kinds, minlength=KINDS) / len(values))
    weights = (weights - weights.mean(0)) / spread
    return weights, biases - biases.mean() - weights @ centre


def chosen_shrinkage(found: Statistics) -> tuple[float, dict[float, float]]:
    """That of ``SHRINKAGES`` under which the kinds of held-out contents are likeliest, and the mean log-likelihoods."""
    folds = np.array([fold(content, FOLDS, salt="kinds:") for content in found.contents])
    likely = dict.fromkeys(SHRINKAGES, 0.0)
    for shrinkage in SHRINKAGES:
        for number in range(FOLDS):
            weights, biases = _fit(found.where(folds != number), shrinkage)
            held = found.where((folds == number) & found.whole)
            chances = log_softmax(held.values @ weights.T + biases, axis=1)
            likely[shrinkage] += float(chances[np.arange(len(chances)), held.kinds].sum()) / int(found.whole.sum())
    return max(likely, key=lambda shrinkage: likely[shrinkage]), likely


@torch.no_grad()
def with_kinds(metric: BuiltinMetric, found: Statistics, shrinkage: float, weight: float) -> BuiltinMetric:
    """The metric with the term: ``weight`` times a kind's mean MOS, brought to the scale of the head's output.

    That scale is the slope of MOS over the head's output on the whole pictures of the generators.
    """
    weights, biases = _fit(found, shrinkage)
    made = found.where(found.whole & (found.kinds != KINDS - 1))
    slope = np.polyfit(logit(made.scores / 100), made.mos, 1)[0]
    typical = np.array([found.mos[found.kinds == kind].mean() for kind in range(KINDS)])
    typical = weight * (typical - typical.mean()) / slope
    more = BuiltinMetric(replace(metric.widths, kinds=KINDS), metric.card)
    terms = {"kind.weight": weights, "kind.bias": biases, "typical": typical}
    more.load_state_dict(metric.state_dict() | {name: torch.from_numpy(value).float() for name, value in terms.items()})
    return more.eval().requires_grad_(False)
