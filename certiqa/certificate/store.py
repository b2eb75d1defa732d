"""Certificates as plain data: a JSON round trip that keeps every score and refuses what contradicts itself."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from certiqa import _checks as check
from certiqa.certificate.certificate import Certificate
from certiqa.certificate.provenance import Provenance
from certiqa.certificate.words import Row, rows
from certiqa.errors import CertificateError, InputError
from certiqa.smoothing.noise import seed_commitment

__all__ = ["from_dict", "from_json", "to_dict"]

FORMAT = "certiqa-certificate"
VERSION = 1


def to_dict(certificate: Certificate, *, reveal_seed: bool) -> dict[str, Any]:
    """All fields; the answers at a few eps ride along for readers without certiqa."""
    data = {
        "format": FORMAT,
        "version": VERSION,
        "score": _plain(certificate.score),
        "n": certificate.n,
        "failures": certificate.failures,
        "answers": [_answer(row) for row in rows(certificate)],
    }
    for field in dataclasses.fields(certificate):
        data[field.name] = getattr(certificate, field.name)
    data["seed"] = certificate.seed if reveal_seed else None
    data["provenance"] = {**dataclasses.asdict(certificate.provenance)}
    data["scores"] = [None if math.isnan(s) else s for s in certificate.scores.tolist()]
    return json.loads(json.dumps(data, allow_nan=False))  # type: ignore[no-any-return]  # tuples become lists


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _answer(row: Row) -> dict[str, Any]:
    data = {name: value for name, value in dataclasses.asdict(row.interval).items() if name != "alpha"}
    data |= {"tau": row.tau, "tau_deployed": row.tau_deployed, "smallest_n": row.smallest_n}
    data |= {name: _plain(data[name]) for name in ("lower", "upper", "tau", "tau_deployed")}
    return data


def from_json(source: str | Path) -> Certificate:
    """From JSON text, or from a file."""
    if isinstance(source, str) and source.lstrip().startswith("{"):
        text, where = source, "the text"
    else:
        where = str(source)
        try:
            text = Path(source).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CertificateError(f"Cannot read a certificate from {where}: {error}.") from error
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise CertificateError(f"No certificate in {where}: not JSON ({error}).") from error
    return from_dict(data)


def from_dict(data: object) -> Certificate:
    """Rebuild, check every field, recompute the answers and compare."""
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise CertificateError(f"No certificate: the field 'format' must be {FORMAT!r}.")
    if data.get("version") != VERSION:
        raise CertificateError(
            f"This certificate has format version {data.get('version')}; this certiqa reads {VERSION}."
        )
    names = {field.name for field in dataclasses.fields(Certificate)}
    missing = sorted((names | {"score", "n", "answers"}) - data.keys())
    if missing:
        raise CertificateError(f"The certificate lacks the fields {', '.join(missing)}.")
    try:
        certificate = Certificate(**{name: data[name] for name in names} | _checked(data))
    except (InputError, TypeError, ValueError, KeyError) as error:
        raise CertificateError(f"The certificate has a field that breaks its rule: {error}") from error
    _consistent(certificate, data)
    return certificate


def _checked(data: dict[str, Any]) -> dict[str, Any]:
    scores = np.array([math.nan if s is None else s for s in data["scores"]], dtype=np.float64)
    if scores.ndim != 1 or len(scores) == 0 or np.isinf(scores).any():
        raise ValueError("scores must be a list of at least one finite number or null")
    scores.setflags(write=False)
    raw = data["provenance"]
    provenance = Provenance(**{**raw, "image_notes": tuple(raw["image_notes"]), "findings": tuple(raw["findings"])})
    shape = tuple(check.check_count(size, "shape") for size in data["shape"])
    if len(shape) != 3:
        raise ValueError("shape must have three entries")
    slack = check.check_eps(data["tv_slack"], "tv_slack")
    return {
        "scores": scores,
        "sigma": check.check_sigma(data["sigma"]),
        "alpha": check.check_alpha(data["alpha"]),
        "side": check.check_side(data["side"]),
        "at": None if data["at"] is None else check.check_eps(data["at"], "at"),
        "shape": shape,
        "output_range": check.check_output_range(data["output_range"]),
        "tv_slack": slack,
        "seed": check.check_seed(data["seed"]),
        "assumptions": tuple(data["assumptions"]),
        "provenance": provenance,
    }


def _consistent(certificate: Certificate, data: dict[str, Any]) -> None:
    """The stated answers must follow from the scores: a certificate that was edited by hand is refused."""
    stated = {name: data[name] for name in ("score", "n", "answers")}
    found = {
        "score": _plain(certificate.score),
        "n": certificate.n,
        "answers": [_answer(row) for row in rows(certificate)],
    }
    for name, value in stated.items():
        if not _same(value, found[name]):
            raise CertificateError(f"The certificate contradicts itself: its scores do not give the stated {name!r}.")
    if certificate.seed is not None and seed_commitment(certificate.seed) != certificate.provenance.seed_commitment:
        raise CertificateError("The certificate contradicts itself: its seed does not match its seed commitment.")


def _same(stated: Any, found: Any) -> bool:
    """Equal, up to the last digits of another machine's special functions."""
    if isinstance(found, float) and isinstance(stated, int | float) and not isinstance(stated, bool):
        return math.isclose(stated, found, rel_tol=1e-9, abs_tol=1e-12)
    if isinstance(found, dict) and isinstance(stated, dict):
        return stated.keys() == found.keys() and all(_same(stated[k], found[k]) for k in found)
    if isinstance(found, list) and isinstance(stated, list):
        return len(stated) == len(found) and all(_same(s, f) for s, f in zip(stated, found, strict=True))
    return bool(stated == found)
