"""The table of ``certiqa robustness``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from certiqa.cli._attack_text import decibel
from certiqa.cli._evaluate_text import aligned, direction_words

if TYPE_CHECKING:
    from certiqa.cli._robustness_result import Result
    from certiqa.evaluation.correlation import Estimate
    from certiqa.evaluation.correlations import Correlations
    from certiqa.evaluation.r_score import RScore
    from certiqa.evaluation.robustness import Robustness

__all__ = ["lines"]

_HEADINGS = (
    "attack", "budget", "n", "RMSE", "/SD", "mean gain", "max |change|", "R", "SROCC kept", "SROCC before",
    "SROCC after", "RMSE to MOS", "PSNR", "SSIM",
)  # fmt: skip
_NOTES_SHOWN = 5


def lines(result: Result) -> list[str]:
    """What is printed."""
    s, data, target = result.settings, result.data, result.target
    low, high = data.mos_range
    better = "lower" if data.lower_better else "higher"
    rows = [(row.label, row.budget, *_cells(row.figures), decibel(row.psnr), f"{row.ssim:.4f}") for row in result.rows]
    constant = ("constant predictor", "any", *_cells(result.constant), "-", "-")
    first = result.constant
    text = [
        f"{target.name} ({direction_words(target.lower_better)}); {s.defence.words()}; objective {s.objective}",
        f"{data.name}, part {s.part}: {len(data)} images; MOS {low:g} to {high:g}, {better} is better",
        "",
        *aligned([_HEADINGS, *rows, constant]),
        "",
        "Scores after are those of the 8-bit images. RMSE: of the scores before and after, in units of the score; /SD: "
        "in standard deviations of the scores before. RMSE to MOS: after, by the logistic that fits the scores before.",
        f"In brackets: {100 * first.confidence:g} % BCa intervals over contents, {first.resamples} resamples, seed "
        f"{first.seed}; none for fewer than 10 contents.",
        "The constant predictor gives every image the mean of the MOS: no attack moves it, no correlation is defined "
        "for it, and its RMSE to the MOS is their standard deviation.",
    ]
    text += [f"{row.label}, {row.budget}: {row.figures.r.words()}" for row in result.rows if row.figures.r is not None]
    if all(row.figures.r is None for row in result.rows):
        text.append("No R: the metric declares no range. --scale LOW,HIGH gives one.")
    text += [
        f"{row.label}, {row.budget}: the SROCC after is {row.figures.direction}"
        for row in result.rows
        if row.figures.direction == "against the declared direction"
    ]
    text += ["", *_levels(result)]
    for budget, report in result.masking.items():
        text += ["", f"gradient masking, {budget}:", *(f"  {line}" for line in report.words().splitlines())]
    for row in result.rows:
        shown = list(row.notes.items())[:_NOTES_SHOWN]
        text += [
            f"note ({row.label}, {row.budget}, {count} of {len(row.images)} images): {note}" for note, count in shown
        ]
    if result.left_out:
        text.append(f"{len(result.left_out)} attacks or images failed and are left out; the JSON names them.")
    return text


def _levels(result: Result) -> list[str]:
    """The figures of each quality level, for the last budget of each attack; the JSON has them all."""
    last = {row.label: row for row in result.rows}
    kind = {"count": "of as many images each", "width": "of as wide a piece of the MOS each"}
    rows = []
    for row in last.values():
        for level in row.figures.levels:
            place = f"{level.low:.3g} to {level.high:.3g}"
            if level.changes is None:
                rows.append((row.label, row.budget, place, "0", "-", "-", "-"))
                continue
            figures = (_estimate(level.changes.rmse), _estimate(level.changes.mean_gain), _r(level.r))
            rows.append((row.label, row.budget, place, str(level.n), *figures))
    head = (
        f"By quality, {len(result.constant.levels)} levels {kind[result.constant.binning]}, last budget of each attack:"
    )
    return [head, *aligned([("attack", "budget", "MOS", "n", "RMSE", "mean gain", "R"), *rows])]


def _cells(found: Robustness) -> tuple[str, ...]:
    changes = found.changes
    return (
        str(found.n),
        _estimate(changes.rmse),
        "undefined" if found.rmse_over_sd is None else f"{found.rmse_over_sd:.3g}",
        _estimate(changes.mean_gain),
        f"{changes.max_change:.4g}",
        _r(found.r),
        _correlation(found.kept),
        _correlation(found.clean),
        _correlation(found.attacked),
        "-" if found.rmse_mos_after is None else _estimate(found.rmse_mos_after),
    )


def _estimate(estimate: Estimate) -> str:
    value = f"{estimate.value:.4g}"
    if estimate.interval is None:
        return value
    low, high = estimate.interval
    return f"{value} [{low:.3g}, {high:.3g}]"


def _correlation(found: Correlations | None) -> str:
    if found is None:
        return "-"
    return "undefined" if found.srocc is None else _estimate(found.srocc)


def _r(found: RScore | None) -> str:
    if found is None:
        return "-"
    if math.isinf(found.literal) and found.mean is None:
        return "infinite"
    return f"{found.mean.value:.3f}{'*' if found.unchanged else ''}" if found.mean is not None else "infinite"
