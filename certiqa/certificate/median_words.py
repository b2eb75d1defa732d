"""A median certificate in plain words: the guarantee, its failure probability, what rests on the range alone."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

from certiqa._counted import counted
from certiqa.certificate.median import MedianCertificate
from certiqa.certificate.words import RANGE_ONLY, Row, confidence_words, outward, range_words, towards
from certiqa.statistics.percentile import eps_from_psnr

if TYPE_CHECKING:
    from certiqa.statistics.statements import Statement

__all__ = ["guarantee_words", "notes", "nothing_proved", "rows", "score_lines"]

_CHANGES: tuple[Statement, ...] = ("drift", "deployed")
_DEFAULT_RADII = (0.25, 0.5, 1.0, 2.0, 3.0)  # in units of sigma
_DEFAULT_PSNR = (48.0, 42.0, 36.0, 30.0)


def rows(certificate: MedianCertificate, eps: tuple[float, ...] = ()) -> list[Row]:
    """One row per eps, the one declared beforehand first; default: a quarter of sigma to three sigma."""
    bare = dataclasses.replace(certificate, output_range=None)
    result = [] if certificate.at is None else [_row(certificate, bare, None, certificate.at)]
    chosen = eps or (() if result else _default_eps(certificate))
    return result + [_row(certificate, bare, e, None) for e in chosen]


def _default_eps(certificate: MedianCertificate) -> tuple[float, ...]:
    """Where r = eps/sigma behind the front end has its usual values; four digits, rounded down, if there is one.

    Behind a front end of numbers: attacks of 48, 42, 36 and 30 dB, as far as the scores prove anything there.
    """
    if certificate.front_end.is_identity:
        return tuple(r * certificate.sigma for r in _DEFAULT_RADII)
    if not certificate.front_end.gives_pictures:
        usual = [eps_from_psnr(decibel, certificate.dimension) for decibel in _DEFAULT_PSNR]
        within = tuple(eps for eps in usual if eps <= certificate.largest_eps())
        if within:
            return within
    found = [float(outward(certificate.eps_for(r * certificate.sigma), up=False)) for r in _DEFAULT_RADII]
    return tuple(eps for eps in found if eps > 0) or (0.0,)


def _row(certificate: MedianCertificate, bare: MedianCertificate, eps: float | None, at: float | None) -> Row:
    """``bare`` is the certificate without its range: what is unbounded there rests on the range here."""
    interval = certificate.bounds(eps, at=at)
    drift, deployed = (certificate.tau(eps, at=at, statement=kind) for kind in _CHANGES)
    on_range = [
        math.isfinite(tau) and math.isinf(bare.tau(eps, at=at, statement=kind))
        for tau, kind in zip((drift, deployed), _CHANGES, strict=True)
    ]
    return Row(
        interval.eps,
        interval,
        drift,
        deployed,
        None if interval.certified else certificate.smallest_n(eps, at=at),
        certificate.n,
        certificate.dimension,
        *on_range,
    )


def score_lines(certificate: MedianCertificate) -> list[str]:
    """Which median of which scores."""
    c, sigma, scores = certificate, certificate.sigma, counted(certificate.n, "score")
    facts = [f"median of {scores} under noise of sigma {sigma:g} ({255 * sigma:.3g} grey levels)"]
    facts += range_words(c.lower_better, c.output_range, c.range_enforced_by)
    return [f"smoothed score {c.score:.4g}: {'; '.join(facts)}"]


def guarantee_words(certificate: MedianCertificate) -> str:
    """The guarantee, with its failure probability."""
    side = {
        "both": "takes the smoothed median out of the interval, or moves it by more than stated",
        "upper": "raises the smoothed median above the interval, or by more than stated (falls are not bounded)",
        "lower": "lowers the smoothed median below the interval, or by more than stated (rises are not bounded)",
    }[certificate.side]
    return (
        f"With probability at least {confidence_words(certificate.alpha)} over the noise drawn here, no change of the "
        f"image of l2 length at most eps {side}."
    )


def notes(certificate: MedianCertificate, shown: list[Row]) -> list[str]:
    """What has to be said below the table."""
    nothing = nothing_proved(certificate, shown)
    result = [nothing] if nothing else []
    scores = counted(certificate.n, "score")
    if any(row.interval.simultaneous for row in shown):
        result.append("Rows without * hold together, for every eps at once.")
    if any(not row.interval.simultaneous for row in shown):
        result.append(
            "* eps declared before sampling: exact ranks for it alone; each of its statements holds by itself."
        )
    if any(RANGE_ONLY in cell for row in shown for cell in row.cells()):
        result.append(f"'{RANGE_ONLY}': the scores prove no bound there; the enforced range alone gives the value.")
    result.append(
        "'printed moves at most' compares the score above with the one that a fresh run of the same n prints for the "
        f"attacked image; it fails with probability {certificate.alpha:g} more per printed score."
    )
    if certificate.failures:
        were = "was NaN and counts" if certificate.failures == 1 else "were NaN and count"
        result.append(f"{certificate.failures} of {scores} {were} as the worst on either side.")
    if certificate.clamped:
        were = "was" if certificate.clamped == 1 else "were"
        result.append(f"{certificate.clamped} of {scores} {were} clamped to the declared range.")
    result += [f"Assumption: {text}" for text in certificate.assumptions]
    result += [f"Audit: {text}" for text in certificate.provenance.findings]
    result += [f"Image: {text}." for text in certificate.provenance.image_notes]
    return result


def nothing_proved(certificate: MedianCertificate, shown: list[Row]) -> str | None:
    """That these scores prove nothing at any eps of the table, and what would; None if they prove something."""
    if any(row.interval.certified for row in shown) or not shown:
        return None
    said = f"n={certificate.n} proves nothing at any eps of this table"
    easiest = min(shown, key=lambda row: row.eps)
    if easiest.smallest_n is None:
        return f"{said}; no n up to ten million would: ask for a smaller eps or take a larger sigma."
    if easiest.smallest_n <= certificate.n:
        return f"{said}, because {certificate.failures} of the scores were NaN."
    return f"{said}; the smallest n that would is {easiest.smallest_n}, at eps {towards(easiest.eps, 4, up=False)}."
