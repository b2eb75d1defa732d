"""Attacks by name."""

from __future__ import annotations

import dataclasses
from importlib import import_module
from typing import Any

from certiqa.attacks._catalogue import ENTRIES, Entry, by_access, by_norm, entry, names
from certiqa.attacks.base import Attack
from certiqa.attacks.card import AttackCard
from certiqa.errors import InputError, UnknownNameError

__all__ = ["by_access", "by_norm", "card", "load", "names", "register", "unregister"]

_OWN: dict[str, type[Attack]] = {}


def card(name: str) -> AttackCard:
    """The facts of one attack.

    Raises:
        UnknownNameError: no such attack; near names are suggested.

    >>> card("pgd").access, card("pgd").options["steps"]
    ('gradient', 40)
    """
    kind = _class(name)
    options = {one.name: _default(one) for one in dataclasses.fields(kind)}
    return AttackCard(name, kind.summary, kind.paper, kind.access, kind.norms, options)


def load(name: str, **options: Any) -> Attack:
    """An attack by name, with its options (:func:`card` lists them with their defaults).

    Raises:
        UnknownNameError: no such attack, or it has no such option; near names are suggested.
        InputError: an option breaks its rule.

    >>> load("pgd", steps=10).steps
    10
    """
    kind = _class(name)
    known = [one.name for one in dataclasses.fields(kind)]
    for option in options:
        if option not in known:
            raise UnknownNameError.among(f"option of the attack {name!r}", option, known)
    return kind(**options)


def register(kind: type[Attack]) -> None:
    """Make an attack of your own known by its class's ``name``, for this process.

    Raises:
        InputError: no concrete dataclass below :class:`certiqa.attacks.Attack`, or the name is empty or taken.
    """
    if not (isinstance(kind, type) and issubclass(kind, Attack) and not getattr(kind, "__abstractmethods__", None)):
        raise InputError.of("kind", "must be a subclass of certiqa.attacks.Attack with a run()", kind)
    if not kind.name or kind.name in names():
        rule = "must have a class attribute 'name' that is not empty and not taken"
        raise InputError.of("kind", rule, kind.name, "Choose another name.")
    _OWN[kind.name] = kind
    ENTRIES[kind.name] = Entry(None, kind.access, kind.norms)


def unregister(name: str) -> None:
    """Forget an attack that :func:`register` made known.

    Raises:
        UnknownNameError: no such attack.
    """
    if name not in _OWN:
        raise UnknownNameError.among("registered attack", name, _OWN)
    del _OWN[name], ENTRIES[name]


def _default(option: dataclasses.Field[Any]) -> Any:
    return option.default if option.default_factory is dataclasses.MISSING else option.default_factory()


def _class(name: str) -> type[Attack]:
    home = entry(name).home
    if home is None:
        return _OWN[name]
    module, _, attribute = home.partition(":")
    found: type[Attack] = getattr(import_module(f"certiqa.attacks.{module}"), attribute)
    return found
