"""The table of ``certiqa evaluate``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from certiqa._counted import counted

if TYPE_CHECKING:
    from certiqa.data.sets.dataset import DataSet
    from certiqa.evaluation.comparison import Comparison
    from certiqa.evaluation.correlation import Agreement, Estimate
    from certiqa.evaluation.scores import Scored

__all__ = ["aligned", "direction_words", "lines"]

_HEADINGS = ("metric", "n", "contents", "SROCC", "PLCC", "KROCC", "RMSE")


def lines(
    data: DataSet,
    part: str,
    fit_on: str | None,
    metrics: Mapping[str, Any],
    scored: Sequence[Scored],
    agreements: Sequence[Agreement],
    comparisons: Sequence[Comparison],
) -> list[str]:
    """What is printed about one data set; the metrics by the names that they were asked for."""
    low, high = data.mos_range
    kind = "lower is better" if data.lower_better else "higher is better"
    rows = [_row(name, found) for name, found in zip(metrics, agreements, strict=True)]
    text = [f"{data.name}, part {part}: {counted(len(data), 'image')}; MOS {low:g} to {high:g}, {kind}", ""]
    text += [*aligned([_HEADINGS, *rows]), ""]
    first = agreements[0]
    where = f"the part {fit_on}" if fit_on else "these images"
    text.append(
        f"PLCC and RMSE are after the four-parameter logistic, fitted on {where}; RMSE in units of the MOS. "
        f"{100 * first.confidence:g} % BCa intervals over contents, {first.resamples} resamples, seed {first.seed}."
    )
    for (name, metric), one, found in zip(metrics.items(), scored, agreements, strict=True):
        text += _notes(name, metric, one, found, data, part)
    text += [one.words() for one in comparisons]
    text += [f"note: {note}" for note in data.notes]
    if data.problems:
        text.append(f"Left out: {counted(len(data.problems), 'row')} of the table; the JSON names them.")
    return text


def _row(name: str, found: Agreement) -> tuple[str, ...]:
    figures = [_estimate(one, 4) for one in (found.srocc, found.plcc_logistic, found.krocc)]
    return (name, str(found.n), str(found.contents), *figures, _estimate(found.rmse_logistic, None))


def _estimate(estimate: Estimate, decimals: int | None) -> str:
    def shown(value: float) -> str:
        return f"{value:#.4g}" if decimals is None else f"{value:.{decimals}f}"

    if estimate.interval is None:
        return f"{shown(estimate.value)} [no interval]"
    low, high = estimate.interval
    return f"{shown(estimate.value)} [{shown(low)}, {shown(high)}]"


def direction_words(lower_better: bool | None) -> str:
    """A metric's direction."""
    return {True: "lower is better", False: "higher is better", None: "direction not declared"}[lower_better]


def _notes(name: str, metric: Any, scored: Scored, found: Agreement, data: DataSet, part: str) -> list[str]:
    from certiqa._facts import facts_of

    notes = [f"{name}: {direction_words(scored.lower_better)}; the SROCC has the sign {_sign(found)}."]
    made_for = facts_of(metric).certified_sigma
    if made_for is not None:
        notes.append(f"{name}: bare scores, but it was made for noise of sigma {made_for:g} (certiqa certify).")
    if not found.curve.converged:
        notes.append(f"{name}: the logistic bends once at most on these scores: its search ended at a limit.")
    if scored.left_out:
        many = len(scored.left_out)
        notes.append(f"{name}: {counted(many, 'image')} could not be scored: left out; the JSON names them.")
    if scored.reused:
        notes.append(
            f"{name}: {scored.reused} of {found.n} scores were there already, or belong to an identical picture."
        )
    if data.name in _trained_on(name, metric):
        if not _trained_here(metric):
            notes.append(f"{name}: was trained on images of {data.name}, by a split of its own: they flatter it.")
        elif part != "validation":
            notes.append(f"{name}: was trained on the fit part of {data.name}: --part validation is what it never saw.")
    return notes


def _trained_here(metric: Any) -> bool:
    """By certiqa, which leaves the validation parts alone: the built-in network, or a file of ``train defense``."""
    from certiqa.metrics.builtin import BuiltinMetric
    from certiqa.metrics.builtin_noise_192 import BuiltinNoise192

    return isinstance(metric, BuiltinMetric | BuiltinNoise192) or hasattr(metric, "tuned")


def _trained_on(name: str, metric: Any) -> tuple[str, ...]:
    """By the metric's own card, else that of the metric known by this name; nothing if there is no card."""
    from certiqa.errors import CertiqaError
    from certiqa.metrics import registry
    from certiqa.metrics.card import MetricCard

    card = getattr(metric, "card", None)
    try:
        return (card if isinstance(card, MetricCard) else registry.card(name)).trained_on
    except CertiqaError:
        return ()


def _sign(found: Agreement) -> str:
    from certiqa.evaluation.correlation import AS_DECLARED, NOT_DECLARED

    if found.direction == NOT_DECLARED:
        return f"{'+' if found.srocc.value > 0 else '-'}, and nothing is declared to check it against"
    interval = found.srocc.interval
    doubt = ", but its interval holds 0" if interval is not None and interval[0] <= 0 <= interval[1] else ""
    return f"{'that this promises' if found.direction == AS_DECLARED else 'OPPOSITE to what this promises'}{doubt}"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns, two spaces apart; the last one is not padded."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
