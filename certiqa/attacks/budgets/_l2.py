"""The l2 ball cut with [0, 1]: scaling a change into it, and rounding a change to whole grey levels inside it."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["fit", "lengths", "quantise_l2"]

_HALVINGS = 30


def fit(change: Tensor, clean: Tensor, eps: float, *, grow: bool) -> Tensor:
    """clip(clean + s * change) with the largest s whose length is at most eps; s <= 1 unless ``grow``.

    For ``grow=False`` this is the Euclidean projection of clean + change on the ball cut with the box (its optimality
    conditions say: scale, then clip). For ``grow=True`` and a gradient it is the maximiser of a linear function.
    """
    length = _length(change)
    scale = torch.where(length > 0, eps / length, torch.zeros_like(length))
    if not grow:
        scale = scale.clamp_max(1.0)
    short = (_length(_clipped(scale, change, clean)) < eps * (1 - 1e-6)) & (length > 0)
    if not grow:
        short &= scale < 1
    if bool(short.any()):
        low, high = scale.clone(), torch.where(short, torch.full_like(scale, torch.inf), scale)
        if not grow:
            high = high.clamp_max(1.0)
        low, high = _bracket(low, high, change, clean, eps)
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            inside = _length(_clipped(middle, change, clean)) <= eps
            low, high = torch.where(inside, middle, low), torch.where(inside, high, middle)
        scale = low
    return _inside(clean + _clipped(scale, change, clean), clean, eps)


def _bracket(low: Tensor, high: Tensor, change: Tensor, clean: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """Finite upper ends for the scales: doubled until the change is long enough, or cannot grow any more."""
    if bool(torch.isfinite(high).all()):
        return low, high
    trial = low.clone()
    for _ in range(60):
        growing = torch.isinf(high)
        if not bool(growing.any()):
            break
        trial = torch.where(growing, 2 * trial, trial)
        enough = _length(_clipped(trial, change, clean)) > eps
        high = torch.where(growing & enough, trial, high)
        low = torch.where(growing & ~enough, trial, low)
    return low, torch.where(torch.isinf(high), low, high)


def _clipped(scale: Tensor, change: Tensor, clean: Tensor) -> Tensor:
    return torch.minimum(torch.maximum(scale.to(change) * change, -clean), 1 - clean)


def lengths(change: Tensor) -> Tensor:
    """The Euclidean length of each image of a batch, (B,) float64."""
    found: Tensor = torch.linalg.vector_norm(change.flatten(1), dim=1, dtype=torch.float64)
    return found


def _length(change: Tensor) -> Tensor:
    return lengths(change).view(-1, 1, 1, 1)


def _inside(images: Tensor, clean: Tensor, eps: float) -> Tensor:
    """The last rounding, undone: shrink by a hair until the length, in float64, is at most eps."""
    images = images.clamp(0.0, 1.0)
    exact = clean.double()
    for attempt in range(6):
        length = _length(images.double() - exact)
        outside = length > eps
        if not bool(outside.any()):
            return images
        factor = torch.where(outside, eps / length * (1 - 1e-8 * 8**attempt), torch.ones_like(length))
        images = torch.where(outside, (exact + factor * (images.double() - exact)).to(clean.dtype), images)
    return torch.where(_length(images.double() - exact) > eps, clean, images)


def quantise_l2(image: Tensor, clean: Tensor, eps: float) -> Tensor:
    """One image (3,H,W) as uint8 levels, no farther from ``clean`` (float64) than eps and the image itself.

    The change is scaled by the largest t for which round(255 * (clean + t * change)) is near enough; of the entries
    that would move at the same t, the largest changes move first.
    """
    base = 255 * clean
    change = 255 * (image.double() - clean)
    most = min(255 * eps * (1 + 1e-10), float(change.norm()) * (1 + 1e-6)) ** 2

    def levels(t: float) -> Tensor:
        return (base + t * change).round().clamp(0, 255)

    def used(t: float) -> float:
        return float((levels(t) - base).square().sum())

    low, high = 0.0, 1.0
    while used(high) <= most and high < 2.0**40 and float(change.abs().max()) > 0:
        low, high = high, 2 * high
    if used(low) > most or used(high) <= most:  # off the grid and too near; or no change at all
        return levels(0.0 if used(low) > most else low).to(torch.uint8)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if used(middle) <= most else (low, middle)
    return _filled(levels(low), levels(high), change, base, most).to(torch.uint8)


def _filled(near: Tensor, far: Tensor, change: Tensor, base: Tensor, most: float) -> Tensor:
    """``near``, with as many of the entries of ``far`` as there is room for."""
    shape, near, far, base = near.shape, near.flatten().clone(), far.flatten(), base.flatten()
    moving = (near != far).nonzero().flatten()
    order = moving[change.flatten()[moving].abs().argsort(descending=True, stable=True)]
    cost = (far - base)[order].square() - (near - base)[order].square()
    room = most - float((near - base).square().sum())
    taken = order[cost.cumsum(0) <= room]
    near[taken] = far[taken]
    return near.view(shape)
