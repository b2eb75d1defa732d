"""Certificates on the screen: a table where stdout is a terminal, plain lines that never wrap where it is not."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from certiqa._counted import counted
from certiqa.certificate import words
from certiqa.statistics import percentile

if TYPE_CHECKING:
    from certiqa.certificate import Certificate

__all__ = ["Report", "radius_words"]

_NAMES_PER_NOTE = 3


def radius_words(certificate: Certificate, tau: float) -> str:
    """What ``certificate.radius(tau)`` means."""
    eps = certificate.radius(tau)
    verb = {"both": "moves", "upper": "raises", "lower": "lowers"}[certificate.side]
    what = f"{verb} the {'smoothed median' if certificate.n else 'score'} by more than {tau:g}"
    if math.isinf(eps):
        return (
            f"tau {tau:g}: certified for every eps; no attack at all {what}, the range of the metric being what it is."
        )
    if eps == 0:
        evidence = counted(certificate.n, "score") if certificate.n else "the bounds"
        prove = "does" if certificate.n == 1 else "do"
        return f"tau {tau:g}: not certified for any eps; {evidence} {prove} not prove so small a change."
    d = certificate.dimension
    return (
        f"tau {tau:g}: certified up to eps {words.outward(eps, up=False)} "
        f"({percentile.rms_grey_levels(eps, d):.3g} RMS grey levels, PSNR {percentile.psnr_db(eps, d):.1f} dB, "
        f"l_inf {255 * percentile.linf_step(eps, d):.2g}/255); no attack within it {what}."
    )


@dataclass
class Report:
    """Prints the certificates of one run; what holds for all of its images is said once.

    Attributes:
        images: how many images there are.
        silent: print the times only, for stdout belongs to something else.
    """

    images: int
    silent: bool = False
    _seconds: float = 0.0
    _scores: int = 0
    _notes: dict[str, list[str]] = field(default_factory=dict)
    _shown: list[str] = field(default_factory=list)

    def show(self, certificate: Certificate, rows: list[words.Row], taus: Sequence[float]) -> None:
        """Print one certificate."""
        self._seconds += certificate.provenance.seconds["total"]
        self._scores += certificate.n
        if self.silent:
            return
        terminal = sys.stdout.isatty()
        name = certificate.provenance.image
        lines = certificate.header_lines()
        if not self._shown:
            lines.append(certificate.guarantee_words())
        _say([*([""] if self._shown else []), *lines, ""], terminal)
        if terminal:
            _print_table(rows, certificate.scored)
        else:
            _say(words.table_lines(rows, certificate.scored), terminal)
        _say([radius_words(certificate, tau) for tau in taus], terminal)
        self._shown.append(name)
        for note in certificate.notes(rows):
            self._notes.setdefault(note, []).append(name)

    def finish(self, alpha: float) -> None:
        """Print the notes, each once, those that are not about every image with the names of theirs; and the time."""
        every = len(self._shown)
        lines = [text if len(names) == every else f"{_some(names)}: {text}" for text, names in self._notes.items()]
        if every > 1 and self._scores:
            lines.append(
                f"Each certificate fails with probability at most {alpha:g} by itself; for all {self.images} at once "
                f"pass --alpha {alpha / self.images:.3g}."
            )
        if self._seconds:
            scores = f": {counted(self._scores, 'score')}" if self._scores else ""
            lines += [f"Computing took {self._seconds:.1f} s{scores}."]
            _say(lines if self.silent else ["", *lines], sys.stdout.isatty())


def _some(names: list[str]) -> str:
    more = len(names) - _NAMES_PER_NOTE
    return ", ".join(names[:_NAMES_PER_NOTE]) + (f" and {more} more" if more > 0 else "")


def _say(lines: list[str], terminal: bool) -> None:
    if not terminal:
        print("".join(line + "\n" for line in lines), end="", flush=True)
        return
    from rich.console import Console

    console = Console(highlight=False)
    for line in lines:
        console.print(line, markup=False, emoji=False)


def _print_table(rows: list[words.Row], what: str) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in words.headings(what):
        table.add_column(heading, justify="left" if heading.endswith(" stays in") else "right", overflow="fold")
    for row in rows:
        style = "" if row.interval.certified else "yellow"
        cells = ((cell, "yellow" if words.RANGE_ONLY in cell else style) for cell in row.cells())
        table.add_row(*(Text(cell, style=colour) for cell, colour in cells))
    Console(highlight=False).print(table)
