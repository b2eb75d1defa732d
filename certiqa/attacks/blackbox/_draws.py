"""Random draws of the square attack, from its image's own generator."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["place", "signs"]


def signs(shape: tuple[int, ...], draw: torch.Generator) -> Tensor:
    """Independent signs, -1 or 1."""
    return 2.0 * torch.empty(shape).bernoulli_(0.5, generator=draw) - 1


def place(most: int, draw: torch.Generator) -> int:
    """A whole number in [0, most]."""
    return int(torch.empty((), dtype=torch.int64).random_(0, most + 1, generator=draw))
