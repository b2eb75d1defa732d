"""A certificate: frozen evidence about one image, and the statements that it proves."""

from certiqa.certificate.base import Certificate
from certiqa.certificate.interval import Curve, Interval
from certiqa.certificate.kinds import register
from certiqa.certificate.lipschitz import LipschitzCertificate
from certiqa.certificate.lipschitz_reading import lipschitz_from_dict
from certiqa.certificate.median import MedianCertificate
from certiqa.certificate.provenance import Provenance
from certiqa.certificate.reading import median_from_dict

__all__ = ["Certificate", "Curve", "Interval", "LipschitzCertificate", "MedianCertificate", "Provenance", "register"]

register(MedianCertificate.kind, median_from_dict)
register(LipschitzCertificate.kind, lipschitz_from_dict)
