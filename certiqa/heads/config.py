"""One training run of a head as data: everything that decides its result except the examples."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from certiqa import _checks as check
from certiqa.errors import InputError
from certiqa.training import plain

__all__ = ["HeadConfig"]


@dataclass(frozen=True)
class HeadConfig:
    """The settings of a training run, checked when they are made.

    Attributes:
        psnr: of the attack that the head is made for, in dB: its RMS is rho = 10^(-psnr/20).
        radius: r = rho/sigma, the attack in units of the noise. The noise level follows from it: sigma = rho/r.
        width: the tau/SD that training aims at: the median over pictures of r standard deviations of a picture's noisy
            scores, over the standard deviation of the scores of its data set. The weight of the width in the loss is
            raised and lowered a little with every step, towards it. One number, or one for each data set.
        hidden: units of either hidden layer.
        members: networks of that size; their mean is the head.
        knee: the inputs are asinh(z/c) with c = knee * sigma.
        label: weight of the squared distance to human scores beside the correlation with them; it fixes the scale.
        kinds: weight of the cross-entropy of the head's guess of an example's kind; 0: a head without kinds.
        batch: pictures per step and member.
        large: the share of the batch that the largest data set gives; the others share the rest equally.
        draws: of noise per picture and step, in antithetic pairs: even.
        whole: the share of the examples that are whole pictures, where there are crops as well.
        steps: how many updates.
        lr: the highest learning rate (AdamW), after a linear warm-up over 10 % of the steps; then half a cosine to 0.
        weight_decay: of AdamW.
        ema: the weights that are kept are an exponential moving average with this factor.
        samples: n that certificates with this head should use.
        seed: of the initial weights, the batches and the noise.
        validate_every: steps between two looks at the development part.
        checkpoint_every: steps between two checkpoints.

    Raises:
        InputError: one of them breaks its rule.

    >>> round(HeadConfig(psnr=42.0, radius=2.0).sigma, 6)
    0.003972
    """

    psnr: float = 42.0
    radius: float = 1.5
    width: float | tuple[float, ...] = 0.4
    hidden: int = 128
    members: int = 4
    knee: float = 1.5
    label: float = 0.1
    kinds: float = 0.0
    batch: int = 192
    large: float = 2 / 3
    draws: int = 2
    whole: float = 0.5
    steps: int = 700
    lr: float = 2e-3
    weight_decay: float = 1.0
    ema: float = 0.99
    samples: int = 100_000
    seed: int = 0
    validate_every: int = 250
    checkpoint_every: int = 250

    def __post_init__(self) -> None:
        given = self.width if isinstance(self.width, tuple | list) else (self.width,)
        widths = tuple(plain.number("width", one, positive=True) for one in given)
        if not widths:
            raise InputError.of("width", "must be a number > 0, or one for each data set", self.width)
        object.__setattr__(self, "width", widths if len(widths) > 1 else widths[0])
        for name in ("psnr", "radius", "knee", "lr"):
            object.__setattr__(self, name, plain.number(name, getattr(self, name), positive=True))
        for name in ("label", "kinds", "weight_decay", "large", "whole", "ema"):
            object.__setattr__(self, name, plain.number(name, getattr(self, name), positive=False))
        for name in ("hidden", "members", "steps", "samples", "validate_every", "checkpoint_every"):
            check.check_count(getattr(self, name), name)
        check.check_count(self.batch, "batch", 8)
        check.check_count(self.draws, "draws", 2)
        if self.draws % 2:
            raise InputError.of("draws", "must be even: they come in antithetic pairs", self.draws)
        for name, below in (("large", True), ("ema", True), ("whole", False)):
            value = getattr(self, name)
            if value > 1 or (below and value == 1):
                raise InputError.of(name, f"must be in [0, 1{')' if below else ']'}", value)
        check.check_count(self.seed, "seed", 0)
        if self.seed >= 2**63:
            raise InputError.of("seed", "must be below 2**63", self.seed)

    @property
    def sigma(self) -> float:
        """The noise level, in the front end's RMS units."""
        return math.pow(10, -self.psnr / 20) / self.radius

    def widths(self, groups: int) -> tuple[float, ...]:
        """The width of each of so many data sets.

        Raises:
            InputError: there are several widths, and not so many.
        """
        several = self.width if isinstance(self.width, tuple) else (self.width,) * groups
        if len(several) != groups:
            raise InputError.of("width", f"must be one number, or {groups}: one for each data set", self.width)
        return several

    def as_mapping(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return plain.as_mapping(self)

    def to_json(self) -> str:
        """One line, keys sorted."""
        return plain.to_json(self.as_mapping())

    @classmethod
    def from_mapping(cls, given: Mapping[str, Any]) -> HeadConfig:
        """Read what :meth:`as_mapping` made; fields that are not there keep their defaults.

        Raises:
            UnknownNameError: no such field; InputError: a field breaks its rule.
        """
        return plain.from_mapping(cls, given)
