"""The table of ``certiqa attack``, and the list of attacks."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from certiqa.cli._evaluate_text import aligned, direction_words

if TYPE_CHECKING:
    from certiqa.cli._attack_options import Settings
    from certiqa.trial.attacked import Attacked
    from certiqa.trial.defended import Defended

__all__ = ["Table", "catalogue", "decibel", "psnr"]

_HEADINGS = ("image", "before", "after", "change", "l_inf", "l2", "PSNR", "SSIM", "queries", "gradients", "seconds")
_NOTES_SHOWN = 5


def catalogue() -> list[str]:
    """Every attack: name, access, budgets, summary, paper."""
    from certiqa import attacks

    cards = [attacks.card(name) for name in attacks.names()]
    rows = [(card.name, card.access, ",".join(card.norms), card.summary, card.paper) for card in cards]
    text = aligned([("name", "access", "budgets", "summary", "paper"), *rows])
    more = [
        "",
        "gradient: follows the gradient of the score. scores: sees scores only. transfer: needs nothing of the metric,",
        "its gradients come from another one. Options and their defaults:",
    ]
    for card in cards:
        options = ", ".join(f"{key}={_shown(value)}" for key, value in card.options.items())
        more.append(f"  {card.name}: {options}")
    return [*text, *more]


def _shown(value: object) -> str:
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)


class Table:
    """Rows as they come: printed together at the end of one image, line by line for several.

    Args:
        count: number of images.
        settings: of the run.
        target: what is attacked.
        silent: print nothing.
    """

    def __init__(self, count: int, settings: Settings, target: Defended, *, silent: bool) -> None:
        self._silent = silent
        self._rows: list[tuple[str, ...]] = []
        self._notes: dict[str, int] = {}
        self._settings, self._target, self._count = settings, target, count

    def show(self, image: str, found: Attacked) -> None:
        """One image."""
        self._rows.append(row(image, found))
        for note in found.result.notes:
            self._notes[note] = self._notes.get(note, 0) + 1
        if self._count > 1 and not self._silent:
            print(f"{image}: {found.before:.4g} -> {found.quantised:.4g}", flush=True)

    def finish(self, more: list[str]) -> None:
        """The table, and what it means; and more lines."""
        if self._silent or not self._rows:
            return
        s, t = self._settings, self._target
        head = f"{s.chosen.label} ({s.chosen.access}), {s.objective}, {s.budget}, seed {s.seed}"
        print("\n".join(["", head, f"{t.name}: {direction_words(t.lower_better)}; {s.defence.words()}", ""]))
        print("\n".join(aligned([_HEADINGS, *self._rows])))
        drawn = (
            f" Scores are medians of {s.defence.n} scores under noise that the attack never saw."
            if s.defence.sigma
            else ""
        )
        drawn = f" Scores are means of {t.draws} draws." if t.draws > 1 else drawn
        print(f"\nAfter, and all distances, are those of the 8-bit image; l_inf in grey levels of 255.{drawn}")
        for note, count in list(self._notes.items())[:_NOTES_SHOWN]:
            print(f"note ({count} of {len(self._rows)} images): {note}")
        print("".join(f"{line}\n" for line in more), end="", flush=True)


def row(image: str, found: Attacked) -> tuple[str, ...]:
    """The cells of one image."""
    r = found.result
    return (
        image,
        f"{found.before:.4g}",
        f"{found.quantised:.4g}",
        f"{found.quantised - found.before:+.4g}",
        f"{255 * (r.linf_quantised or 0):.3g}",
        f"{r.l2_quantised or 0:.4g}",
        decibel(psnr(r.psnr_quantised)),
        f"{r.ssim_quantised:.4f}",
        str(r.queries),
        str(r.gradients),
        f"{r.seconds:.2f}",
    )


def psnr(value: float | None) -> float:
    """Infinite for no change."""
    return math.inf if value is None else value


def decibel(value: float) -> str:
    """In dB."""
    return "unchanged" if math.isinf(value) else f"{value:.1f}"
