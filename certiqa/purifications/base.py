"""What all purifications share: they hold a metric, clean its image, and speak for it."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from certiqa._facts import DeclaredByFacts, MetricFacts, facts_of, short_name
from certiqa.errors import ImageError, InputError
from certiqa.purifications.card import PurificationCard

__all__ = ["Purification"]


class Purification(DeclaredByFacts, nn.Module, ABC):
    """A metric behind a purification: ``forward(images)`` takes (B,3,H,W) RGB in [0,1] and gives the metric's scores.

    Guarantees: every image is purified by itself, whatever its batch; no global random state is touched; scores,
    direction and range are the metric's own, and so is what it was made for: noise level, working resolution, number of
    samples, unclipped noise ("jpeg" and "bits" store values in [0, 1], and so clip it). The options belong to the
    state of the module, and so to its hash.

    Attributes:
        metric: what is wrapped; its mode (train, eval) is left as it is.
        options: all of them, defaults included.
    """

    purification: ClassVar[PurificationCard]

    def __init__(self, metric: Callable[[Tensor], Any], **options: Any) -> None:
        super().__init__()
        if not callable(metric) or isinstance(metric, type):
            raise InputError.of("metric", "must be callable: (B,3,H,W) images in [0, 1] -> (B,) scores", metric)
        self.metric = metric
        self.options = self.purification.checked(options)
        self.training = bool(getattr(metric, "training", False))

    @abstractmethod
    def purify(self, images: Tensor) -> Tensor:
        """(B,3,H,W) in [0,1] -> images in [0,1], gradients included."""

    def forward(self, images: Tensor) -> Any:
        """Purify, then score."""
        height, width = images.shape[-2:]
        if min(height, width) < self.min_size:
            raise ImageError(
                f"The images are {width}x{height}; {self.name!r} needs at least {self.min_size} pixels on each side. "
                "Use larger images or another purification."
            )
        return self.metric(self.purify(images))

    def _least(self, metric_least: int) -> int:
        """The least side of an image, if the metric needs ``metric_least`` pixels."""
        return metric_least

    def _clipped(self, images: Tensor) -> Tensor:
        """Without what rounding added to [0, 1]; a metric that takes noise unclipped gets what lies outside of it."""
        return images if self.facts.unclipped_noise else images.clamp(0, 1)

    @property
    def facts(self) -> MetricFacts:
        """The metric's, but for name, least size and randomness.

        A front end that gives numbers does not go with a purification, which cleans pictures; so it is left out,
        together with the noise level and the number of samples that belong to it.
        """
        inner = facts_of(self.metric)
        options = ",".join(f"{key}={value}" for key, value in self.options.items() if value is not None)
        numbers: dict[str, Any] = {"front_end": None, "certified_sigma": None, "certified_n": None}
        return replace(
            inner,
            name=f"{short_name(self.metric)} behind {self.purification.name}{f'({options})' if options else ''}",
            min_size=self._least(inner.min_size),
            random=self.purification.random or inner.random,
            **{} if inner.scores_pictures else numbers,
        )

    @property
    def differentiable(self) -> str:
        """How gradients pass: "exactly", or "by a surrogate"."""
        return self.purification.differentiable

    def __repr__(self) -> str:
        inner = repr(self.metric) if isinstance(self.metric, Purification) else "metric"
        options = "".join(f", {key}={value!r}" for key, value in self.options.items())
        return f"purifications.load({self.purification.name!r}, {inner}{options})"

    def get_extra_state(self) -> Tensor:
        """Name and options, as bytes in a tensor: so they are hashed with the weights."""
        text = json.dumps([self.purification.name, self.options], sort_keys=True)
        return torch.frombuffer(bytearray(text.encode()), dtype=torch.uint8)

    def set_extra_state(self, state: Tensor) -> None:
        """Options are not loaded: a state dict of other options is refused.

        Raises:
            InputError: it is.
        """
        if not torch.equal(state.cpu(), self.get_extra_state()):
            found = bytes(state.cpu().tolist()).decode(errors="replace")
            raise InputError.of("state_dict", f"must be of {self!r}", found, "Build the wrapper with those options.")
