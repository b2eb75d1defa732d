"""A Lipschitz certificate in plain words: the guarantee, and what it rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from certiqa.certificate.words import RANGE_ONLY, Row, outward, range_words
from certiqa.statistics.percentile import eps_from_psnr

if TYPE_CHECKING:
    from certiqa.certificate.lipschitz import LipschitzCertificate

__all__ = ["guarantee_words", "notes", "rows", "score_lines"]

_DEFAULT_PSNR = (48.0, 42.0, 36.0, 30.0)


def rows(certificate: LipschitzCertificate, eps: tuple[float, ...] = ()) -> list[Row]:
    """One row per eps; default: attacks of 48, 42, 36 and 30 dB."""
    usual = [eps_from_psnr(decibel, certificate.dimension) for decibel in _DEFAULT_PSNR]
    return [_row(certificate, one) for one in eps or usual]


def _row(certificate: LipschitzCertificate, eps: float) -> Row:
    interval, tau = certificate.bounds(eps), certificate.tau(eps)
    on_range = not interval.certified and certificate.output_range is not None
    return Row(interval.eps, interval, tau, tau, None, 0, certificate.dimension, on_range, on_range)


def score_lines(certificate: LipschitzCertificate) -> list[str]:
    """Which score."""
    facts = ["computed without noise", *range_words(certificate)]
    return [f"score {certificate.score:.4g}: {'; '.join(facts)}"]


def guarantee_words(certificate: LipschitzCertificate) -> str:
    """The guarantee."""
    side = {
        "both": "takes the score out of the interval, or moves it by more than stated",
        "upper": "raises the score above the interval, or by more than stated (falls are not bounded)",
        "lower": "lowers the score below the interval, or by more than stated (rises are not bounded)",
    }[certificate.side]
    return f"Without chance: no change of the image of l2 length at most eps {side}."


def notes(certificate: LipschitzCertificate, shown: list[Row]) -> list[str]:
    """What has to be said below the table."""
    nothing = certificate.nothing_proved(shown)
    result = [nothing] if nothing else []
    if any(RANGE_ONLY in cell for row in shown for cell in row.cells()):
        largest = outward(certificate.largest_eps(), up=False)
        result.append(
            f"'{RANGE_ONLY}': the head was bounded up to eps {largest}; beyond it the enforced range gives the value."
        )
    result += [f"Assumption: {text}" for text in certificate.assumptions]
    result += [f"Audit: {text}" for text in certificate.provenance.findings]
    result += [f"Image: {text}." for text in certificate.provenance.image_notes]
    return result
