"""What is known of an attack, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["AttackCard"]


@dataclass(frozen=True)
class AttackCard:
    """An attack's facts.

    Attributes:
        name: as :func:`certiqa.attacks.load` knows it.
        summary: one line.
        paper: where it comes from.
        access: what it needs of the model: "gradient"; "scores" (forward passes only); "transfer" (nothing: its
            gradients come from another model, or were used up in advance).
        norms: the kinds of budget that it takes: "linf", "l2", "ssim", "perceptual".
        options: the options of :func:`certiqa.attacks.load` and their defaults.
    """

    name: str
    summary: str
    paper: str
    access: str
    norms: tuple[str, ...]
    options: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """The facts as plain JSON values."""
        return {**self.__dict__, "norms": list(self.norms), "options": dict(self.options)}
