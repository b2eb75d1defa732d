"""How well a head agrees with people behind the noise, and how wide its certificates are, on examples."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from scipy import stats

from certiqa.heads.config import HeadConfig
from certiqa.heads.examples import Examples
from certiqa.heads.network import Head
from certiqa.training.draws import generator

__all__ = ["measured", "noisy_scores", "summary", "tau_over_sd"]

Floats = npt.NDArray[np.float64]

DRAWS = 1000
"""Of noise per picture: enough for the quantiles at r = 2, not for certificates."""


def measured(head: Head, examples: Examples, config: HeadConfig, draws: int = DRAWS) -> dict[str, float]:
    """For each data set SROCC of the median noisy scores, and the median tau over the SD of those medians.

    tau is that of the law of the scores: what certificates with ever more samples tend to.
    """
    scores = noisy_scores(head, examples, config.sigma, draws, config.seed)
    medians = np.median(scores, axis=1)
    found: dict[str, float] = {}
    for group in np.unique(examples.groups):
        own = examples.groups == group
        found[f"srocc_{group}"] = float(stats.spearmanr(medians[own], examples.scores[own]).statistic)
        found[f"tau_over_sd_{group}"] = tau_over_sd(scores[own], config.radius)
    mean = float(np.mean([value for name, value in found.items() if name.startswith("srocc")]))
    return {"loss": 1 - mean, **found}


def summary(
    scores: Floats, examples: Examples, names: Sequence[str], sigma: float, psnr: Sequence[float]
) -> dict[str, dict[str, float]]:
    """For each data set, by name: SROCC of the medians, and tau/SD at every PSNR whose r the draws can show.

    An r can be shown if at least ten draws are expected beyond its quantile.
    """
    found: dict[str, dict[str, float]] = {}
    medians = np.median(scores, axis=1)
    for group, name in enumerate(names):
        own = examples.groups == group
        line = {"srocc": round(float(stats.spearmanr(medians[own], examples.scores[own]).statistic), 4)}
        for decibel in psnr:
            radius = 10 ** (-decibel / 20) / sigma
            if scores.shape[1] * 0.5 * math.erfc(radius / math.sqrt(2)) >= 10:
                line[f"tau_over_sd_{decibel:g}"] = round(tau_over_sd(scores[own], radius), 4)
        found[name] = line
    return found


def noisy_scores(head: Head, examples: Examples, sigma: float, draws: int, seed: int) -> Floats:
    """(N, draws) scores of the whole pictures, each with noise of its own."""
    rng = generator(seed, "look")
    found = np.empty((len(examples), draws))
    with torch.inference_mode():
        for row, numbers in enumerate(examples.numbers[0]):
            noisy = numbers + np.float32(sigma) * rng.standard_normal((draws, len(numbers)), dtype=np.float32)
            found[row] = head(torch.from_numpy(noisy)).numpy()
    return found


def tau_over_sd(scores: Floats, radius: float) -> float:
    """The median over pictures of max(Q(Phi(r)) - Q(1/2), Q(1/2) - Q(Phi(-r))), over the SD of Q(1/2).

    >>> tau_over_sd(np.array([[1.0, 2.0, 3.0], [5.0, 6.0, 7.0]]), 100.0)
    0.5
    """
    high = 0.5 * math.erfc(-radius / math.sqrt(2))
    low, middle, top = np.quantile(scores, (1 - high, 0.5, high), axis=1)
    return float(np.median(np.maximum(top - middle, middle - low)) / np.std(middle))
