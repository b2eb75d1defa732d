"""The catalogue of metrics: single ones, families (``pyiqa:NAME``) that another package fills, and those made known."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

import torch
from torch import nn

from certiqa.errors import InputError, MissingExtraError, UnknownNameError
from certiqa.metrics.card import MetricCard
from certiqa.metrics.facts import bind, stated

__all__ = ["ENDING", "Family", "Loader", "catalogued", "families", "load_catalogued", "names", "register", "unregister"]

ENDING = ".safetensors"
"""Of a weight file's name: what ends so is a path, and no name of the catalogue."""


class Loader(Protocol):
    """Builds a metric: in eval mode, parameters frozen, on the device; the global random states left as they were."""

    def __call__(self, device: torch.device | str, weights: str | os.PathLike[str] | None) -> nn.Module:
        """``weights`` is a file that replaces the published weights; None: the published ones."""
        ...


class Family(Protocol):
    """A module that speaks for many metrics of one prefix."""

    def names(self) -> tuple[str, ...]:
        """Names without the prefix. MissingExtraError if the package is not there."""
        ...

    def card(self, name: str) -> MetricCard:
        """The facts of one. UnknownNameError, MissingExtraError."""
        ...

    def load(self, name: str, device: torch.device | str, weights: str | os.PathLike[str] | None) -> nn.Module:
        """Build one, as :class:`Loader` does."""
        ...


@dataclass(frozen=True)
class _Entry:
    card: Callable[[], MetricCard]
    load: Loader


def _lazy(module: str) -> _Entry:
    """A metric whose module, with CARD and load(device, weights), is imported when it is asked for."""

    def facts() -> MetricCard:
        found: MetricCard = import_module(module).CARD
        return found

    def build(device: torch.device | str, weights: str | os.PathLike[str] | None) -> nn.Module:
        metric: nn.Module = import_module(module).load(device, weights)
        return metric

    return _Entry(facts, build)


_METRICS: dict[str, _Entry] = {
    "builtin": _lazy("certiqa.metrics.builtin"),
    "builtin-at": _lazy("certiqa.metrics.builtin_at"),
    "builtin-energy": _lazy("certiqa.metrics.builtin_energy"),
    "builtin-lipschitz": _lazy("certiqa.metrics.builtin_lipschitz"),
    "builtin-noise": _lazy("certiqa.metrics.builtin_noise"),
    "builtin-noise-192": _lazy("certiqa.metrics.builtin_noise_192"),
    "builtin-nt": _lazy("certiqa.metrics.builtin_nt"),
    "linearityiqa": _lazy("certiqa.metrics.linearityiqa"),
}
_FAMILIES = {"pyiqa": "certiqa.metrics.pyiqa"}
_RENAMED = {"builtin-certified": "builtin-noise-192"}


def register(card: MetricCard, loader: Loader) -> None:
    """Make a metric of your own known by its card's name, for this process.

    What the card says, the loaded metric says too: :func:`load` writes into it what it leaves open (lower_better,
    output_range and range_enforced, min_size, certified_sigma and certified_resolution, unclipped_noise, a name), and
    refuses one that says otherwise.

    Raises:
        InputError: the name is taken, empty, holds a colon (colons belong to families), or ends like a weight file; the
            card's output_range is none.

    >>> import torch
    >>> from certiqa.metrics import load
    >>> class Grey(torch.nn.Module):
    ...     def forward(self, images):
    ...         return images.mean(dim=(1, 2, 3))
    >>> card = MetricCard("grey", "mean grey level", True, (0.0, 1.0), range_enforced=True)
    >>> register(card, lambda device, weights: Grey().to(device))
    >>> metric = load("grey", "cpu")
    >>> metric(torch.ones(2, 3, 8, 8)), metric.lower_better, metric.output_range
    (tensor([1., 1.]), True, (0.0, 1.0))
    >>> unregister("grey")
    """
    if not card.name or ":" in card.name or any(c.isspace() for c in card.name):
        raise InputError.of("card.name", "must be a name without colons and spaces", card.name)
    if card.name.endswith(ENDING):
        rule = f"must not end in {ENDING!r}: such a name is the path of a weight file"
        raise InputError.of("card.name", rule, card.name, "Choose another name.")
    if card.name in _METRICS:
        raise InputError.of("card.name", "must be a name that is not taken", card.name, "Choose another name.")
    stated(card, "card")
    _METRICS[card.name] = _Entry(lambda: card, lambda device, weights: bind(card, loader(device, weights)))


def unregister(name: str) -> None:
    """Forget a metric that :func:`register` made known.

    Raises:
        UnknownNameError: no such metric.
    """
    if name not in _METRICS:
        raise UnknownNameError.among("model", name, _METRICS)
    del _METRICS[name]


def families() -> dict[str, bool]:
    """The prefixes, and whether the package behind each is installed.

    >>> sorted(families())
    ['pyiqa']
    """
    return {prefix: _names_of(prefix) is not None for prefix in _FAMILIES}


def names() -> tuple[str, ...]:
    """The names that :func:`load` knows here and now, sorted; a family's only if its package is installed.

    >>> names()[:2]
    ('builtin', 'builtin-at')
    """
    more = (f"{prefix}:{name}" for prefix in _FAMILIES for name in _names_of(prefix) or ())
    return tuple(sorted((*_METRICS, *more)))


def catalogued(name: str) -> MetricCard:
    """The facts of one metric of the catalogue; nothing is loaded.

    Raises:
        UnknownNameError: no such metric; near names are suggested.
        MissingExtraError: its package is not installed.
    """
    prefix, colon, rest = name.partition(":")
    if colon and prefix in _FAMILIES:
        return _family(prefix).card(rest)
    return _entry(name).card()


def load_catalogued(name: str, device: torch.device | str, weights: str | os.PathLike[str] | None = None) -> nn.Module:
    """One metric of the catalogue, as :func:`certiqa.metrics.load` returns it.

    Raises:
        UnknownNameError: no such metric; near names are suggested.
        InputError, WeightsError, MissingExtraError: as :func:`certiqa.metrics.load`.
    """
    prefix, colon, rest = name.partition(":")
    if colon and prefix in _FAMILIES:
        return _family(prefix).load(rest, device, weights)
    return _entry(name).load(device, weights)


def _entry(name: str) -> _Entry:
    if name in _RENAMED:
        raise UnknownNameError(f"The model {name!r} is now called {_RENAMED[name]!r}: pass that.")
    if name not in _METRICS:
        error = UnknownNameError.among("model", name, (*_METRICS, *(f"{prefix}:NAME" for prefix in _FAMILIES)))
        others = [f"{prefix}:{name}" for prefix in _FAMILIES if name in (_names_of(prefix) or ())]
        raise UnknownNameError(f"{error} Did you mean {' or '.join(others)}?") if others else error
    return _METRICS[name]


def _family(prefix: str) -> Family:
    family: Family = import_module(_FAMILIES[prefix])
    return family


def _names_of(prefix: str) -> tuple[str, ...] | None:
    try:
        return _family(prefix).names()
    except MissingExtraError:
        return None
