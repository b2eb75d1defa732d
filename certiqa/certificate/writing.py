"""Certificates as plain data: all evidence, and the answers at a few eps for readers without certiqa."""

from __future__ import annotations

import base64
import dataclasses
import json
import math
from typing import Any

import numpy as np

from certiqa.certificate.base import Certificate
from certiqa.certificate.interval import Floats
from certiqa.certificate.kinds import FORMAT, VERSION
from certiqa.certificate.lipschitz import LipschitzCertificate
from certiqa.certificate.median import MedianCertificate
from certiqa.certificate.words import finite

__all__ = ["head_of", "lipschitz_to_dict", "median_to_dict", "stated_by"]

_LISTED = 4096
"""So many scores are written as a list that a person can read; more of them as bytes in base64."""


def median_to_dict(certificate: MedianCertificate, reveal_seed: bool) -> dict[str, Any]:
    """All fields; the answers at a few eps ride along."""
    data = head_of(certificate) | stated_by(certificate)
    for field in dataclasses.fields(certificate):
        data.setdefault(field.name, getattr(certificate, field.name))
    data["seed"] = certificate.seed if reveal_seed else None
    del data["scores"]  # to the end, behind everything that a person wants to see
    data["scores"] = _encoded(certificate.scores)
    return json.loads(json.dumps(data, allow_nan=False))  # type: ignore[no-any-return]  # tuples become lists


def lipschitz_to_dict(certificate: LipschitzCertificate, reveal_seed: bool) -> dict[str, Any]:
    """All fields, the whole table included; there is no seed to reveal."""
    answers = [row.to_dict() for row in certificate.rows()]
    data = head_of(certificate) | {"score": certificate.value, "answers": answers}
    for field in dataclasses.fields(certificate):
        data.setdefault(field.name, getattr(certificate, field.name))
    data |= {name: getattr(certificate, name).tolist() for name in ("radii", "lower", "upper")}
    return json.loads(json.dumps(data, allow_nan=False))  # type: ignore[no-any-return]  # tuples become lists


def head_of(certificate: Certificate) -> dict[str, Any]:
    """What every kind begins with."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "kind": certificate.kind,
        "dimension": certificate.dimension,
        "front_end": certificate.front_end.to_dict(),
        "provenance": dataclasses.asdict(certificate.provenance),
    }


def stated_by(certificate: MedianCertificate) -> dict[str, Any]:
    """What follows from the other fields."""
    return {
        "score": finite(certificate.score),
        "n": certificate.n,
        "failures": certificate.failures,
        "answers": [row.to_dict() for row in certificate.rows()],
    }


def _encoded(scores: Floats) -> Any:
    """A list with null for NaN; or, of many scores, little-endian floats in base64, as narrow as loses nothing."""
    if len(scores) <= _LISTED:
        return [None if math.isnan(s) else s for s in scores.tolist()]
    narrow = scores.astype(np.float32)
    kept = np.array_equal(narrow.astype(np.float64), scores, equal_nan=True)
    name, kind = ("float32", "<f4") if kept else ("float64", "<f8")
    return {"dtype": name, "base64": base64.b64encode(scores.astype(kind).tobytes()).decode("ascii")}
