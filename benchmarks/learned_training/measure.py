"""The figures of a front end and a head: SROCC of smoothed medians, and certified widths over their spread."""

from __future__ import annotations

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from certiqa.frontends.learned import Learned
from certiqa.frontends.sized import SizedFrontEnd
from certiqa.statistics.percentile import shifted_level
from certiqa.statistics.statements import band_confidence, interval_ranks, median_rank, median_ranks
from learned_training.network import Head, Maps
from learned_training.pictures import Part, Shifting, whole

__all__ = ["DECIBELS", "certified", "exact_numbers", "law", "numbers_of", "rho", "views_of"]

DECIBELS = (48, 42, 36, 30)


def rho(decibel: float) -> float:
    """The RMS of an attack of that PSNR."""
    return float(10 ** (-decibel / 20))


@torch.no_grad()
def numbers_of(maps: Maps, part: Part) -> Tensor:
    """(pictures, m): phi of whole pictures."""
    maps.eval()
    return torch.stack([maps(whole(image))[0] for image in part.images])


@torch.no_grad()
def views_of(maps: Maps, part: Part, views: int, seed: int = 7) -> tuple[Tensor, Tensor]:
    """(views, pictures, m) and scores: phi of random windows of pictures, as the maps are trained on."""
    maps.eval()
    shifting = Shifting(part, np.random.default_rng(seed))
    found = [torch.cat([maps(seen) for seen in shifting.view(64)]) for _ in range(views)]
    return torch.stack(found), torch.from_numpy(shifting.scores).float()


@torch.no_grad()
def samples(head: Head, z: Tensor, sigma: float, n: int, seed: int) -> np.ndarray:
    """(pictures, n) sorted scores 0..100 under noise."""
    head.eval()
    generator = torch.Generator().manual_seed(seed)
    found = np.empty((len(z), n), np.float32)
    for index, one in enumerate(z):
        found[index] = 100 * head(one + sigma * torch.randn(n, len(one), generator=generator)).numpy()
    return np.sort(found, axis=1)


def law(head: Head, z: Tensor, mos: np.ndarray, sigma: float, n: int = 4000, seed: int = 1) -> dict[str, object]:
    """Figures from empirical quantiles (n to infinity), for choosing only; None where the tail has too few samples."""
    scores = samples(head, z, sigma, n, seed)
    median = scores[:, n // 2]
    spread = float(np.std(median))
    found: dict[str, object] = {"srocc": round(float(stats.spearmanr(median, mos).statistic), 4)}
    found["plcc"] = round(float(stats.pearsonr(median, mos).statistic), 4)
    found["sd"] = round(spread, 2)
    for decibel in DECIBELS:
        tail = shifted_level(rho(decibel) / sigma)
        k = int(tail * n)
        if k < 4:
            found[f"tau/sd {decibel}"] = None
            continue
        tau = np.maximum(scores[:, n - 1 - k] - median, median - scores[:, k])
        found[f"tau/sd {decibel}"] = [round(float(np.quantile(tau, q)) / spread, 3) for q in (0.5, 0.9)]
    return found


def exact_numbers(phi: Learned, part: Part) -> Tensor:
    """(pictures, m): phi of whole pictures, computed in float64, as a certificate does."""
    return torch.stack([torch.from_numpy(phi(image.transpose(2, 0, 1) / 255.0)).float() for image in part.images])


def certified(
    head: Head, phi: Learned, part: Part, numbers: Tensor, sigma: float, n: int, alpha: float = 1e-3
) -> dict[str, object]:
    """What certificates of n samples say (drift, all eps at once, failing with probability alpha at most).

    ``numbers`` are phi's, computed in float64; eps counts in the pixels of the whole picture, and the grid's slack is
    added. The noise is torch's; that of a certificate is exact on the grid, which does not change these figures.
    """
    medians, taus = [], {decibel: [] for decibel in DECIBELS}
    level = band_confidence(n, alpha, "both").attacked
    low, high = median_ranks(n, level)
    for index, image in enumerate(part.images):
        sized = SizedFrontEnd.of(phi, *image.shape[:2], sigma)
        scores = np.concatenate([[0.0], samples(head, numbers[index : index + 1], sigma, n, seed=index)[0], [100.0]])
        medians.append(scores[median_rank(n)])
        for decibel, found in taus.items():
            r = sized.behind(rho(decibel) * np.sqrt(image.size)) / sigma
            below, above = interval_ranks(n, r, level)
            found.append(max(scores[above] - scores[low], scores[high] - scores[below]))
    spread = float(np.std(medians))
    row: dict[str, object] = {"pictures": len(medians), "sd": round(spread, 2)}
    row["srocc"] = round(float(stats.spearmanr(medians, part.scores).statistic), 4)
    row["plcc"] = round(float(stats.pearsonr(medians, part.scores).statistic), 4)
    for decibel, tau in taus.items():
        row[f"tau/sd {decibel}"] = [round(float(np.quantile(tau, q)) / spread, 3) for q in (0.5, 0.9)]
    return row
