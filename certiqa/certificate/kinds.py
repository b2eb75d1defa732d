"""The kinds of certificate by name: how each is read, written, put into words and drawn; and the gate of their JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from certiqa.errors import CertificateError, InputError

__all__ = ["FORMAT", "VERSION", "Kind", "from_dict", "from_json", "kind_of", "register"]

FORMAT = "certiqa-certificate"
VERSION = 3
"""1: scores under noise on pixels; 2: behind a resize (``working``); 3: any kind, behind any front end."""
_OLD = (1, 2)


@dataclass(frozen=True)
class Kind:
    """What a kind of certificate does beside answering; each function takes a certificate of that kind first.

    Attributes:
        read: from the dict of its JSON: checks every field and recomputes what is stated.
        write: the dict of its JSON; with the seed of the noise if the second argument says so.
        rows: answers at some eps, as tables show them; at the usual ones if none are given.
        score_lines: what the score is, in lines of text.
        guarantee_words: the guarantee, with its failure probability.
        nothing_proved: that nothing is proved at any eps of these rows, and what would do; None if something is.
        notes: what has to be said below a table of these rows.
        plot: the figure, on two axes if they are given.
    """

    read: Callable[[dict[str, Any]], Any]
    write: Callable[[Any, bool], dict[str, Any]]
    rows: Callable[[Any, tuple[float, ...]], list[Any]]
    score_lines: Callable[[Any], list[str]]
    guarantee_words: Callable[[Any], str]
    nothing_proved: Callable[[Any, list[Any]], str | None]
    notes: Callable[[Any, list[Any]], list[str]]
    plot: Callable[[Any, Any], Any]


_KINDS: dict[str, Kind] = {}


def register(name: str, kind: Kind) -> None:
    """Make a kind of certificate known.

    Raises:
        InputError: the name is taken.
    """
    if name in _KINDS:
        raise InputError.of("kind", "must be one that is not registered yet", name)
    _KINDS[name] = kind


def kind_of(name: str) -> Kind:
    """A registered kind."""
    return _KINDS[name]


def from_json(source: str | Path) -> Any:
    """A certificate from JSON text, or from a file.

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


def from_dict(data: object) -> Any:
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
    if not isinstance(kind, str) or kind not in _KINDS:
        known = ", ".join(sorted(_KINDS))
        raise CertificateError(f"This certificate is of kind {kind!r}; this certiqa reads the kinds {known}.")
    try:
        return _KINDS[kind].read(data)
    except CertificateError:
        raise
    except (InputError, TypeError, ValueError, KeyError, OverflowError) as error:
        raise CertificateError(f"The certificate has a field that breaks its rule: {error}") from error
    except MemoryError as error:
        raise CertificateError("The certificate is of an image too large for the memory here.") from error
