"""MetricFacts: what a metric declares of itself, read from it here and nowhere else."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields
from numbers import Integral
from typing import Any

import numpy as np

from certiqa import _checks as check
from certiqa.errors import InputError
from certiqa.frontends.base import FrontEnd, is_front_end

__all__ = ["DeclaredByFacts", "MetricFacts", "declared_by", "facts_of", "has_own_name", "model_name", "short_name"]


@dataclass(frozen=True)
class MetricFacts:
    """What is known of one metric; a wrapper's facts are ``dataclasses.replace(facts_of(inner), ...)``.

    The fields are named after the attributes by which a metric declares them; all but the name may be left out.

    Attributes:
        name: what the metric calls itself, else module and name of its class or function.
        lower_better: direction of the scores; None: unknown.
        output_range: (lowest, highest) score; None: unknown or unbounded.
        range_enforced: whether the metric cannot leave ``output_range``, whatever the image.
        min_size: least height and width of an image, in pixels.
        front_end: the map before the noise that the metric was made for (:mod:`certiqa.frontends`), or None.
        certified_sigma: the noise level that it was made for, in the units of its front end, or None.
        certified_resolution: the working resolution that it was made for, in pixels: the shorter side or (height,
            width); None: the image's own.
        certified_n: the number of samples that certificates of it should use, or None.
        unclipped_noise: whether noisy images reach it as they are, not clipped to [0, 1].
        random: whether two calls on one image may give two scores.
        licence: of its weights.
        weights_sha256: of its weight file on record, or None.

    Raises:
        InputError: a value breaks its rule.

    >>> MetricFacts("grey", output_range=(0, 1), range_enforced=True).enforced_range
    (0.0, 1.0)
    """

    name: str
    lower_better: bool | None = None
    output_range: tuple[float, float] | None = None
    range_enforced: bool = False
    min_size: int = 1
    front_end: FrontEnd | None = None
    certified_sigma: float | None = None
    certified_resolution: int | tuple[int, int] | None = None
    certified_n: int | None = None
    unclipped_noise: bool = False
    random: bool = False
    licence: str = "unknown"
    weights_sha256: str | None = None

    def __post_init__(self) -> None:
        for fact, rule in _RULES.items():
            value = rule(getattr(self, fact), f"facts.{fact}")
            object.__setattr__(self, fact, _DEFAULTS[fact] if value is None else value)

    @property
    def enforced_range(self) -> tuple[float, float] | None:
        """``output_range`` if the metric cannot leave it; a range that is only documented proves nothing."""
        return self.output_range if self.range_enforced else None

    @property
    def scores_pictures(self) -> bool:
        """Whether what scores behind the front end reads pictures, not a vector of numbers."""
        return self.front_end is None or len(self.front_end.output_shape(1 << 10, 1 << 10)) == 3


def facts_of(model: object) -> MetricFacts:
    """The facts of a metric: its ``facts`` if it carries :class:`MetricFacts`, else read off its attributes.

    Attributes of the same names that mean something else in another library are not read: a ``front_end`` without the
    methods of one, a ``min_size`` that is a sequence, a ``licence`` that is no text.

    Raises:
        InputError: an attribute breaks its rule; the error names it ("model.certified_sigma").

    >>> def grey(images):
    ...     return images.mean((1, 2, 3))
    >>> grey.lower_better, grey.min_size = False, 8
    >>> facts_of(grey).lower_better, facts_of(grey).min_size, facts_of(grey).output_range
    (False, 8, None)
    """
    carried = getattr(model, "facts", None)
    if isinstance(carried, MetricFacts):
        return carried
    return MetricFacts(name=model_name(model), **declared_by(model))


def declared_by(model: object, whose: str = "model") -> dict[str, Any]:
    """The facts, but for the name, that the attributes of an object state: those that are not None, checked.

    Args:
        model: a metric, or the card of one.
        whose: what errors call it.

    Raises:
        InputError: one breaks its rule.
    """
    found = {fact: rule(getattr(model, fact, None), f"{whose}.{fact}") for fact, rule in _RULES.items()}
    return {fact: value for fact, value in found.items() if value is not None}


def model_name(model: object) -> str:
    """The name a metric gives itself, else module and name of its class or function."""
    kind = _kind(model)
    return _own_name(model) or f"{getattr(kind, '__module__', '?')}.{getattr(kind, '__qualname__', '?')}"


def short_name(model: object) -> str:
    """The name a metric gives itself, else that of its class or function without the module: for names of wrappers."""
    return _own_name(model) or str(getattr(_kind(model), "__qualname__", "?"))


def has_own_name(model: object) -> bool:
    """Whether the metric gives itself a name."""
    return _own_name(model) is not None


def _own_name(model: object) -> str | None:
    name = getattr(model, "name", None)
    return name if isinstance(name, str) else None


def _kind(model: object) -> object:
    return model if hasattr(model, "__qualname__") else type(model)


class DeclaredByFacts(ABC):
    """The attributes by which a metric declares its facts, for a wrapper that has them in ``facts``."""

    @property
    @abstractmethod
    def facts(self) -> MetricFacts:
        """All of them."""

    @property
    def name(self) -> str:
        """``facts.name``."""
        return self.facts.name

    @property
    def lower_better(self) -> bool | None:
        """``facts.lower_better``."""
        return self.facts.lower_better

    @property
    def output_range(self) -> tuple[float, float] | None:
        """``facts.output_range``."""
        return self.facts.output_range

    @property
    def range_enforced(self) -> bool:
        """``facts.range_enforced``."""
        return self.facts.range_enforced

    @property
    def min_size(self) -> int:
        """``facts.min_size``."""
        return self.facts.min_size

    @property
    def front_end(self) -> FrontEnd | None:
        """``facts.front_end``."""
        return self.facts.front_end

    @property
    def certified_sigma(self) -> float | None:
        """``facts.certified_sigma``."""
        return self.facts.certified_sigma

    @property
    def certified_resolution(self) -> int | tuple[int, int] | None:
        """``facts.certified_resolution``."""
        return self.facts.certified_resolution

    @property
    def certified_n(self) -> int | None:
        """``facts.certified_n``."""
        return self.facts.certified_n

    @property
    def unclipped_noise(self) -> bool:
        """``facts.unclipped_noise``."""
        return self.facts.unclipped_noise

    @property
    def random(self) -> bool:
        """``facts.random``."""
        return self.facts.random


def _flag(value: object, name: str) -> bool | None:
    if value is None or isinstance(value, bool | np.bool_) or (isinstance(value, Integral) and value in (0, 1)):
        return None if value is None else bool(value)
    raise InputError.of(name, "must be True or False, or left out", value)


def _least_side(value: object, name: str) -> int | None:
    return None if value is None or isinstance(value, tuple | list) else check.check_count(value, name)


def _count(value: object, name: str) -> int | None:
    return None if value is None else check.check_count(value, name)


def _sigma(value: object, name: str) -> float | None:
    return None if value is None else check.check_sigma(value, name)


def _random(value: object, name: str) -> bool | None:
    return value if value is None or isinstance(value, bool) else True  # a generator, say


def _text(value: object, name: str) -> str | None:
    return value if isinstance(value, str) else None


def _front_end(value: object, name: str) -> FrontEnd | None:
    return value if is_front_end(value) else None


_RULES: dict[str, Callable[[object, str], Any]] = {
    "lower_better": _flag,
    "output_range": lambda value, name: check.check_output_range(value, name, ""),
    "range_enforced": _flag,
    "min_size": _least_side,
    "front_end": _front_end,
    "certified_sigma": _sigma,
    "certified_resolution": check.check_resolution,
    "certified_n": _count,
    "unclipped_noise": _flag,
    "random": _random,
    "licence": _text,
    "weights_sha256": _text,
}
_DEFAULTS = {one.name: one.default for one in fields(MetricFacts)}
