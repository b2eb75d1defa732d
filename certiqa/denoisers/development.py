"""What a look at the development part finds."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from certiqa.denoisers.draws import Batch
from certiqa.denoisers.network import DenoiserNetwork
from certiqa.denoisers.objective import Objective, Scores

__all__ = ["measured"]


@torch.no_grad()
def measured(objective: Objective, network: DenoiserNetwork, batches: Iterable[Batch]) -> dict[str, float]:
    """The losses without their weights, "loss", their weighted sum, "psnr" of the clipped images, and "srocc".

    Args:
        objective: the losses; without a metric there are only "mse", "psnr" and "loss".
        network: what denoises.
        batches: the windows, one at least.
    """
    squared, psnr, seen, parts = [], [], [], []
    for batch in batches:
        images, scores = objective.denoised(network, batch)
        squared += (images.float() - batch.clean).square().mean((1, 2, 3)).tolist()
        clipped = (images.float().clamp(0, 1) - batch.clean).square().mean((1, 2, 3)).clamp_min(1e-12)
        psnr += (-10 * clipped.log10()).tolist()
        seen.append(batch)
        if scores is not None:
            parts.append(scores)
    found = {"mse": float(np.mean(squared)), "psnr": float(np.mean(psnr))}
    if parts:
        found |= _measured_scores(objective, parts, seen)
    loss = sum(weight * found[name] for name, weight in objective.config.losses.items())
    return found | {"loss": float(loss)}


def _measured_scores(objective: Objective, parts: list[Scores], batches: list[Batch]) -> dict[str, float]:
    denoised, clean = (torch.cat([getattr(p, name) for p in parts]).float() for name in ("denoised", "clean"))
    mos, groups = (torch.cat([getattr(b, name) for b in batches]) for name in ("mos", "groups"))
    target = float((denoised - clean).abs().mean()) / objective.scale
    ranking = float(objective.ranking(denoised, clean, mos, groups))
    return {"target": target, "ranking": ranking, "srocc": _srocc(denoised, mos, groups)}


def _srocc(scores: Tensor, mos: Tensor, groups: Tensor) -> float:
    """The mean over the groups of |SROCC| with the human scores; NaN where no group has five of them."""
    from scipy.stats import spearmanr

    found = []
    for group in sorted(set(groups.tolist())):
        rows = (groups == group) & ~mos.isnan()
        if int(rows.sum()) >= 5 and all(bool(v[rows].min() < v[rows].max()) for v in (scores, mos)):
            found.append(abs(float(spearmanr(scores[rows].cpu().numpy(), mos[rows].cpu().numpy()).statistic)))
    return float(np.mean(found)) if found else math.nan
