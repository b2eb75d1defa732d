"""The figure of a median certificate: the interval against eps, and the sample it rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from certiqa.certificate.words import confidence_words
from certiqa.errors import MissingExtraError
from certiqa.statistics import percentile

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from certiqa.certificate.median import MedianCertificate

__all__ = ["plot"]

_INK, _BAND, _RANGE = "#1f3a5f", "#a9c6e6", "#e4e4e4"


def plot(certificate: MedianCertificate, axes: tuple[Axes, Axes] | None = None) -> Figure:
    """Left: score and certified interval against eps. Right: histogram of the n scores."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError.of("matplotlib", "plots", "Certificate.plot()") from error
    if axes is None:
        figure = Figure(figsize=(10, 4.2), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(2, 1), sharey=True)
    else:
        left, right = axes
        root = left.get_figure(root=True)
        figure = root if isinstance(root, Figure) else Figure()
    _draw_interval(certificate, left)
    _draw_sample(certificate, right)
    if axes is None:
        p = certificate.provenance
        figure.suptitle(f"{p.image} under {p.model}: smoothed score {certificate.score:.4g}", fontsize=12)
    return figure


def _draw_interval(certificate: MedianCertificate, axes: Axes) -> None:
    end = certificate.largest_eps()
    edge = 1.1 * end or certificate.sigma
    curve = certificate.curve(np.linspace(0.0, end, 257))
    proved = curve.certified
    label = "certified: all eps at once"
    # step="pre": between two grid points the wider interval of the right one, so that no more is drawn than is proved
    axes.fill_between(curve.eps, curve.lower, curve.upper, where=proved, step="pre", label=label, color=_BAND, lw=0)
    if end < edge:
        label = "only the range of the metric" if certificate.output_range else f"n = {certificate.n} proves nothing"
        axes.axvspan(end, edge, color=_RANGE, alpha=0.7, lw=0, label=label)
    axes.axhline(certificate.score, color=_INK, lw=1.6, label=f"smoothed score {certificate.score:.4g}")
    if certificate.at is not None:
        interval = certificate.bounds(at=certificate.at)
        if np.isfinite(interval.lower) and np.isfinite(interval.upper):
            axes.plot([certificate.at] * 2, list(interval), color="#b5432a", lw=2.5, label="eps declared beforehand")
    axes.set_xlim(0, edge)
    ends = np.concatenate([certificate.scores, curve.lower[proved], curve.upper[proved]])
    ends = ends[np.isfinite(ends)]
    margin = 0.05 * float(np.ptp(ends)) or 0.5
    axes.set_ylim(float(ends.min()) - margin, float(ends.max()) + margin)
    axes.set_xlabel("eps: l2 length of the attack (intensities in [0, 1])")
    axes.set_ylabel("score")
    axes.grid(alpha=0.3)
    axes.legend(loc="best", fontsize=8, framealpha=0.9)
    ticks = [t for t in axes.get_xticks() if 0 < t <= edge]
    top = axes.secondary_xaxis("top")
    top.set_xticks(ticks, [f"{percentile.psnr_db(t, certificate.dimension):.0f}" for t in ticks])
    top.set_xlabel(f"PSNR of such an attack in dB (confidence {confidence_words(certificate.alpha)})", fontsize=9)


def _draw_sample(certificate: MedianCertificate, axes: Axes) -> None:
    scores = certificate.scores[~np.isnan(certificate.scores)]
    axes.hist(scores, bins=min(60, max(10, len(scores) // 25)), orientation="horizontal", color=_BAND)
    axes.axhline(certificate.score, color=_INK, lw=1.6)
    axes.set_xlabel(f"{certificate.n} scores under noise, sigma {certificate.sigma:g}")
    axes.grid(alpha=0.3)
