"""NR-IQA metrics: the built-in one, and how to load metrics by name."""

from certiqa.metrics.registry import load, names

__all__ = ["load", "names"]
