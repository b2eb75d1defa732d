"""The kinds of certificate by name, and the gate of their JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from certiqa.errors import CertificateError, InputError

if TYPE_CHECKING:
    from certiqa.certificate.base import Certificate

__all__ = ["FORMAT", "VERSION", "from_dict", "from_json", "register"]

FORMAT = "certiqa-certificate"
VERSION = 3
"""1: scores under noise on pixels; 2: behind a resize (``working``); 3: any kind, behind any front end."""
_OLD = (1, 2)

_readers: dict[str, Callable[[dict[str, Any]], Certificate]] = {}


def register(kind: str, read: Callable[[dict[str, Any]], Certificate]) -> None:
    """Let certificates of this kind be read: ``read(data)`` must check every field and recompute what is stated.

    Raises:
        InputError: the kind is taken.
    """
    if kind in _readers:
        raise InputError.of("kind", "must be one that is not registered yet", kind)
    _readers[kind] = read


def from_json(source: str | Path) -> Certificate:
    """From JSON text, or from a file.

    Raises:
        CertificateError: as :func:`from_dict`, or the file cannot be read.
    """
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
    """Rebuild a certificate of any kind, check every field, recompute what it states and compare.

    Raises:
        CertificateError: not a certificate, of a newer format or an unknown kind, incomplete, or contradictory.
    """
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise CertificateError(f"No certificate: the field 'format' must be {FORMAT!r}.")
    version = data.get("version")
    if isinstance(version, bool) or version not in (*_OLD, VERSION):
        raise CertificateError(f"This certificate has format version {version}; this certiqa reads 1 to {VERSION}.")
    kind = "median" if version in _OLD else data.get("kind")
    if not isinstance(kind, str) or kind not in _readers:
        known = ", ".join(sorted(_readers))
        raise CertificateError(f"This certificate is of kind {kind!r}; this certiqa reads the kinds {known}.")
    try:
        return _readers[kind](data)
    except CertificateError:
        raise
    except (InputError, TypeError, ValueError, KeyError, OverflowError) as error:
        raise CertificateError(f"The certificate has a field that breaks its rule: {error}") from error
