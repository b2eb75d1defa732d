"""What all purifications share: they hold a metric, clean its image, and speak for it."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from certiqa.errors import ImageError, InputError
from certiqa.purifications.card import PurificationCard

__all__ = ["Purification"]


class Purification(nn.Module, ABC):
    """A metric behind a purification: ``forward(images)`` takes (B,3,H,W) RGB in [0,1] and gives the metric's scores.

    Guarantees: every image is purified by itself, whatever its batch; no global random state is touched; scores,
    direction and range are the metric's own. The options belong to the state of the module, and so to its hash.

    Attributes:
        metric: what is wrapped; its mode (train, eval) is left as it is.
        options: all of them, defaults included.
    """

    facts: ClassVar[PurificationCard]

    def __init__(self, metric: Callable[[Tensor], Any], **options: Any) -> None:
        super().__init__()
        if not callable(metric) or isinstance(metric, type):
            raise InputError.of("metric", "must be callable: (B,3,H,W) images in [0, 1] -> (B,) scores", metric)
        self.metric = metric
        self.options = self.facts.checked(options)
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

    @property
    def name(self) -> str:
        """The metric's name, with the purification and its options."""
        kind = self.metric if hasattr(self.metric, "__qualname__") else type(self.metric)
        own = getattr(self.metric, "name", None)
        inner = own if isinstance(own, str) else getattr(kind, "__qualname__", "?")
        options = ",".join(f"{key}={value}" for key, value in self.options.items() if value is not None)
        return f"{inner} behind {self.facts.name}{f'({options})' if options else ''}"

    @property
    def min_size(self) -> int:
        """Least height and width, in pixels: what the metric and the purification need."""
        return self._least(int(getattr(self.metric, "min_size", 1)))

    @property
    def lower_better(self) -> bool | None:
        """The metric's direction; None if unknown."""
        found = getattr(self.metric, "lower_better", None)
        return None if found is None else bool(found)

    @property
    def output_range(self) -> tuple[float, float] | None:
        """The metric's range; None if unknown."""
        return getattr(self.metric, "output_range", None)

    @property
    def range_enforced(self) -> bool:
        """Whether the metric cannot leave its range."""
        return bool(getattr(self.metric, "range_enforced", False))

    @property
    def differentiable(self) -> str:
        """How gradients pass: "exactly", or "by a surrogate"."""
        return self.facts.differentiable

    @property
    def random(self) -> bool:
        """Whether it draws random numbers: then an attack must average over them."""
        return self.facts.random or bool(getattr(self.metric, "random", False))

    def __repr__(self) -> str:
        inner = repr(self.metric) if isinstance(self.metric, Purification) else "metric"
        options = "".join(f", {key}={value!r}" for key, value in self.options.items())
        return f"purifications.load({self.facts.name!r}, {inner}{options})"

    def get_extra_state(self) -> Tensor:
        """Name and options, as bytes in a tensor: so they are hashed with the weights."""
        text = json.dumps([self.facts.name, self.options], sort_keys=True)
        return torch.frombuffer(bytearray(text.encode()), dtype=torch.uint8)

    def set_extra_state(self, state: Tensor) -> None:
        """Options are not loaded: a state dict of other options is refused.

        Raises:
            InputError: it is.
        """
        if not torch.equal(state.cpu(), self.get_extra_state()):
            found = bytes(state.cpu().tolist()).decode(errors="replace")
            raise InputError.of("state_dict", f"must be of {self!r}", found, "Build the wrapper with those options.")
