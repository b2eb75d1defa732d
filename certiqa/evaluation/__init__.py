"""How well scores go with what people see, what attacks do to them, and whether certificates hold under attack.

The names are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from certiqa.certifiers.fresh import fresh_scores
    from certiqa.certifiers.soundness import attack_radius, verdict
    from certiqa.certifiers.verdicts import Verdict
    from certiqa.evaluation.alarms import Soundness, soundness_of
    from certiqa.evaluation.bootstrap import Bootstrap, Resamples, bootstrap_of
    from certiqa.evaluation.changes import Changes
    from certiqa.evaluation.comparison import Comparison, compare
    from certiqa.evaluation.constant import constant_predictor
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
    from certiqa.evaluation.correlations import Correlations
    from certiqa.evaluation.fs_iqa import ClaimedInterval, fs_iqa
    from certiqa.evaluation.gradient_norm import gradient_l1
    from certiqa.evaluation.levels import Level
    from certiqa.evaluation.masking import Check, MaskingReport, masking_report
    from certiqa.evaluation.r_score import RScore
    from certiqa.evaluation.records import RecordStore
    from certiqa.evaluation.robustness import Robustness, robustness_of
    from certiqa.evaluation.scores import Scored, score_dataset
    from certiqa.evaluation.store import ScoreStore
    from certiqa.evaluation.strength import StrengthCurve, against_strength

_HOMES = {
    "Agreement": "correlation",
    "Bootstrap": "bootstrap",
    "Changes": "changes",
    "Check": "masking",
    "ClaimedInterval": "fs_iqa",
    "Comparison": "comparison",
    "Correlations": "correlations",
    "Estimate": "correlation",
    "Level": "levels",
    "MaskingReport": "masking",
    "RScore": "r_score",
    "RecordStore": "records",
    "Resamples": "bootstrap",
    "Robustness": "robustness",
    "ScoreStore": "store",
    "Scored": "scores",
    "Soundness": "alarms",
    "StrengthCurve": "strength",
    "against_strength": "strength",
    "agreement": "correlation",
    "bootstrap_of": "bootstrap",
    "compare": "comparison",
    "constant_predictor": "constant",
    "fs_iqa": "fs_iqa",
    "gradient_l1": "gradient_norm",
    "krocc": "correlation",
    "masking_report": "masking",
    "plcc": "correlation",
    "plcc_after_logistic": "correlation",
    "rmse_after_logistic": "correlation",
    "robustness_of": "robustness",
    "score_dataset": "scores",
    "soundness_of": "alarms",
    "srocc": "correlation",
}

_JUDGES = {"Verdict": "verdicts", "attack_radius": "soundness", "fresh_scores": "fresh", "verdict": "soundness"}

__all__ = [
    "Agreement",
    "Bootstrap",
    "Changes",
    "Check",
    "ClaimedInterval",
    "Comparison",
    "Correlations",
    "Estimate",
    "Level",
    "MaskingReport",
    "RScore",
    "RecordStore",
    "Resamples",
    "Robustness",
    "ScoreStore",
    "Scored",
    "Soundness",
    "StrengthCurve",
    "Verdict",
    "against_strength",
    "agreement",
    "attack_radius",
    "bootstrap_of",
    "compare",
    "constant_predictor",
    "fresh_scores",
    "fs_iqa",
    "gradient_l1",
    "krocc",
    "masking_report",
    "plcc",
    "plcc_after_logistic",
    "rmse_after_logistic",
    "robustness_of",
    "score_dataset",
    "soundness_of",
    "srocc",
    "verdict",
]


def __getattr__(name: str) -> object:
    if name in _JUDGES:
        return getattr(import_module(f"certiqa.certifiers.{_JUDGES[name]}"), name)
    if name in _HOMES:
        return getattr(import_module(f"certiqa.evaluation.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'certiqa.evaluation' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
