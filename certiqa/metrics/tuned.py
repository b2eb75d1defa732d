"""Weight files that say which metric they belong to: metrics whose weights a defence changed (certiqa.defenses).

The header of the safetensors file carries a card; the file's path is a metric's name wherever certiqa takes one.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse_safetensors
from torch import Tensor, nn

from certiqa._device import device_here
from certiqa._facts import has_own_name
from certiqa.errors import CertiqaError, InputError, WeightsError
from certiqa.metrics._catalogue import ENDING, catalogued, load_catalogued
from certiqa.metrics.card import MetricCard, MetricModule

__all__ = ["ENDING", "HEADER", "TunedCard", "load_tuned", "read_tuned", "tuned_metric_card"]

HEADER = "certiqa-defense"
"""The one key of the header: with several, safetensors would write them in an order of its own."""


@dataclass(frozen=True)
class TunedCard:
    """Where the weights of a file come from.

    Attributes:
        base: name of the metric whose network it is, as :func:`certiqa.metrics.load` knows it, or the name that a
            metric of the user's own gives itself.
        base_sha256: digest of that metric as training began (``certiqa._provenance.model_sha256``), or None.
        method: "nt", "at", "clean", "noise".
        data: names of the data sets.
        licence: of the weights.
        training: the whole config, and how the run went.
        sha256: of the file; None before it is written.
    """

    base: str
    base_sha256: str | None
    method: str
    data: tuple[str, ...]
    licence: str
    training: Mapping[str, Any]
    sha256: str | None = None

    @property
    def name(self) -> str:
        """What the metric is called.

        >>> TunedCard("builtin", None, "nt", ("livec",), "unstated", {}).name
        'builtin+nt'
        """
        return f"{self.base}+{self.method}"

    def to_json(self) -> str:
        """One line, keys sorted: equal cards are equal texts. The hash of the file is not in it."""
        return json.dumps({key: value for key, value in asdict(self).items() if key != "sha256"}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str, path: str, sha256: str) -> TunedCard:
        """Read what :meth:`to_json` wrote.

        Raises:
            WeightsError: it is not such a text.
        """
        try:
            facts = json.loads(text)
            hashed = facts["base_sha256"]
            return cls(
                base=str(facts["base"]),
                base_sha256=None if hashed is None else str(hashed),
                method=str(facts["method"]),
                data=tuple(map(str, facts["data"])),
                licence=str(facts["licence"]),
                training=dict(facts["training"]),
                sha256=sha256,
            )
        except (ValueError, KeyError, TypeError) as error:
            detail = f"{type(error).__name__}: {error}"
            raise WeightsError(f"The header of the weights {path!r} is not a metric's card ({detail}).") from error

    def of_metric(self, base: MetricCard) -> MetricCard:
        """The facts of the metric with these weights: those of its base, but for names, hash, licence and data."""
        given = ", ".join(self.data) or "nothing on record"
        return replace(
            base,
            name=self.name,
            summary=f"{self.base} after training with {self.method!r} on {given}",
            licence=self.licence,
            weights_sha256=self.sha256,
            needs_weights=False,
            trained_on=tuple(sorted({*base.trained_on, *self.data})),
        )


def read_tuned(path: str | os.PathLike[str]) -> tuple[TunedCard, dict[str, Tensor]]:
    """The card and the tensors of a file.

    Raises:
        WeightsError: no such file, damaged, without a card, or with NaN. (A buffer may be infinite, a mask say.)
    """
    place = os.fspath(path)
    try:
        content = Path(place).read_bytes()
    except OSError as error:
        raise WeightsError(f"The weights {place!r} cannot be read: {error.strerror or error}.") from error
    try:
        tensors = parse_safetensors(content)
    except SafetensorError as error:
        raise WeightsError(f"The weights {place!r} are not a whole safetensors file ({error}).") from error
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length]).get("__metadata__") or {}
    if HEADER not in header:
        raise WeightsError(
            f"The weights {place!r} do not say which metric they belong to: their header has no {HEADER!r}, which "
            "certiqa train defense writes. Name the metric, and pass the file as its weights (--weights)."
        )
    if any(bool(torch.isnan(value).any()) for value in tensors.values()):
        raise WeightsError(f"The weights {place!r} hold values that are NaN.")
    return TunedCard.from_json(header[HEADER], place, hashlib.sha256(content).hexdigest()), tensors


def tuned_metric_card(path: str | os.PathLike[str]) -> MetricCard:
    """The facts of the metric of a file; its network is not built.

    Raises:
        WeightsError: as :func:`read_tuned`; UnknownNameError, MissingExtraError: as :func:`certiqa.metrics.card`.
    """
    found, _ = read_tuned(path)
    return found.of_metric(catalogued(found.base))


def load_tuned(
    path: str | os.PathLike[str],
    device: torch.device | str | None = None,
    weights: str | os.PathLike[str] | None = None,
    *,
    base: nn.Module | None = None,
) -> nn.Module:
    """The metric of a file: eval mode, parameters frozen, float32, on ``device`` (None: the CPU).

    Its attribute ``tuned`` is the :class:`TunedCard`. Weights of another precision are converted to that of the
    network: float32, or what ``base`` has.

    Args:
        path: the file.
        device: a torch device.
        weights: must be None: the file has the weights.
        base: the network for the weights, a copy of which is filled: needed for a metric of one's own, which has no
            name that certiqa knows. None: the card's metric, by name. For a metric of pyiqa that is built as ever, so
            its published weights must be at hand, too.

    Raises:
        InputError: ``weights`` were given; or no such device here.
        WeightsError: as :func:`read_tuned`; or the weights are those of another architecture, or whole numbers.
        UnknownNameError: the card's metric is not known here, and no ``base`` was given.
        MissingExtraError: its package is not installed.
    """
    if weights is not None:
        rule = f"must not be given for {os.fspath(path)!r}, which holds the weights itself"
        raise InputError.of("weights", rule, os.fspath(weights))
    where = device_here(device or "cpu")
    card, tensors = read_tuned(path)
    metric = copy.deepcopy(base) if base is not None else _network(card, path, tensors)
    _fill(metric, tensors, card, os.fspath(path))
    if isinstance(metric, MetricModule):
        metric.card = card.of_metric(metric.card)
    elif has_own_name(metric):
        with contextlib.suppress(AttributeError):  # a name that the metric computes stays
            setattr(metric, "name", card.name)  # noqa: B010
    setattr(metric, "tuned", card)  # noqa: B010
    return metric.to(where).requires_grad_(False).eval()


def _network(card: TunedCard, path: str | os.PathLike[str], tensors: Mapping[str, Tensor]) -> nn.Module:
    """The base, its own weights not needed where certiqa has the network's code."""
    if card.base == "builtin":
        from certiqa.metrics.builtin import BuiltinMetric, Widths

        with torch.device("meta"):
            return BuiltinMetric(Widths.of(tensors))
    if card.base == "linearityiqa":
        from certiqa.metrics.linearityiqa import LinearityIQA

        with torch.device("meta"):
            return LinearityIQA()
    try:
        return load_catalogued(card.base, "cpu")
    except CertiqaError as error:
        raise type(error)(
            f"The weights {os.fspath(path)!r} belong to the metric {card.base!r}. {error} "
            "certiqa.defenses.load(path, base=your_metric) fills a metric of your own."
        ) from error


def _fill(metric: nn.Module, tensors: Mapping[str, Tensor], card: TunedCard, path: str) -> None:
    own = metric.state_dict()
    wanted = {name: tuple(value.shape) for name, value in own.items()}
    found = {name: tuple(value.shape) for name, value in tensors.items()}
    if found != wanted:
        odd = sorted(name for name in {*wanted, *found} if wanted.get(name) != found.get(name))
        first = f"{odd[0]} {found.get(odd[0], 'missing')} instead of {wanted.get(odd[0], 'nothing')}"
        raise WeightsError(
            f"The weights {path!r} of {card.name!r} are those of another architecture than {card.base!r} has here: "
            f"{len(odd)} tensors differ in name or shape, first {first}."
        )
    tensors = {name: _as_precise_as(value, tensors[name], name, card, path) for name, value in own.items()}
    if not all(bool(torch.isfinite(tensors[name]).all()) for name, _ in metric.named_parameters()):
        raise WeightsError(f"The weights {path!r} of {card.name!r} hold parameters that are infinite.")
    metric.load_state_dict(tensors, assign=any(parameter.is_meta for parameter in metric.parameters()))
    for parameter in metric.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)


def _as_precise_as(own: Tensor, value: Tensor, name: str, card: TunedCard, path: str) -> Tensor:
    """The value in the network's precision; a counter stays a counter, and nothing else is made of whole numbers."""
    if (value.is_floating_point(), value.is_complex()) != (own.is_floating_point(), own.is_complex()):
        kinds = [str(one.dtype).removeprefix("torch.") for one in (own, value)]
        raise WeightsError(
            f"The weights {path!r} of {card.name!r} must hold {name!r} as {kinds[0]}, or another such type. "
            f"Got {kinds[1]} instead."
        )
    return value.to(own.dtype)
