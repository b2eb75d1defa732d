"""A Lipschitz certificate in plain words: the guarantee, and what it rests on."""

from __future__ import annotations

from certiqa.certificate.lipschitz import LipschitzCertificate
from certiqa.certificate.words import RANGE_ONLY, Row, outward, range_words
from certiqa.statistics.percentile import eps_from_psnr

__all__ = ["guarantee_words", "notes", "nothing_proved", "rows", "score_lines"]

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
    c = certificate
    facts = ["computed without noise", *range_words(c.lower_better, c.output_range, c.range_enforced_by)]
    return [f"score {c.score:.4g}: {'; '.join(facts)}"]


def guarantee_words(certificate: LipschitzCertificate) -> str:
    """The guarantee."""
    side = {
        "both": "takes the score out of the interval, or moves it by more than stated",
        "upper": "raises the score above the interval, or by more than stated (falls are not bounded)",
        "lower": "lowers the score below the interval, or by more than stated (rises are not bounded)",
    }[certificate.side]
    return f"Without chance: no change of the image of l2 length at most eps {side}."


def nothing_proved(certificate: LipschitzCertificate, shown: list[Row]) -> str | None:
    """That every eps of the rows lies beyond the largest ball; None if one does not."""
    if not shown or any(row.interval.certified for row in shown):
        return None
    return (
        f"nothing is proved at any eps of this table: the head was bounded up to eps {certificate.largest_eps():.4g}."
    )


def notes(certificate: LipschitzCertificate, shown: list[Row]) -> list[str]:
    """What has to be said below the table."""
    nothing = nothing_proved(certificate, shown)
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
