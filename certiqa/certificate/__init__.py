"""A certificate: frozen scores, and the statements that they prove."""

from certiqa.certificate.certificate import Certificate
from certiqa.certificate.interval import Curve, Interval
from certiqa.certificate.provenance import Provenance

__all__ = ["Certificate", "Curve", "Interval", "Provenance"]
