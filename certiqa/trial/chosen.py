"""``--attack NAME:KEY=VALUE``: an attack of the package with its options, from text."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from certiqa.errors import InputError

if TYPE_CHECKING:
    from certiqa.attacks import Attack, Budget

__all__ = ["Chosen", "check_budget", "chosen", "key_values"]

_WORDS: dict[str, Any] = {"none": None, "true": True, "false": False}


_MODELS = ("source", "substitute")
"""Options of attacks that are another metric."""

_INNER = "attack."
"""Before an option of the attack that the attack "transfer" runs."""


@dataclass(frozen=True)
class Chosen:
    """An attack that was asked for.

    Attributes:
        label: as the tables call it: its name, with the options that were given.
        attack: ready to be called.
        access: "gradient", "scores" or "transfer".
        norms: the kinds of budget that it takes.
        identity: what tells it from every other attack; None if it holds a model without a fingerprint.
    """

    label: str
    attack: Attack
    access: str
    norms: tuple[str, ...]
    identity: str | None


def chosen(text: str, more: Mapping[str, str] | None = None, device: str | None = None) -> Chosen:
    """The attack, checked; metrics that it takes its gradients from are loaded.

    Args:
        text: NAME, or NAME:KEY=VALUE,KEY=VALUE.
        more: further options, as text.
        device: of these metrics.

    Raises:
        UnknownNameError: no such attack or option; near names are suggested.
        InputError: another form, or an option breaks its rule.
    """
    from certiqa import _provenance as provenance
    from certiqa import attacks

    name, colon, rest = text.strip().partition(":")
    card = attacks.card(name)
    given = key_values(rest.split(",") if colon else [], "--attack") | dict(more or {})
    options: dict[str, Any] = {}
    parts: list[str | None] = []
    for key, value in given.items():
        if key in _MODELS and key in card.options:
            options[key] = _metric(value, device)
            parts.append(provenance.model_sha256(options[key]))
        elif key.startswith(_INNER) and "attack_options" in card.options:
            inner = attacks.card(given.get("attack", str(card.options["attack"])))
            short = key.removeprefix(_INNER)
            options.setdefault("attack_options", {})[short] = _value(value, inner.options.get(short))
        else:
            options[key] = _value(value, card.options.get(key))
            if key == "pattern":
                parts.append(_file_sha256(value))
    attack = attacks.load(name, **options)
    shown = ",".join(f"{key}={value}" for key, value in given.items())
    return Chosen(
        label=f"{name}:{shown}" if shown else name,
        attack=attack,
        access="transfer" if "substitute" in options else card.access,
        norms=card.norms,
        identity=None if None in parts else json.dumps([name, attack.options(), parts], sort_keys=True),
    )


def _metric(name: str, device: str | None) -> Any:
    from certiqa.trial.models import load_model

    return load_model(name, device)[0]


def _file_sha256(path: str) -> str:
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError as error:
        raise InputError.of("pattern", f"must be a file that is there ({error.strerror})", path) from error


def key_values(given: Sequence[str], option: str) -> dict[str, str]:
    """KEY=VALUE, each key once.

    Raises:
        InputError: another form.
    """
    found: dict[str, str] = {}
    for text in given:
        key, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not key or not value or key in found:
            rule = "must have the form KEY=VALUE, each key once"
            raise InputError.of(option, rule, text, "Try steps=10." if option == "--option" else "Try pgd:steps=10.")
        found[key] = value
    return found


def check_budget(budget: Budget, chosen: Sequence[Chosen]) -> None:
    """The rules that no image is needed for: an 8-bit image fits, and every attack can use it.

    Raises:
        InputError: one is broken.
    """
    from certiqa.attacks import by_norm

    if budget.kind in ("linf", "l2") and budget.limit < (1 - 1e-9) / 255:
        rule = "must allow one grey level, 1/255: no 8-bit image but the clean one is nearer"
        raise InputError.of("--budget", rule, str(budget), f"Try {budget.kind}:1/255.")
    budget.check((3, 1 << 20, 1 << 20), True)
    for one in chosen:
        if budget.kind not in one.norms:
            rule = f"must be of kind {' or '.join(map(repr, one.norms))} for the attack {one.label!r}"
            raise InputError.of("--budget", rule, str(budget), f"Attacks for it: {', '.join(by_norm(budget.kind))}.")


def _value(text: str, default: object) -> Any:
    """The text as a value of the option's kind, by its default; what does not fit is left to the attack's own gate."""
    word = text.lower()
    if isinstance(default, bool) or word == "none":
        return _WORDS.get(word, text)
    if isinstance(default, str):
        return text
    try:
        return int(text)
    except ValueError:
        pass
    above, slash, below = text.partition("/")
    try:
        number = float(above) / float(below) if slash else float(text)
    except (ValueError, ZeroDivisionError):
        return _WORDS.get(word, text)
    return number if math.isfinite(number) else text
