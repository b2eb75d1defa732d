"""Cost, data sets, hashes, versions, machine."""

from __future__ import annotations

from typing import Any

from certiqa.benchmark.result import Comparison
from certiqa.report.groups import Group
from certiqa.report.numbers import is_number
from certiqa.report.palette import Style
from certiqa.report.table import Cell, Column, Table, count, estimate, fixed, numbered, rounded, row_head, words

__all__ = ["costs", "datasets", "digests", "facts", "value_words"]

_COLUMNS = (
    Column("defence and σ", numeric=False),
    Column("passes of the metric", "per score"),
    Column("draws of noise", "per score"),
    Column("time", "s per image"),
    Column("over the undefended", "times"),
    Column("largest memory", "MiB"),
    Column("working resolution", "pixels"),
)


def costs(group: Group, styles: dict[str, Style]) -> Table:
    """A row per defence; what was not measured is absent."""
    base = group.undefended.cost.seconds.value if group.undefended and group.undefended.cost else None

    def ratio(seconds: float) -> float | None:
        return seconds / base if base and is_number(base) else None

    rows = tuple(
        (
            row_head(row, styles),
            count(row.cost.forwards if row.cost else None),
            count(row.draws),
            estimate(row.cost.seconds if row.cost else None, 3, signs=True),
            rounded(ratio(row.cost.seconds.value) if row.cost else None),
            fixed(row.cost.peak_mb if row.cost else None, 0),
            words("native") if row.resolution is None else count(row.resolution),
        )
        for row in group.rows
    )
    return Table(f"costs-{group.key}", f"Cost of one deployed score: {group.title}", _COLUMNS, rows, group=group.key)


def digests(comparison: Comparison) -> Table:
    """SHA-256 of the weights in use, each once."""
    found: dict[tuple[str, str, str], None] = {}
    for row in comparison.rows:
        if row.metric_sha256:
            found[row.metric, f"metric of {row.defence}", row.metric_sha256] = None
        if row.denoiser_sha256:
            found[row.metric, f"denoiser of {row.defence}", row.denoiser_sha256] = None
    rows = [(words("config"), words("canonical JSON"), words(comparison.config_sha256))]
    rows += [(words(metric), words(what), words(digest)) for metric, what, digest in found]
    return Table("digests", "SHA-256 digests", numbered(("of", "what", "sha256")), tuple(rows))


def facts(key: str, caption: str, found: dict[str, Any]) -> Table:
    """A mapping, a row per entry."""
    rows = tuple((words(str(name)), Cell(value_words(value))) for name, value in found.items())
    return Table(key, caption, numbered(("what", "value")), rows)


def datasets(comparison: Comparison) -> Table:
    """A row per data set, a column per fact."""
    names = list(dict.fromkeys(name for one in comparison.datasets for name in one))
    names.sort(key=lambda name: name != "name")
    columns = tuple(
        Column("MOS range" if name == "mos_range" else str(name).replace("_", " "), numeric=False) for name in names
    )
    rows = tuple(tuple(Cell(value_words(one.get(name))) for name in names) for one in comparison.datasets)
    return Table("datasets", "Data sets", columns, rows)


def value_words(value: Any) -> str:
    """A setting as text.

    >>> value_words(None), value_words([1.0, 5.0]), value_words(True), value_words({"a": 1})
    ('not recorded', '1 to 5', 'yes', 'a: 1')
    """
    if value is None:
        return "not recorded"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        numeric = len(value) == 2 and all(isinstance(one, int | float) for one in value)
        return (" to " if numeric else ", ").join(value_words(one) for one in value)
    if isinstance(value, dict):
        return "; ".join(f"{name}: {value_words(one)}" for name, one in value.items())
    return str(value)
