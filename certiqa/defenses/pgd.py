"""The inner loop of adversarial training: a batched attack that drives scores away from their labels."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["lowered", "worst_images"]


def worst_images(
    score: Callable[[Tensor], Tensor],
    images: Tensor,
    away: Tensor,
    start: Tensor,
    *,
    eps: float,
    steps: int,
    step_size: float,
) -> Tensor:
    """Projected gradient ascent on ``away * f`` within the l_inf ball of radius eps and within [0, 1].

    For a linear f and enough steps the result is the worst case of the ball. It is built for training: no restarts, the
    last image is the one that counts, and scores move in the direction asked for only.

    Args:
        score: (B, 3, H, W) -> (B,) with a graph to the images; in eval mode.
        images: (B, 3, H, W) in [0, 1].
        away: (B,), +1 to raise a score, -1 to lower it.
        start: (B, 3, H, W) in [-1, 1]: the first change, in units of eps.
        eps: radius.
        steps: how many.
        step_size: of each.

    Returns:
        (B, 3, H, W), without a graph.
    """
    low, high = (images - eps).clamp(min=0), (images + eps).clamp(max=1)
    changed = (images + eps * start).clamp(low, high).detach()
    for _ in range(steps):
        changed.requires_grad_(True)
        with torch.enable_grad():
            (gradient,) = torch.autograd.grad((away * score(changed)).sum(), changed)
        changed = (changed.detach() + step_size * gradient.sign()).clamp(low, high)
    return changed


def lowered(mos: Tensor, images: Tensor, changed: Tensor, *, eps: float, drop: float, lower_better: bool) -> Tensor:
    """Labels of attacked images: ``drop`` worse if the change is eps everywhere, else by its RMS over eps.

    Args:
        mos: (B,), labels of the images before.
        images: (B, 3, H, W).
        changed: likewise, after.
        eps: radius of the attack.
        drop: in units of the scores.
        lower_better: whether worse is higher.
    """
    used = (changed - images).square().mean((1, 2, 3)).sqrt() / eps
    return mos + (drop if lower_better else -drop) * used.to(mos.dtype)
