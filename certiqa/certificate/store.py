"""Certificates as plain data: a JSON round trip that keeps every score and refuses what contradicts itself."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from certiqa import _checks as check
from certiqa._version import __version__
from certiqa.certificate.certificate import Certificate
from certiqa.certificate.provenance import Provenance
from certiqa.certificate.words import finite, rows
from certiqa.errors import CertificateError, InputError
from certiqa.smoothing.noise import FineNoise, FloatNoise, LatticeNoise, seed_commitment
from certiqa.smoothing.working import Working, fits

__all__ = ["from_dict", "from_json", "to_dict"]

FORMAT = "certiqa-certificate"
VERSION, VERSION_WORKING = 1, 2  # without and with a resize before the noise; nothing else differs

_NOISES: dict[str, type[LatticeNoise | FloatNoise | FineNoise]] = {
    kind.name: kind for kind in (LatticeNoise, FloatNoise, FineNoise)
}
_STATED = ("score", "n", "failures", "answers")


def to_dict(certificate: Certificate, *, reveal_seed: bool) -> dict[str, Any]:
    """All fields; the answers at a few eps ride along for readers without certiqa."""
    version = VERSION if certificate.working is None else VERSION_WORKING
    data = {"format": FORMAT, "version": version, **_stated(certificate)}
    for field in dataclasses.fields(certificate):
        data[field.name] = getattr(certificate, field.name)
    data["seed"] = certificate.seed if reveal_seed else None
    data["provenance"] = {**dataclasses.asdict(certificate.provenance)}
    if certificate.working is None:
        del data["working"]
    else:
        data["working"] = dataclasses.asdict(certificate.working)
    del data["scores"]  # to the end, behind everything that a person wants to see
    data["scores"] = [None if math.isnan(s) else s for s in certificate.scores.tolist()]
    return json.loads(json.dumps(data, allow_nan=False))  # type: ignore[no-any-return]  # tuples become lists


def _stated(certificate: Certificate) -> dict[str, Any]:
    """What follows from the other fields."""
    return {
        "score": finite(certificate.score),
        "n": certificate.n,
        "failures": certificate.failures,
        "answers": [row.to_dict() for row in rows(certificate)],
    }


def from_json(source: str | Path) -> Certificate:
    """From JSON text, or from a file."""
    if isinstance(source, str) and source.lstrip().startswith("{"):
        text, where = source, "the text"
    else:
        where = str(source)
        try:
            text = Path(source).read_text(encoding="utf-8")
        except (OSError, ValueError, TypeError) as error:
            raise CertificateError(f"Cannot read a certificate from {where!r}: {error}.") from error
    try:
        data = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise CertificateError(f"No certificate in {where}: not JSON ({error}).") from error
    return from_dict(data)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def from_dict(data: object) -> Certificate:
    """Rebuild, check every field, recompute the answers and compare."""
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise CertificateError(f"No certificate: the field 'format' must be {FORMAT!r}.")
    version = data.get("version")
    if isinstance(version, bool) or version not in (VERSION, VERSION_WORKING):
        raise CertificateError(
            f"This certificate has format version {version}; this certiqa reads {VERSION} and {VERSION_WORKING}."
        )
    names = {field.name for field in dataclasses.fields(Certificate)}
    if version == VERSION:
        names.remove("working")
        if "working" in data:
            raise CertificateError(f"A certificate of format version {VERSION} has no field 'working'.")
    missing = sorted((names | {*_STATED}) - data.keys())
    if missing:
        raise CertificateError(f"The certificate lacks the fields {', '.join(missing)}.")
    try:
        certificate = Certificate(**_checked(data))
        _consistent(certificate, data)
    except CertificateError:
        raise
    except (InputError, TypeError, ValueError, KeyError, OverflowError) as error:
        raise CertificateError(f"The certificate has a field that breaks its rule: {error}") from error
    return certificate


def _checked(data: dict[str, Any]) -> dict[str, Any]:
    given = _list("scores", data["scores"], int | float | None)
    scores = np.array([math.nan if s is None else s for s in given], dtype=np.float64)
    if len(scores) == 0 or np.isinf(scores).any():
        raise ValueError("scores must be a list of at least one finite number or null")
    scores.setflags(write=False)
    shape = tuple(check.check_count(size, "shape") for size in _list("shape", data["shape"], int))
    if len(shape) != 3 or math.prod(shape) >= 1 << 63:
        raise ValueError("shape must have three entries, those of an image")
    return {
        "scores": scores,
        "sigma": check.check_sigma(data["sigma"]),
        "alpha": check.check_alpha(data["alpha"]),
        "side": check.check_side(data["side"]),
        "at": None if data["at"] is None else check.check_eps(data["at"], "at"),
        "shape": shape,
        "output_range": check.check_output_range(data["output_range"]),
        "range_enforced_by": _typed("range_enforced_by", data["range_enforced_by"], str | None),
        "clamped": check.check_count(data["clamped"], "clamped", 0),
        "lower_better": _typed("lower_better", data["lower_better"], bool | None),
        "noise": check.check_choice(data["noise"], "noise", tuple(_NOISES)),
        "tv_slack": check.check_eps(data["tv_slack"], "tv_slack"),
        "assumptions": tuple(_list("assumptions", data["assumptions"], str)),
        "method": _typed("method", data["method"], str),
        "provenance": _provenance(data["provenance"]),
        "seed": check.check_seed(data["seed"]),
        "working": _working(data["working"], shape, data["sigma"]) if "working" in data else None,
    }


def _working(raw: Any, shape: tuple[int, ...], sigma: float) -> Working:
    """What follows from the two sizes and sigma, recomputed; the norm and the grid that are stated must be these."""
    _typed("working", raw, dict)
    names = [field.name for field in dataclasses.fields(Working)]
    if sorted(raw) != sorted(names):
        raise ValueError(f"working must have the fields {', '.join(names)}")
    height, width = (check.check_count(raw[side], side, 2) for side in ("height", "width"))
    channels, *sides = (check.check_count(side, "shape", 2) for side in shape)
    if channels != 3 or sides == [height, width] or not fits((sides[0], sides[1]), (height, width)):
        raise ValueError("working must be the size of another RGB image than 'shape' says")
    found = Working.of((sides[0], sides[1]), (height, width), check.check_sigma(sigma))
    for name in ("norm", "grid", "step"):
        stated = _typed(name, raw[name], int | float)
        if not math.isclose(stated, getattr(found, name), rel_tol=1e-9):
            raise CertificateError(f"The certificate contradicts itself: its sizes do not give the stated {name!r}.")
    return found


def _provenance(raw: Any) -> Provenance:
    _typed("provenance", raw, dict)
    names = {field.name for field in dataclasses.fields(Provenance)}
    if raw.keys() != names:
        raise ValueError(f"provenance must have the fields {', '.join(sorted(names))}")
    words = ("image", "image_sha256", "model", "seed_commitment", "dtype", "device", "created")
    words_or_none = ("file_sha256", "model_sha256", "denoiser", "denoiser_sha256")
    return Provenance(
        **{name: _typed(name, raw[name], str) for name in words},
        **{name: _typed(name, raw[name], str | None) for name in words_or_none},
        image_notes=tuple(_list("image_notes", raw["image_notes"], str)),
        findings=tuple(_list("findings", raw["findings"], str)),
        batch_size=check.check_count(raw["batch_size"], "batch_size"),
        seconds=_table("seconds", raw["seconds"], int | float),
        versions=_table("versions", raw["versions"], str),
    )


def _typed(name: str, value: Any, kind: Any) -> Any:
    """The value, if it is of that kind; True is no number here."""
    if not isinstance(value, kind) or (isinstance(value, bool) and kind != bool | None):
        raise ValueError(f"{name} must be {getattr(kind, '__name__', kind)}, not {type(value).__name__}")
    return value


def _list(name: str, value: Any, kind: Any) -> list[Any]:
    return [_typed(f"an entry of {name}", entry, kind) for entry in _typed(name, value, list)]


def _table(name: str, value: Any, kind: Any) -> dict[str, Any]:
    return {key: _typed(f"an entry of {name}", entry, kind) for key, entry in _typed(name, value, dict).items()}


def _consistent(certificate: Certificate, data: dict[str, Any]) -> None:
    """The stated answers must follow from the scores: a certificate that was edited by hand is refused."""
    found = _stated(certificate)
    if certificate.provenance.versions.get("certiqa") != __version__:
        found.pop("answers")  # another version may have had a wider band: what counts is recomputed from the scores
    if not math.isfinite(certificate.score):
        raise CertificateError("The certificate has no median: half of its scores or more are null.")
    for name in found:
        if not _same(data[name], found[name]):
            raise CertificateError(f"The certificate contradicts itself: its scores do not give the stated {name!r}.")
    bounds = certificate.output_range
    if bounds and bool(((certificate.scores < bounds[0]) | (certificate.scores > bounds[1])).any()):
        raise CertificateError(
            "The certificate contradicts itself: scores leave the range that is said to be enforced."
        )
    if certificate.range_enforced_by not in (("model", "certiqa") if bounds else (None,)):
        raise CertificateError("The certificate contradicts itself: 'range_enforced_by' does not fit its range.")
    if certificate.clamped > (certificate.n if bounds else 0):
        raise CertificateError("The certificate contradicts itself: more scores were clamped than can have been.")
    noise = _NOISES[certificate.noise](certificate.sigma, (0, 0))
    if (certificate.noise == FineNoise.name) != (certificate.working is not None):
        raise CertificateError("The certificate contradicts itself: its noise does not fit its resolution.")
    met = certificate.dimension if certificate.working is None else certificate.working.dimension
    if not _same(certificate.tv_slack, noise.tv_slack(met)):
        raise CertificateError("The certificate contradicts itself: its noise does not have the stated 'tv_slack'.")
    if certificate.seed is not None and seed_commitment(certificate.seed) != certificate.provenance.seed_commitment:
        raise CertificateError("The certificate contradicts itself: its seed does not match its seed commitment.")


def _same(stated: Any, found: Any) -> bool:
    """Equal, up to the last digits of another machine's special functions."""
    if isinstance(found, float) and isinstance(stated, int | float) and not isinstance(stated, bool):
        return math.isclose(stated, found, rel_tol=1e-9)
    if isinstance(found, dict) and isinstance(stated, dict):
        return stated.keys() == found.keys() and all(_same(stated[k], found[k]) for k in found)
    if isinstance(found, list) and isinstance(stated, list):
        return len(stated) == len(found) and all(_same(s, f) for s, f in zip(stated, found, strict=True))
    return bool(stated == found)
