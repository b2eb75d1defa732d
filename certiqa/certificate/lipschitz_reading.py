"""A Lipschitz certificate out of JSON: every field checked, what it states recomputed, contradictions refused."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from certiqa import _checks as check
from certiqa._version import __version__
from certiqa.certificate.interval import Floats
from certiqa.certificate.lipschitz import LipschitzCertificate
from certiqa.certificate.reading import checked_front_end, checked_provenance, checked_shape, same, typed, typed_list
from certiqa.errors import CertificateError

__all__ = ["lipschitz_from_dict"]

_STATED = ("score", "answers", "dimension", "kind")


def lipschitz_from_dict(data: dict[str, Any]) -> LipschitzCertificate:
    """Rebuild, check every field, recompute the answers and compare."""
    names = {field.name for field in dataclasses.fields(LipschitzCertificate)} | {*_STATED}
    missing = sorted(names - data.keys())
    if missing:
        raise CertificateError(f"The certificate lacks the fields {', '.join(missing)}.")
    if data["alpha"] != 0 or isinstance(data["alpha"], bool) or data["at"] is not None:
        raise CertificateError("The certificate contradicts itself: a proof without chance has alpha 0 and no 'at'.")
    shape = checked_shape(data)
    certificate = LipschitzCertificate(
        value=_number("value", data["value"]),
        radii=_numbers("radii", data["radii"]),
        lower=_numbers("lower", data["lower"]),
        upper=_numbers("upper", data["upper"]),
        shape=shape,
        output_range=check.check_output_range(data["output_range"]),
        range_enforced_by=typed("range_enforced_by", data["range_enforced_by"], str | None),
        lower_better=typed("lower_better", data["lower_better"], bool | None),
        assumptions=tuple(typed_list("assumptions", data["assumptions"], str)),
        method=typed("method", data["method"], str),
        provenance=checked_provenance(data["provenance"]),
        front_end=checked_front_end(data["front_end"], shape, None),
        side=check.check_side(data["side"]),
    )
    _consistent(certificate, data)
    return certificate


def _number(name: str, value: Any) -> float:
    found = check.real(value)
    if found is None:
        raise ValueError(f"{name} must be a finite number")
    return found


def _numbers(name: str, value: Any) -> Floats:
    found = np.array([_number(f"an entry of {name}", entry) for entry in typed(name, value, list)], dtype=np.float64)
    found.setflags(write=False)
    return found


def _consistent(certificate: LipschitzCertificate, data: dict[str, Any]) -> None:
    radii, lower, upper, value = certificate.radii, certificate.lower, certificate.upper, certificate.value
    ordered = len(radii) and radii[0] == 0 and bool((np.diff(radii) > 0).all())
    nested = len(radii) == len(lower) == len(upper) and bool(
        (np.diff(lower) <= 0).all() and (np.diff(upper) >= 0).all()
    )
    if not ordered or not nested or not lower[0] <= value <= upper[0]:
        raise CertificateError("The certificate contradicts itself: its bounds do not belong to growing balls.")
    bounds = certificate.output_range
    if bounds and (value < bounds[0] or value > bounds[1]):
        raise CertificateError("The certificate contradicts itself: the score leaves the range that is enforced.")
    if certificate.range_enforced_by not in (("model", "certiqa") if bounds else (None,)):
        raise CertificateError("The certificate contradicts itself: 'range_enforced_by' does not fit its range.")
    found: dict[str, Any] = {"score": value}
    if certificate.provenance.versions.get("certiqa") == __version__:
        found["answers"] = [row.to_dict() for row in certificate.rows()]
    for name in found:
        if not same(data[name], found[name]):
            raise CertificateError(f"The certificate contradicts itself: its bounds do not give the stated {name!r}.")
