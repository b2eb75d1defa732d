"""How well scores go with what people see: correlations with intervals, paired tests, whole data sets.

The names are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from certiqa.evaluation.bootstrap import Bootstrap, Resamples, bootstrap_of
    from certiqa.evaluation.comparison import Comparison, compare
    from certiqa.evaluation.correlation import (
        Agreement,
        Estimate,
        agreement,
        krocc,
        plcc,
        plcc_after_logistic,
        rmse_after_logistic,
        srocc,
    )
    from certiqa.evaluation.scores import Scored, score_dataset
    from certiqa.evaluation.store import ScoreStore

_HOMES = {
    "Agreement": "correlation",
    "Bootstrap": "bootstrap",
    "Comparison": "comparison",
    "Estimate": "correlation",
    "Resamples": "bootstrap",
    "ScoreStore": "store",
    "Scored": "scores",
    "agreement": "correlation",
    "bootstrap_of": "bootstrap",
    "compare": "comparison",
    "krocc": "correlation",
    "plcc": "correlation",
    "plcc_after_logistic": "correlation",
    "rmse_after_logistic": "correlation",
    "score_dataset": "scores",
    "srocc": "correlation",
}

__all__ = [
    "Agreement",
    "Bootstrap",
    "Comparison",
    "Estimate",
    "Resamples",
    "ScoreStore",
    "Scored",
    "agreement",
    "bootstrap_of",
    "compare",
    "krocc",
    "plcc",
    "plcc_after_logistic",
    "rmse_after_logistic",
    "score_dataset",
    "srocc",
]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(f"certiqa.evaluation.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'certiqa.evaluation' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
