"""Every figure of a comparison with its interval, as CSV: what must come out the same however often a run was killed.

Times, memory and dates are not in it.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from certiqa.benchmark.result import Attacked, Certified, Comparison, Row
from certiqa.evaluation.correlation import Estimate

__all__ = ["csv_of"]

COLUMNS = (
    "data", "metric", "defence", "kind", "sigma", "resolution", "figure", "size", "objective", "adaptive", "images",
    "value", "low", "high",
)  # fmt: skip
_Line = tuple[str, str, str, str, int, Estimate | float | int | None]


def csv_of(comparison: Comparison) -> str:
    """One line a figure; what is not there is not a line, and never a zero.

    >>> empty = Comparison("x", {}, "", "", "", {}, {}, 0.0, True, (), (), (), ())
    >>> csv_of(empty).splitlines()
    ['data,metric,defence,kind,sigma,resolution,figure,size,objective,adaptive,images,value,low,high']
    """
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in comparison.rows:
        head = [row.data, row.metric, row.defence, row.kind, row.sigma, row.resolution]
        for figure, size, objective, adaptive, images, found in _lines(row):
            value, ends = (found.value, found.interval) if isinstance(found, Estimate) else (found, None)
            if value is not None:
                numbers = (value, *(ends or (None, None)))
                told = [f"{one:.10g}" if isinstance(one, float) else one for one in numbers]
                writer.writerow([*head, figure, size, objective, adaptive, images, *told])
    return file.getvalue()


def _lines(row: Row) -> Iterator[_Line]:
    for name in ("srocc", "plcc", "krocc", "sd"):
        yield name, "", "", "", row.images, getattr(row, name)
    if row.certified is not None:
        yield from _certified(row.certified)
    for one in row.attacked:
        yield from _attacked(one)


def _certified(found: Certified) -> Iterator[_Line]:
    for name in ("eps_at_half_sd", "psnr_at_half_sd"):
        yield name, "", "", "", found.images, getattr(found, name)
    for at in found.at:
        for name in ("eps", "psnr", "linf_grey", "tau", "tau_p90", "tau_over_sd", "deployed", "proved"):
            value = at.tau_in_sd if name == "tau_over_sd" else getattr(at, name)
            yield name, at.name, "", "", found.images, value


def _attacked(one: Attacked) -> Iterator[_Line]:
    for name in ("rmse", "rmse_over_sd", "gain", "srocc", "kept", "r", "alarms"):
        figure = f"attacked {name}"
        yield (
            figure,
            f"{one.attack} {one.budget}",
            one.objective,
            str(one.adaptive).lower(),
            one.images,
            one.rmse_in_sd if name == "rmse_over_sd" else getattr(one, name),
        )
