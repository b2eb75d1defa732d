"""Certifiers: a metric with all that a proof about its scores needs; certificates are made and put to the test here."""

from certiqa.certifiers.base import Certifier
from certiqa.certifiers.lipschitz import BoundedHead, LipschitzCertifier
from certiqa.certifiers.median import MedianCertifier

__all__ = ["BoundedHead", "Certifier", "LipschitzCertifier", "MedianCertifier"]
