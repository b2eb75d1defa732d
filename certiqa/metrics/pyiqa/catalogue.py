"""Which metrics the installed pyiqa has, and the card of each; pyiqa itself is not imported for that."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib import metadata
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

from certiqa.errors import InputError, MissingExtraError, UnknownNameError
from certiqa.metrics.card import MetricCard
from certiqa.metrics.pyiqa.traits import traits_of

__all__ = ["LICENCE", "PACKAGE", "card", "config", "names", "parse_range"]

PACKAGE = "pyiqa"

LICENCE = "PolyForm Noncommercial 1.0.0"
"""Of pyiqa 0.1.16; the card states what the installed version states of itself, if it does."""

_WEIGHTS_LICENCE = "weights: see their authors, and github.com/chaofengc/IQA-PyTorch"


def names() -> tuple[str, ...]:
    """The names of all no-reference metrics of the installed pyiqa, sorted, without the prefix.

    Those that cannot be used on one image (FID, CLIPScore...) are among them; their cards say so, and load refuses.

    Raises:
        MissingExtraError: pyiqa is not installed.
    """
    return tuple(sorted(name for name, one in _configs().items() if one["metric_mode"] == "NR"))


def card(name: str) -> MetricCard:
    """What is known of a metric before it is loaded.

    ``output_range`` is the range that pyiqa documents. Its own words are "only rough estimation", so it is never
    enforced and proves nothing.

    Args:
        name: without the prefix.

    Raises:
        MissingExtraError: pyiqa is not installed.
        UnknownNameError: it has no such metric; near names are suggested.
        InputError: the metric needs a reference image.
    """
    facts = config(name)
    options = facts["metric_opts"]
    traits = traits_of(options)
    notes = [f"{options['type']} of pyiqa", traits.note, f"cannot be used: {traits.refusal}" if traits.refusal else ""]
    return MetricCard(
        name=f"pyiqa:{name}",
        summary="; ".join(note for note in notes if note),
        lower_better=bool(facts.get("lower_better", False)),
        output_range=parse_range(facts.get("score_range")),
        range_enforced=False,
        input=traits.input,
        licence=f"{_licence()}; {_WEIGHTS_LICENCE}",
        paper=traits.paper,
        weights_sha256=None,
        extra="pyiqa",
        needs_weights=False,
    )


def config(name: str) -> Mapping[str, Any]:
    """pyiqa's own configuration of a no-reference metric; raises what :func:`card` raises."""
    known = _configs()
    if name not in known:
        raise UnknownNameError.among("pyiqa metric", name, names())
    if known[name]["metric_mode"] != "NR":
        rule = "must name a no-reference metric; this one compares an image with its reference"
        raise InputError.of("name", rule, f"pyiqa:{name}", "certiqa certifies metrics that see one image.")
    facts: Mapping[str, Any] = known[name]
    return facts


def parse_range(text: object) -> tuple[float, float] | None:
    """(lowest, highest) from pyiqa's words; None if one of the two is not stated.

    >>> parse_range("~0, ~1"), parse_range("-2, 2"), parse_range("0, ~")
    ((0.0, 1.0), (-2.0, 2.0), None)
    """
    try:
        low, high = (float(part.strip().removeprefix("~")) for part in str(text).split(","))
    except ValueError:
        return None
    return (low, high) if low < high else None


def missing() -> MissingExtraError:
    """The error for an absent pyiqa."""
    return MissingExtraError.of(PACKAGE, "pyiqa", "A metric 'pyiqa:NAME'")


def _configs() -> Mapping[str, Any]:
    try:
        spec = find_spec(PACKAGE)
    except ValueError:  # something without a spec has taken its name
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise missing()
    return _read(str(Path(next(iter(spec.submodule_search_locations))) / "default_model_configs.py"))


@lru_cache(maxsize=4)
def _read(path: str) -> Mapping[str, Any]:
    """DEFAULT_CONFIGS of the one file that holds nothing else: importing all of pyiqa would take seconds."""
    spec = spec_from_file_location("_certiqa_pyiqa_configs", path)
    if spec is None or spec.loader is None or not Path(path).is_file():
        raise MissingExtraError(
            "The installed pyiqa has no default_model_configs.py: certiqa does not know this version of it. "
            "Run: pip install 'certiqa[pyiqa]'"
        )
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    configs: Mapping[str, Any] = module.DEFAULT_CONFIGS
    return configs


def _licence() -> str:
    try:
        facts = metadata.metadata(PACKAGE).json
    except metadata.PackageNotFoundError:
        return LICENCE
    return f"{facts.get('license_expression', LICENCE)} (pyiqa {facts['version']})"
