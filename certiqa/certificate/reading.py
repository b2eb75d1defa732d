"""A median certificate out of JSON: every field checked, what it states recomputed, contradictions refused."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import math
from typing import Any

import numpy as np

from certiqa import _checks as check
from certiqa._checks import LARGEST_RESOLUTION
from certiqa._version import __version__
from certiqa.certificate.kinds import VERSION
from certiqa.certificate.median import MedianCertificate
from certiqa.certificate.provenance import Provenance
from certiqa.certificate.writing import stated_by
from certiqa.errors import CertificateError
from certiqa.frontends import FrontEnd, Identity, Resize, SizedFrontEnd, from_dict
from certiqa.smoothing.noise import FineNoise, FloatNoise, LatticeNoise, Noise, VectorNoise, seed_commitment

__all__ = [
    "checked_front_end",
    "checked_provenance",
    "checked_shape",
    "median_from_dict",
    "same",
    "typed",
    "typed_list",
]

_NOISES: dict[str, type[LatticeNoise | FloatNoise | FineNoise | VectorNoise]] = {
    kind.name: kind for kind in (LatticeNoise, FloatNoise, FineNoise, VectorNoise)
}
_STATED = ("score", "n", "failures", "answers")


def median_from_dict(data: dict[str, Any]) -> MedianCertificate:
    """Rebuild, check every field, recompute the answers and compare; of any version."""
    names = {field.name for field in dataclasses.fields(MedianCertificate)} - {"front_end"} | {*_STATED}
    version = data["version"]
    names |= {1: set(), 2: {"working"}, VERSION: {"front_end", "dimension"}}[version]
    if version == 1 and "working" in data:
        raise CertificateError("A certificate of format version 1 has no field 'working'.")
    missing = sorted(names - data.keys())
    if missing:
        raise CertificateError(f"The certificate lacks the fields {', '.join(missing)}.")
    certificate = MedianCertificate(**_checked(data))
    _consistent(certificate, data)
    return certificate


def _checked(data: dict[str, Any]) -> dict[str, Any]:
    scores = _decoded(data["scores"])
    if len(scores) == 0 or np.isinf(scores).any():
        raise ValueError("scores must be a list of at least one finite number or null")
    scores.setflags(write=False)
    shape, sigma = checked_shape(data), check.check_sigma(data["sigma"])
    return {
        "scores": scores,
        "sigma": sigma,
        "alpha": check.check_alpha(data["alpha"]),
        "side": check.check_side(data["side"]),
        "at": None if data["at"] is None else check.check_eps(data["at"], "at"),
        "shape": shape,
        "output_range": check.check_output_range(data["output_range"]),
        "range_enforced_by": typed("range_enforced_by", data["range_enforced_by"], str | None),
        "clamped": check.check_count(data["clamped"], "clamped", 0),
        "lower_better": typed("lower_better", data["lower_better"], bool | None),
        "noise": check.check_choice(data["noise"], "noise", tuple(_NOISES)),
        "tv_slack": check.check_eps(data["tv_slack"], "tv_slack"),
        "assumptions": tuple(typed_list("assumptions", data["assumptions"], str)),
        "method": typed("method", data["method"], str),
        "provenance": checked_provenance(data["provenance"]),
        "seed": check.check_seed(data["seed"]),
        "front_end": _front_end(data, shape, sigma),
    }


def checked_shape(data: dict[str, Any]) -> tuple[int, int, int]:
    """The shape of an RGB image, whose number of values is the one that is stated."""
    found = [check.check_count(size, "shape") for size in typed_list("shape", data["shape"], int)]
    if len(found) != 3 or found[0] != 3 or math.prod(found) >= 1 << 63:
        raise ValueError("shape must have three entries, those of an RGB image")
    if typed("dimension", data.get("dimension", math.prod(found)), int) != math.prod(found):
        raise CertificateError("The certificate contradicts itself: its shape does not give the stated 'dimension'.")
    return found[0], found[1], found[2]


def _decoded(raw: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    if not isinstance(raw, dict):
        given = typed_list("scores", raw, int | float | None)
        return np.array([math.nan if s is None else s for s in given], dtype=np.float64)
    kinds = {"float32": "<f4", "float64": "<f8"}
    if raw.keys() != {"dtype", "base64"} or raw["dtype"] not in kinds:
        raise ValueError("scores must be a list, or have the fields dtype (float32 or float64) and base64")
    try:
        content = base64.b64decode(typed("scores.base64", raw["base64"], str), validate=True)
    except binascii.Error as error:
        raise ValueError(f"scores.base64 must be base64 ({error})") from error
    return np.frombuffer(content, dtype=kinds[raw["dtype"]]).astype(np.float64)


def _front_end(data: dict[str, Any], shape: tuple[int, int, int], sigma: float) -> SizedFrontEnd:
    if data["version"] == VERSION:
        return checked_front_end(data["front_end"], shape, sigma)
    return (
        _working(data["working"], shape, sigma)
        if "working" in data
        else SizedFrontEnd(Identity(), shape, 1.0, 0.0, 0.0)
    )


def checked_front_end(raw: Any, shape: tuple[int, int, int], sigma: float | None) -> SizedFrontEnd:
    """The front end, made again from its parameters; what is stated of it at this size must be what it gives."""
    typed("front_end", raw, dict)
    stated = ("digest", "output_shape", "lipschitz", "grid", "step")
    if raw.keys() != {"front_end", *stated}:
        raise ValueError(f"front_end must have the fields front_end, {', '.join(stated)}")
    front_end = from_dict(typed("front_end.front_end", raw["front_end"], dict))
    found = _sized(front_end, shape, sigma)
    for name in stated:
        if not same(raw[name], found.to_dict()[name]):
            raise CertificateError(
                f"The certificate contradicts itself: its front end does not have the stated {name!r}."
            )
    return found


def _sized(front_end: FrontEnd, shape: tuple[int, int, int], sigma: float | None) -> SizedFrontEnd:
    if isinstance(front_end, Resize) and (min(shape) < 2 or not front_end.fits(*shape[1:])):
        raise ValueError("the front end must be a resize of an RGB image to a reasonable size")
    return SizedFrontEnd.of(front_end, *shape[1:], sigma)


def _resize_to(original: tuple[int, int], size: tuple[int, int]) -> Resize:
    """By the shorter side, if that gives the size: the longer one may be more than a resolution may be given as."""
    shorter = min(size)
    if shorter <= LARGEST_RESOLUTION and Resize(shorter).size(*original) == size:
        return Resize(shorter)
    return Resize(size)


def _working(raw: Any, shape: tuple[int, int, int], sigma: float) -> SizedFrontEnd:
    """Of format version 2: a resize to that size; the norm, the grid and the step that are stated must be its own."""
    typed("working", raw, dict)
    names = {"height": None, "width": None, "norm": "lipschitz", "grid": "grid", "step": "step"}
    if raw.keys() != names.keys():
        raise ValueError(f"working must have the fields {', '.join(names)}")
    height, width = (check.check_count(raw[side], side, 2) for side in ("height", "width"))
    channels, *sides = (check.check_count(side, "shape", 2) for side in shape)
    if channels != 3 or sides == [height, width]:
        raise ValueError("working must be the size of another RGB image than 'shape' says")
    found = _sized(_resize_to((sides[0], sides[1]), (height, width)), shape, sigma)
    for old, new in names.items():
        if new and not math.isclose(typed(old, raw[old], int | float), getattr(found, new), rel_tol=1e-9):
            raise CertificateError(f"The certificate contradicts itself: its sizes do not give the stated {old!r}.")
    return found


def checked_provenance(raw: Any) -> Provenance:
    """Every field of its kind, and no others."""
    typed("provenance", raw, dict)
    names = {field.name for field in dataclasses.fields(Provenance)}
    if raw.keys() != names:
        raise ValueError(f"provenance must have the fields {', '.join(sorted(names))}")
    words = ("image", "image_sha256", "model", "seed_commitment", "dtype", "device", "created")
    words_or_none = ("file_sha256", "model_sha256", "denoiser", "denoiser_sha256")
    return Provenance(
        **{name: typed(name, raw[name], str) for name in words},
        **{name: typed(name, raw[name], str | None) for name in words_or_none},
        image_notes=tuple(typed_list("image_notes", raw["image_notes"], str)),
        findings=tuple(typed_list("findings", raw["findings"], str)),
        batch_size=check.check_count(raw["batch_size"], "batch_size"),
        seconds=_table("seconds", raw["seconds"], int | float),
        versions=_table("versions", raw["versions"], str),
    )


def typed(name: str, value: Any, kind: Any) -> Any:
    """The value, if it is of that kind; True is no number here."""
    if not isinstance(value, kind) or (isinstance(value, bool) and kind != bool | None):
        raise ValueError(f"{name} must be {getattr(kind, '__name__', kind)}, not {type(value).__name__}")
    return value


def typed_list(name: str, value: Any, kind: Any) -> list[Any]:
    """The value, if it is a list of that kind."""
    return [typed(f"an entry of {name}", entry, kind) for entry in typed(name, value, list)]


def _table(name: str, value: Any, kind: Any) -> dict[str, Any]:
    return {key: typed(f"an entry of {name}", entry, kind) for key, entry in typed(name, value, dict).items()}


def _consistent(certificate: MedianCertificate, data: dict[str, Any]) -> None:
    """The stated answers must follow from the scores: a certificate that was edited by hand is refused."""
    found = stated_by(certificate)
    if certificate.provenance.versions.get("certiqa") != __version__:
        found.pop("answers")  # another version may have had a wider band: what counts is recomputed from the scores
    if not math.isfinite(certificate.score):
        raise CertificateError("The certificate has no median: half of its scores or more are null.")
    for name in found:
        if not same(data[name], found[name]):
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
    sized, noise = certificate.front_end, _NOISES[certificate.noise](certificate.sigma, (0, 0))
    if not isinstance(noise, _fitting(sized)):
        raise CertificateError("The certificate contradicts itself: its noise does not fit its front end.")
    if not same(certificate.tv_slack, noise.tv_slack(sized.dimension)):
        raise CertificateError("The certificate contradicts itself: its noise does not have the stated 'tv_slack'.")
    if certificate.seed is not None and seed_commitment(certificate.seed) != certificate.provenance.seed_commitment:
        raise CertificateError("The certificate contradicts itself: its seed does not match its seed commitment.")


def _fitting(sized: SizedFrontEnd) -> tuple[type[Noise], ...]:
    if sized.is_identity:
        return LatticeNoise, FloatNoise
    return (FineNoise,) if sized.gives_pictures else (VectorNoise,)


def same(stated: Any, found: Any) -> bool:
    """Equal, up to the last digits of another machine's special functions."""
    if isinstance(found, float) and isinstance(stated, int | float) and not isinstance(stated, bool):
        return math.isclose(stated, found, rel_tol=1e-9)
    if isinstance(found, dict) and isinstance(stated, dict):
        return stated.keys() == found.keys() and all(same(stated[k], found[k]) for k in found)
    if isinstance(found, list) and isinstance(stated, list):
        return len(stated) == len(found) and all(same(s, f) for s, f in zip(stated, found, strict=True))
    return bool(stated == found)
