"""Attacks by name."""

from __future__ import annotations

import dataclasses
from importlib import import_module
from typing import Any

from certiqa.attacks.base import Attack
from certiqa.attacks.card import AttackCard
from certiqa.errors import InputError, UnknownNameError

__all__ = ["by_access", "by_norm", "card", "load", "names", "register", "unregister"]

_HOMES = {
    "apgd": "whitebox.apgd:APGD",
    "fgsm": "whitebox.fgsm:FGSM",
    "frequency": "whitebox.frequency:Frequency",
    "i-fgsm": "whitebox.pgd:IFGSM",
    "korhonen": "whitebox.korhonen:Korhonen",
    "madc": "whitebox.madc:MADC",
    "nes": "blackbox.nes:NES",
    "perceptual": "whitebox.perceptual:PerceptualAttack",
    "pgd": "whitebox.pgd:PGD",
    "simba": "blackbox.simba:SimBA",
    "square": "blackbox.square:Square",
    "transfer": "blackbox.transfer:Transfer",
    "uap": "blackbox.uap:UAP",
}
_OWN: dict[str, type[Attack]] = {}


def names() -> tuple[str, ...]:
    """The names that :func:`load` knows, sorted.

    >>> "pgd" in names()
    True
    """
    return tuple(sorted((*_HOMES, *_OWN)))


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


def unregister(name: str) -> None:
    """Forget an attack that :func:`register` made known.

    Raises:
        UnknownNameError: no such attack.
    """
    if name not in _OWN:
        raise UnknownNameError.among("registered attack", name, _OWN)
    del _OWN[name]


def by_access(access: str) -> tuple[str, ...]:
    """The attacks with this access: "gradient", "scores" or "transfer".

    >>> "pgd" in by_access("gradient")
    True
    """
    return tuple(name for name in names() if _class(name).access == access)


def by_norm(norm: str) -> tuple[str, ...]:
    """The attacks that take a budget of this kind.

    >>> "pgd" in by_norm("l2")
    True
    """
    return tuple(name for name in names() if norm in _class(name).norms)


def _default(option: dataclasses.Field[Any]) -> Any:
    return option.default if option.default_factory is dataclasses.MISSING else option.default_factory()


def _class(name: object) -> type[Attack]:
    if not isinstance(name, str) or name not in (*_HOMES, *_OWN):
        raise UnknownNameError.among("attack", str(name), names())
    if name in _OWN:
        return _OWN[name]
    module, _, attribute = _HOMES[name].partition(":")
    found: type[Attack] = getattr(import_module(f"certiqa.attacks.{module}"), attribute)
    return found
