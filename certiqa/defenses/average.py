"""The weights that a training keeps: the last ones, their moving average, or a mean of that and of the start."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from certiqa.training.moving import follow

__all__ = ["KeptWeights"]


class KeptWeights:
    """What is kept of parameters that are being trained.

    Two means of weights, either of them or both: an exponential moving average over the steps, and the mean of what
    the training came to and of what it began with (WiSE-FT: Wortsman et al., CVPR 2022, arXiv 2109.01903), which lies
    between the two in what it has learned and in what it has forgotten. Buffers take no part: they stay the network's.

    Args:
        learning: the parameters, by name, as they are before the first step.
        ema: the factor of the moving average (:func:`certiqa.training.moving.follow`); 0: none.
        start_share: the part of the start in what is kept; 0: none.
    """

    def __init__(self, learning: Mapping[str, nn.Parameter], ema: float, start_share: float) -> None:
        self.learning, self.ema, self.start_share = learning, ema, start_share
        self._mean = _copied(learning) if ema else {}
        self._start = _copied(learning) if start_share else {}

    def update(self, number: int) -> None:
        """After the ``number``-th step, from 0."""
        if self._mean:
            follow(self._mean.values(), self.learning.values(), self.ema, number)

    @torch.no_grad()
    def values(self) -> dict[str, Tensor]:
        """The parameters that are kept as things stand, by name: copies."""
        found = _copied(self._mean or self.learning)
        for name, start in self._start.items():
            found[name].lerp_(start, self.start_share)
        return found

    @contextmanager
    def worn(self) -> Iterator[None]:
        """The network has these parameters for a while, and its own again behind it."""
        if not self._mean and not self._start:
            yield
            return
        own = _copied(self.learning)
        try:
            self._give(self.values())
            yield
        finally:
            self._give(own)

    def state(self) -> dict[str, Tensor]:
        """What :meth:`restore` needs."""
        return dict(self._mean)

    @torch.no_grad()
    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take up what :meth:`state` gave."""
        for name, mean in self._mean.items():
            mean.copy_(state[name])

    @torch.no_grad()
    def _give(self, values: Mapping[str, Tensor]) -> None:
        for name, value in values.items():
            self.learning[name].copy_(value)


def _copied(values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in values.items()}
