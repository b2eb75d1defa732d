"""The figure of a Lipschitz certificate: the interval against eps, and tau."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from certiqa.certificate.figure import BAND, INK, drawn_on, psnr_axis
from certiqa.certificate.lipschitz import LipschitzCertificate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot"]


def plot(certificate: LipschitzCertificate, axes: tuple[Axes, Axes] | None = None) -> Figure:
    """Left: score and certified interval against eps. Right: tau against eps."""
    figure, left, right = drawn_on(axes, shared=False)
    curve = certificate.curve(np.linspace(0.0, certificate.largest_eps(), 257))
    proved = curve.certified
    # step="pre": between two grid points the wider interval of the right one, so that no more is drawn than is proved
    left.fill_between(
        curve.eps, curve.lower, curve.upper, where=proved, step="pre", color=BAND, lw=0, label="certified"
    )
    left.axhline(certificate.score, color=INK, lw=1.6, label=f"score {certificate.score:.4g}")
    left.set_ylabel("score")
    left.legend(loc="best", fontsize=8, framealpha=0.9)
    right.step(curve.eps[proved], curve.tau[proved], where="pre", color=INK, lw=1.6)
    right.set_ylabel("tau: certified change of the score at most")
    for one in (left, right):
        one.set_xlim(0, certificate.largest_eps())
        one.set_xlabel("eps: l2 length of the attack (intensities in [0, 1])")
        one.grid(alpha=0.3)
    psnr_axis(left, certificate, "PSNR of such an attack in dB (no failure probability)")
    if axes is None:
        p = certificate.provenance
        figure.suptitle(f"{p.image} under {p.model}: score {certificate.score:.4g}", fontsize=12)
    return figure
