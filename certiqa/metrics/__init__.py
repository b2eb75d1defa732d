"""NR-IQA metrics: the built-in one, how to load metrics by name, and how to make one's own known."""

from certiqa._facts import MetricFacts, facts_of
from certiqa.metrics.card import MetricCard, MetricModule
from certiqa.metrics.policy import AnySize, CropGrid, Resized
from certiqa.metrics.registry import card, load, names, register
from certiqa.metrics.registry import list_metrics as list

__all__ = [
    "AnySize",
    "CropGrid",
    "MetricCard",
    "MetricFacts",
    "MetricModule",
    "Resized",
    "card",
    "facts_of",
    "list",
    "load",
    "names",
    "register",
]
