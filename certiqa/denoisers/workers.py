"""One process, or several: :mod:`certiqa.training.workers`, under the name it has had here."""

from __future__ import annotations

from certiqa.training.workers import Workers, workers

__all__ = ["Workers", "workers"]
