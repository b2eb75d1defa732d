"""The proposals of the square attack for l2: bumps, and moves of the change's mass from one window to another."""

from __future__ import annotations

import torch
from torch import Tensor

from certiqa.attacks.blackbox._draws import place, signs
from certiqa.attacks.budgets.norms import unit

__all__ = ["first_change", "moved"]


def first_change(shape: torch.Size, draw: torch.Generator) -> Tensor:
    """A grid of bumps, a sign each, (3,H,W)."""
    channels, height, width = shape
    side = max(1, min(height, width) // 5)
    change = torch.zeros(shape)
    for top in range(0, height - side + 1, side):
        for left in range(0, width - side + 1, side):
            bump = _bump(side, draw)
            change[:, top : top + side, left : left + side] = bump * signs((channels, 1, 1), draw)
    return change


def moved(change: Tensor, used: Tensor, side: int, eps: float, draw: torch.Generator) -> Tensor:
    """One proposal: the mass of two windows, and what is unused, goes into the first, shaped as a bump.

    Args:
        change: (3,H,W), defined up to its length.
        used: the change of the image, of length eps or, where [0, 1] cuts it off, less.
    """
    channels, height, width = change.shape
    side = max(3, side) | 1
    side = min(side, *(s if s % 2 else s - 1 for s in (height, width)))
    (top, left), (top2, left2) = ((place(height - side, draw), place(width - side, draw)) for _ in range(2))
    window = (slice(None), slice(top, top + side), slice(left, left + side))
    other = (slice(None), slice(top2, top2 + side), slice(left2, left2 + side))
    change = unit(change[None])[0] * float(used.norm())  # in the units of the image
    both = torch.zeros_like(change, dtype=torch.bool)
    both[window] = both[other] = True
    mass = torch.where(both, change, torch.zeros_like(change)).flatten(1).square().sum(1)
    unused = max(0.0, eps**2 - float(change.square().sum()))
    old = change[window]
    old = old / (old.flatten(1).norm(dim=1).view(-1, 1, 1) + 1e-10)
    new = _bump(side, draw) * signs((channels, 1, 1), draw) + old
    new = new / (new.flatten(1).norm(dim=1).view(-1, 1, 1) + 1e-10)
    trial = change.clone()
    trial[other] = 0.0
    trial[window] = new * (mass + unused / channels).sqrt().view(-1, 1, 1)
    return trial


def _bump(side: int, draw: torch.Generator) -> Tensor:
    """Two opposite hills side by side, turned by chance, of length 1, (side, side)."""
    if side == 1:
        return torch.ones(1, 1)
    half = side // 2
    hills = torch.cat((_hill(half, side), -_hill(side - half, side)))
    hills = unit(hills[None, None])[0, 0]
    turned = bool(torch.empty(()).uniform_(generator=draw) > 0.5)
    return hills.transpose(0, 1) if turned else hills


def _hill(height: int, width: int) -> Tensor:
    """Nested rectangles, the n-th adding 1 / n**2, of length 1."""
    hill = torch.zeros(height, width)
    rows, columns = height // 2 + 1, width // 2 + 1
    top, left = rows - 1, columns - 1
    for count in range(max(rows, columns)):
        bottom, right = min(top + 2 * count + 1, height), min(left + 2 * count + 1, width)
        hill[max(top, 0) : bottom, max(left, 0) : right] += 1 / (count + 1) ** 2
        top, left = top - 1, left - 1
    return unit(hill[None, None])[0, 0]
