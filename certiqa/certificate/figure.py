"""The figure of a median certificate: the interval against eps, and the sample it rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from certiqa.certificate.base import Certificate
from certiqa.certificate.median import MedianCertificate
from certiqa.certificate.words import confidence_words
from certiqa.errors import MissingExtraError
from certiqa.statistics import percentile

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["BAND", "INK", "drawn_on", "plot", "psnr_axis"]

INK, BAND, _RANGE = "#1f3a5f", "#a9c6e6", "#e4e4e4"


def plot(certificate: MedianCertificate, axes: tuple[Axes, Axes] | None = None) -> Figure:
    """Left: score and certified interval against eps. Right: histogram of the n scores."""
    figure, left, right = drawn_on(axes, shared=True)
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
    axes.fill_between(curve.eps, curve.lower, curve.upper, where=proved, step="pre", label=label, color=BAND, lw=0)
    if end < edge:
        label = "only the range of the metric" if certificate.output_range else f"n = {certificate.n} proves nothing"
        axes.axvspan(end, edge, color=_RANGE, alpha=0.7, lw=0, label=label)
    axes.axhline(certificate.score, color=INK, lw=1.6, label=f"smoothed score {certificate.score:.4g}")
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
    confidence = confidence_words(certificate.alpha)
    psnr_axis(axes, certificate, f"PSNR of such an attack in dB (confidence {confidence})")


def _draw_sample(certificate: MedianCertificate, axes: Axes) -> None:
    scores = certificate.scores[~np.isnan(certificate.scores)]
    axes.hist(scores, bins=min(60, max(10, len(scores) // 25)), orientation="horizontal", color=BAND)
    axes.axhline(certificate.score, color=INK, lw=1.6)
    axes.set_xlabel(f"{certificate.n} scores under noise, sigma {certificate.sigma:.3g}")
    axes.grid(alpha=0.3)


def drawn_on(axes: tuple[Axes, Axes] | None, *, shared: bool) -> tuple[Figure, Axes, Axes]:
    """The figure and its two axes: new ones, whose score axis may be shared, or those that were given.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError.of("matplotlib", "plots", "Certificate.plot()") from error
    if axes is None:
        figure = Figure(figsize=(10, 4.2), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(2, 1), sharey=shared)
        return figure, left, right
    root = axes[0].get_figure(root=True)
    return root if isinstance(root, Figure) else Figure(), *axes


def psnr_axis(axes: Axes, certificate: Certificate, label: str) -> None:
    """A second axis on top that says in dB what the radii below are."""
    edge = axes.get_xlim()[1]
    ticks = [t for t in axes.get_xticks() if 0 < t <= edge]
    top = axes.secondary_xaxis("top")
    top.set_xticks(ticks, [f"{percentile.psnr_db(t, certificate.dimension):.0f}" for t in ticks])
    top.set_xlabel(label, fontsize=9)
