"""The rule for query budgets."""

from __future__ import annotations

from certiqa import _checks as check

__all__ = ["check_queries"]


def check_queries(value: object, least: int) -> int:
    """Forward passes per image that the attack may make."""
    return check.check_count(value, "queries", least, "It is the number of forward passes per image: try 1000.")
