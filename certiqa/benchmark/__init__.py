"""Comparisons of defences: a config, an engine that can be killed, and what was found as frozen data.

The names are loaded when they are first used: the report knows result.py, and nothing that computes.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from certiqa.benchmark.config import Config
    from certiqa.benchmark.reading import read_config
    from certiqa.benchmark.result import Comparison
    from certiqa.benchmark.running import run

__all__ = ["Comparison", "Config", "read_config", "run"]

_HOMES = {"Comparison": "result", "Config": "config", "read_config": "reading", "run": "running"}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(f"certiqa.benchmark.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'certiqa.benchmark' has no attribute {name!r}")
