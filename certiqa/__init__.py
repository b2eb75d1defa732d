"""certiqa: certified robustness for no-reference image quality assessment.

The public names are loaded when they are first used, so that ``import certiqa`` stays cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from certiqa._version import __version__

if TYPE_CHECKING:
    from certiqa import attacks, data, defenses, denoisers, errors, evaluation, metrics, purifications, samples
    from certiqa._certify import certify
    from certiqa.certificate import Certificate
    from certiqa.smoothing.median import DenoisedMedianSmoothing, MedianSmoothing

__all__ = [
    "Certificate",
    "DenoisedMedianSmoothing",
    "MedianSmoothing",
    "__version__",
    "attacks",
    "certify",
    "data",
    "defenses",
    "denoisers",
    "errors",
    "evaluation",
    "metrics",
    "purifications",
    "samples",
]

_HOMES = {
    "Certificate": "certiqa.certificate",
    "DenoisedMedianSmoothing": "certiqa.smoothing.median",
    "MedianSmoothing": "certiqa.smoothing.median",
    "certify": "certiqa._certify",
}
_ROOMS = ("attacks", "data", "defenses", "denoisers", "errors", "evaluation", "metrics", "purifications", "samples")


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name in _ROOMS:
        return import_module(f"certiqa.{name}")
    raise AttributeError(f"module 'certiqa' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
