"""What a head is trained for: agreement with human scores, and certificates that are narrow against their spread."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Losses", "losses"]


@dataclass(frozen=True)
class Losses:
    """Of one data set's share of a batch.

    Attributes:
        agreement: 1 - Pearson's correlation of the mean noisy score with human scores, mean over the members.
        label: mean squared distance of the two, in units of the variance of the human scores.
        width: the root mean square over pictures of r standard deviations of a picture's noisy scores, over the
            standard deviation of its scores over pictures.
        median_width: the same with the median over pictures instead, without gradient.
    """

    agreement: Tensor
    label: Tensor
    width: Tensor
    median_width: float


def losses(noisy: Tensor, human: Tensor, radius: float) -> Losses:
    """For (draws, members, B) noisy scores and (members, B) human ones.

    Where the law of a picture's noisy scores is normal, its certified quantiles at r lie r standard deviations from its
    median; Q(Phi(r)) - Q(1/2) itself would need hundreds of draws.
    """
    mean = noisy.mean(0)
    centred, wanted = mean - mean.mean(1, keepdim=True), human - human.mean(1, keepdim=True)
    spread = centred.square().mean(1).add(1e-6).sqrt()
    unit = wanted.square().mean(1).add(1e-6)
    agreement = 1 - (centred * wanted).mean(1) / (spread * unit.sqrt())
    label = (mean - human).square().mean(1) / unit
    width = radius * noisy.var(0).add(1e-8).sqrt() / spread[:, None]
    return Losses(
        agreement.mean(),
        label.mean(),
        width.square().mean(1).sqrt().mean(),
        float(torch.median(width.detach(), dim=1).values.mean()),
    )
