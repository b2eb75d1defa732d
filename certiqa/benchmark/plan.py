"""Before anything is computed: how many forward passes there are, and about how long they will take here."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from certiqa.benchmark.cells import PHASES, Cell
from certiqa.benchmark.opening import Opened
from certiqa.benchmark.subject import Subject
from certiqa.data.images import read_image
from certiqa.errors import CertiqaError
from certiqa.smoothing.base import is_out_of_memory
from certiqa.trial.chosen import Chosen

__all__ = ["Line", "Plan", "plan_of"]

BACKWARD = 3.0
"""A pass with its gradient costs about so many passes without."""


@dataclass(frozen=True)
class Line:
    """What one row needs on one data set.

    Attributes:
        data: the data set.
        metric: of the row.
        defence: of the row.
        sigma: of the row.
        cells: per phase, how many figures are still to be computed.
        forwards: passes of the metric for them; one with a gradient counts as three.
        seconds: for them, as measured on the first image; None if that could not be scored.
    """

    data: str
    metric: str
    defence: str
    sigma: float | None
    cells: dict[str, int]
    forwards: int
    seconds: float | None


@dataclass(frozen=True)
class Plan:
    """All of it.

    Attributes:
        lines: one per row and data set.
        there: figures that are there already.
        todo: figures that are not.
    """

    lines: tuple[Line, ...]
    there: int
    todo: int

    @property
    def forwards(self) -> int:
        """All passes."""
        return sum(one.forwards for one in self.lines)

    @property
    def seconds(self) -> float:
        """The estimate, of what could be timed."""
        return sum(one.seconds or 0.0 for one in self.lines)


def plan_of(opened: Opened, every: Sequence[Cell], todo: Sequence[Cell]) -> Plan:
    """Count the passes, and time one of each row."""
    attacks = {key: _passes(one) for key, one in opened.attacks.items()}
    lines = []
    for data in opened.data:
        for subject in opened.subjects:
            mine = [one for one in todo if one.data is data and one.subject is subject]
            if not mine:
                continue
            count = {what: sum(one.what == what for one in mine) for what in PHASES}
            forwards = sum(_forwards(opened, one, attacks) for one in mine)
            pace = _pace(mine[0], subject)
            seconds = None if pace is None else round(pace * forwards, 1)
            lines.append(Line(data.name, subject.metric, subject.entry.name, subject.sigma, count, forwards, seconds))
    return Plan(tuple(lines), len(every) - len(todo), len(todo))


def _forwards(opened: Opened, cell: Cell, attacks: dict[tuple[str, str], float]) -> int:
    config, subject = opened.config, cell.subject
    if cell.what == "score":
        return subject.forwards
    if cell.what == "certificate":
        return config.certificates.n
    passes = attacks[subject.metric, cell.attack]
    judge = subject.forwards if subject.sigma is None else config.attacks.fresh
    if cell.what == "transferred":  # the image is made once, for all rows of the metric
        return judge + (round(passes) if subject.kind == "none" else 0)
    copies = config.attacks.samples if subject.defended.random else 1
    return judge + round(passes * copies)


def _passes(one: Chosen) -> float:
    """Of the attack on one image, in forward passes: by its options, as far as they say."""
    options = one.attack.options()
    inner = options.get("attack_options") or {}
    steps = int(options.get("steps") or inner.get("steps") or 1) * int(options.get("restarts") or 1)
    queries = options.get("queries")
    return float(queries) if queries and one.access != "gradient" else BACKWARD * steps + 1


def _pace(cell: Cell, subject: Subject) -> float | None:
    """Seconds of one forward pass of the row, on one image; the first pass is not counted."""
    try:
        pixels = torch.from_numpy(read_image(cell.record.path).pixels.copy())
        subject.defended.score(pixels)
        begin = time.perf_counter()
        subject.defended.score(pixels)
    except Exception as error:
        if isinstance(error, CertiqaError) or is_out_of_memory(error):
            return None
        raise
    return (time.perf_counter() - begin) / subject.forwards
