"""Which attacks there are, as data: what each needs of a model, and which budgets it takes. No attack is imported."""

from __future__ import annotations

from dataclasses import dataclass

from certiqa.attacks.budgets.base import KINDS
from certiqa.errors import UnknownNameError

__all__ = ["ENTRIES", "Entry", "by_access", "by_norm", "entry", "names"]


@dataclass(frozen=True)
class Entry:
    """An attack's place in the catalogue; its card has the same facts, from its class.

    Attributes:
        home: module below certiqa.attacks and class, as "whitebox.pgd:PGD"; None for an attack of the user's own.
        access: "gradient", "scores" or "transfer".
        norms: the kinds of budget that it takes.
    """

    home: str | None
    access: str
    norms: tuple[str, ...] = KINDS


ENTRIES: dict[str, Entry] = {
    "apgd": Entry("whitebox.apgd:APGD", "gradient"),
    "fgsm": Entry("whitebox.fgsm:FGSM", "gradient"),
    "frequency": Entry("whitebox.frequency:Frequency", "gradient"),
    "i-fgsm": Entry("whitebox.pgd:IFGSM", "gradient"),
    "korhonen": Entry("whitebox.korhonen:Korhonen", "gradient"),
    "madc": Entry("whitebox.madc:MADC", "gradient", ("l2",)),
    "nes": Entry("blackbox.nes:NES", "scores"),
    "perceptual": Entry("whitebox.perceptual:PerceptualAttack", "gradient", ("linf", "ssim", "perceptual")),
    "pgd": Entry("whitebox.pgd:PGD", "gradient"),
    "simba": Entry("blackbox.simba:SimBA", "scores"),
    "square": Entry("blackbox.square:Square", "scores", ("linf", "l2")),
    "transfer": Entry("blackbox.transfer:Transfer", "transfer"),
    "uap": Entry("blackbox.uap:UAP", "transfer"),
}


def names() -> tuple[str, ...]:
    """The names that :func:`certiqa.attacks.load` knows, sorted.

    >>> "pgd" in names()
    True
    """
    return tuple(sorted(ENTRIES))


def entry(name: object) -> Entry:
    """One attack's entry.

    Raises:
        UnknownNameError: no such attack; near names are suggested.
    """
    if not isinstance(name, str) or name not in ENTRIES:
        raise UnknownNameError.among("attack", str(name), names())
    return ENTRIES[name]


def by_access(access: str) -> tuple[str, ...]:
    """The attacks with this access: "gradient", "scores" or "transfer".

    >>> "pgd" in by_access("gradient")
    True
    """
    return tuple(name for name in names() if ENTRIES[name].access == access)


def by_norm(norm: str) -> tuple[str, ...]:
    """The attacks that take a budget of this kind.

    >>> "pgd" in by_norm("l2")
    True
    """
    return tuple(name for name in names() if norm in ENTRIES[name].norms)
