"""What there is to compute, as addressed cells: one figure of one image each, in the order in which it is done."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from certiqa.benchmark.opening import Opened
from certiqa.benchmark.subject import Subject
from certiqa.data.sets.dataset import DataSet
from certiqa.data.sets.record import Record

__all__ = ["PHASES", "Cell", "cells", "images_of"]

PHASES = ("score", "certificate", "transferred", "adaptive")
"""Cheap and needed ones first, so that a run which is cut short has whole columns."""


@dataclass(frozen=True)
class Cell:
    """One.

    Attributes:
        what: of PHASES.
        data: the data set.
        record: the image.
        subject: the row.
        attack: as the config names it; empty for others than attacks.
        budget: likewise.
    """

    what: str
    data: DataSet
    record: Record
    subject: Subject
    attack: str = ""
    budget: str = ""

    @property
    def key(self) -> str:
        """Its address in an output folder: the folder answers for config, weights and images."""
        return "|".join((self.what, self.data.name, *self.subject.address, self.attack, self.budget, self.record.name))

    @property
    def shared_key(self) -> str:
        """Of an attack on the undefended metric: all rows of it are judged on the same image."""
        return "|".join(("made", self.data.name, self.subject.metric, self.attack, self.budget, self.record.name))


def images_of(opened: Opened, what: str) -> int | None:
    """How many images of each data set a phase sees; None: all."""
    config = opened.config
    counts = {"score": config.agreement.images, "certificate": config.certificates.images}
    return counts.get(what, config.attacks.images)


def cells(opened: Opened, share: int = 0, shares: int = 1) -> Iterator[Cell]:
    """The cells of one process; an image belongs to one process, whatever is done with it."""
    for what in PHASES:
        for data in opened.data:
            for number, record in enumerate(data.records[: images_of(opened, what)]):
                if number % shares == share:
                    for subject in opened.subjects:
                        yield from _of(opened, what, data, record, subject)


def _of(opened: Opened, what: str, data: DataSet, record: Record, subject: Subject) -> Iterator[Cell]:
    kind, attacks = subject.kind, opened.config.attacks
    if what == "score" or (what == "certificate" and kind == "certified"):
        yield Cell(what, data, record, subject)
    if what == "transferred" and not (attacks.transferred or kind == "none"):
        return
    if what == "adaptive" and not (attacks.adaptive and kind != "none"):
        return
    if what in ("transferred", "adaptive"):  # on the undefended metric they are one: done once, as the former
        for attack in attacks.names:
            there = opened.attacks.get((subject.metric, attack))
            for budget in attacks.budgets:
                if there is not None and budget.partition(":")[0] in there.norms:
                    yield Cell(what, data, record, subject, attack, budget)
