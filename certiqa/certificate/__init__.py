"""A certificate: frozen evidence about one image, and the statements that it proves."""

from certiqa.certificate import figure, lipschitz_figure, lipschitz_words, median_words
from certiqa.certificate.base import Certificate
from certiqa.certificate.interval import Curve, Interval
from certiqa.certificate.kinds import Kind, register
from certiqa.certificate.lipschitz import LipschitzCertificate
from certiqa.certificate.lipschitz_reading import lipschitz_from_dict
from certiqa.certificate.median import MedianCertificate
from certiqa.certificate.provenance import Provenance
from certiqa.certificate.reading import median_from_dict
from certiqa.certificate.writing import lipschitz_to_dict, median_to_dict

__all__ = [
    "Certificate",
    "Curve",
    "Interval",
    "Kind",
    "LipschitzCertificate",
    "MedianCertificate",
    "Provenance",
    "register",
]

register(
    MedianCertificate.kind,
    Kind(
        read=median_from_dict,
        write=median_to_dict,
        rows=median_words.rows,
        score_lines=median_words.score_lines,
        guarantee_words=median_words.guarantee_words,
        nothing_proved=median_words.nothing_proved,
        notes=median_words.notes,
        plot=figure.plot,
    ),
)
register(
    LipschitzCertificate.kind,
    Kind(
        read=lipschitz_from_dict,
        write=lipschitz_to_dict,
        rows=lipschitz_words.rows,
        score_lines=lipschitz_words.score_lines,
        guarantee_words=lipschitz_words.guarantee_words,
        nothing_proved=lipschitz_words.nothing_proved,
        notes=lipschitz_words.notes,
        plot=lipschitz_figure.plot,
    ),
)
