"""The rows of one metric on one data set, which may be compared with each other, and what they are called."""

from __future__ import annotations

import re
from dataclasses import dataclass

from certiqa.benchmark.result import Attacked, Comparison, Row
from certiqa.report.numbers import is_number

__all__ = ["Group", "alarms_of", "attack_label", "budget_parts", "groups", "row_label", "series_label", "size_of"]


@dataclass(frozen=True)
class Group:
    """What is compared.

    Attributes:
        key: unique in the report; letters, digits and hyphens.
        data: name of the data set.
        metric: name of the metric.
        rows: in the order of the comparison.
        sign: 1, or -1 where the undefended score (without one: the score of the largest SROCC) falls as quality rises:
            the most negative SROCC is then the best.
    """

    key: str
    data: str
    metric: str
    rows: tuple[Row, ...]
    sign: int

    @property
    def title(self) -> str:
        """For headings."""
        return f"{self.metric} on {self.data}"

    @property
    def undefended(self) -> Row | None:
        """The metric as it is; None if it is not among the rows."""
        return next((row for row in self.rows if row.kind == "none"), None)

    @property
    def contenders(self) -> tuple[Row, ...]:
        """Every row that may win something: the constant predictor may not."""
        return tuple(row for row in self.rows if row.kind != "constant")


def groups(comparison: Comparison) -> tuple[Group, ...]:
    """In the order of the first rows."""
    found: dict[tuple[str, str], list[Row]] = {}
    for row in comparison.rows:
        found.setdefault((row.data, row.metric), []).append(row)
    return tuple(
        Group(f"g{i}-{_slug(data)}-{_slug(metric)}".rstrip("-"), data, metric, tuple(rows), _sign(rows))
        for i, ((data, metric), rows) in enumerate(found.items(), 1)
    )


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:24].rstrip("-")


def _sign(rows: list[Row]) -> int:
    there = [
        (row.kind == "none", abs(row.srocc.value), row.srocc.value) for row in rows if row.srocc and _has_srocc(row)
    ]
    return -1 if max(there, default=(True, 0.0, 0.0))[2] < 0 else 1


def _has_srocc(row: Row) -> bool:
    return row.kind != "constant" and row.srocc is not None and is_number(row.srocc.value)


def series_label(row: Row) -> str:
    """The defence, with its working resolution where it has one."""
    return row.defence if row.resolution is None else f"{row.defence} at {row.resolution} px"


def row_label(row: Row) -> str:
    """Defence, resolution and sigma."""
    return series_label(row) if row.sigma is None else f"{series_label(row)}, σ\u00a0{row.sigma:g}"


def alarms_of(row: Row) -> int | None:
    """Of all attacks on the row; None where none was judged."""
    judged = [one.alarms for one in row.attacked if one.alarms is not None]
    return sum(judged) if judged else None


def attack_label(one: Attacked) -> str:
    """Attack, budget, objective."""
    return f"{one.attack}, {one.budget}, {one.objective}"


def budget_parts(budget: str) -> tuple[str, float] | None:
    """The kind and the size of a budget, l_inf in grey levels; None where it has no size.

    >>> budget_parts("linf:4/255"), budget_parts("l2:0.5"), budget_parts("none")
    (('linf', 4.0), ('l2', 0.5), None)
    """
    kind, _, size = budget.partition(":")
    over, _, under = size.partition("/")
    try:
        value = float(over) / (float(under) if under else 1.0)
    except (ValueError, ZeroDivisionError):
        return None
    if not is_number(value):
        return None
    return kind, round(value * 255, 9) if kind == "linf" else value


def size_of(one: Attacked) -> float:
    """For comparing attacks on one row: the RMSE; what cannot be compared counts as no movement."""
    return one.rmse.value if is_number(one.rmse.value) else -1.0
