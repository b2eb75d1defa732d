"""Head: the small network that reads the noisy numbers of a front end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from certiqa import _checks as check
from certiqa.training import plain

__all__ = ["Head", "HeadShape"]


@dataclass(frozen=True)
class HeadShape:
    """The sizes of a head.

    Attributes:
        inputs: m, how many numbers it reads.
        hidden: units of each of its two hidden layers.
        members: how many networks of that size there are; their scores are averaged.
        scale: c: a number z enters as asinh(z/c). Of the order of the noise level.
        kinds: of sources of images between which a member distinguishes; 0: it does not.

    Raises:
        InputError: one of them breaks its rule.
    """

    inputs: int
    hidden: int = 256
    members: int = 1
    scale: float = 0.01
    kinds: int = 0

    def __post_init__(self) -> None:
        for name in ("inputs", "hidden", "members"):
            check.check_count(getattr(self, name), name)
        check.check_count(self.kinds, "kinds", 0)
        object.__setattr__(self, "scale", plain.number("scale", self.scale, positive=True))

    def as_mapping(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return plain.as_mapping(self)


class Head(nn.Module):
    """g: (B, m) noisy numbers of a front end -> (B,) scores in [0, 100], higher is better.

    Each number enters as (asinh(z/c) - centre) / spread, with the centre and spread that it has over the training
    pictures; all that is not linear is behind the noise, where nothing can weaken a certificate. Every member is a
    network with two hidden layers and SiLU that gives one logit; or, with kinds, a logit for each kind of source
    (photographs, the pictures of one generator) and a guess of the kind, softmax probabilities by which the logits are
    averaged: quality shows differently in each. The score is 100 times the mean of the sigmoids of the members' logits,
    so for any weights a finite score lies in [0, 100]. A score depends on its own row only; there is no dropout and no
    random number; ``train()`` and ``eval()`` agree.

    Args:
        shape: the sizes.

    Attributes:
        front_end_digest: of the front end whose numbers it was trained on, or None.
        certified_sigma: the noise level that it was trained for, in the units of the numbers, or None.
        certified_n: the number of samples that certificates of it should use, or None.

    >>> head = Head(HeadShape(inputs=5, hidden=4, members=2))
    >>> head(torch.zeros(3, 5)).tolist()
    [50.0, 50.0, 50.0]
    """

    centre: Tensor
    spread: Tensor
    output_range = (0.0, 100.0)
    range_enforced = True
    lower_better = False

    def __init__(self, shape: HeadShape) -> None:
        super().__init__()
        self.shape = shape
        self.front_end_digest: str | None = None
        self.certified_sigma: float | None = None
        self.certified_n: int | None = None
        self.register_buffer("centre", torch.zeros(shape.inputs))
        self.register_buffer("spread", torch.ones(shape.inputs))
        sizes = (shape.inputs, shape.hidden, shape.hidden, 2 * shape.kinds or 1)
        self.weights = nn.ParameterList(
            torch.zeros(shape.members, sizes[i], sizes[i + 1]) for i in range(len(sizes) - 1)
        )
        self.biases = nn.ParameterList(torch.zeros(shape.members, 1, size) for size in sizes[1:])

    def forward(self, numbers: Tensor) -> Tensor:
        """(B, m) -> (B,) scores in [0, 100]."""
        logits, _ = self.logits(numbers.expand(self.shape.members, *numbers.shape))
        return 100 * torch.sigmoid(logits).mean(0)

    def logits(self, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """(members, B, m), each member's own -> (members, B) before the sigmoid; (members, B, kinds) of the guess."""
        hidden = (torch.asinh(numbers / self.shape.scale) - self.centre) / self.spread
        last = len(self.weights) - 1
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            hidden = torch.baddbmm(bias, hidden, weight)
            if layer < last:
                hidden = functional.silu(hidden)
        if not self.shape.kinds:
            return hidden.squeeze(2), hidden[..., 1:]
        each, guess = hidden.chunk(2, dim=2)
        return (each * guess.softmax(2)).sum(2), guess
