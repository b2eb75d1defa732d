"""A data set that was opened: checked rows, with the images still on disk."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from certiqa.data.sets.problem import Problem
from certiqa.data.sets.record import Record
from certiqa.data.splits import is_validation
from certiqa.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from certiqa.data.cache import DecodingCache
    from certiqa.data.images import Picture

__all__ = ["PARTS", "DataSet"]

OFFICIAL = ("train", "val", "test")
PARTS = ("all", "fit", "validation", *OFFICIAL)
"""What :meth:`DataSet.part` knows."""


@dataclass(frozen=True)
class DataSet:
    """A data set with human scores.

    Attributes:
        name: of the reader.
        root: the folder it was opened at.
        records: the images, in the table's order.
        mos_range: (lowest, highest) of the scale, not of this sample.
        lower_better: True for DMOS, where a higher number is a worse image.
        licence: as far as it is known.
        paper: where it comes from.
        problems: what was left out with ``skip_bad=True``; empty otherwise.
        notes: choices that were made while reading, in words.
    """

    name: str
    root: Path
    records: tuple[Record, ...] = field(repr=False)
    mos_range: tuple[float, float]
    lower_better: bool
    licence: str
    paper: str
    problems: tuple[Problem, ...]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.records)

    def part(self, part: str) -> DataSet:
        """The records of one part, as a data set of its own.

        Args:
            part: one of

                * "all": every record.
                * "train", "val", "test": the OFFICIAL split, as the data set's authors published it.
                * "validation", "fit": CERTIQA'S OWN rule, :func:`certiqa.data.splits.is_validation` of the content:
                  about one content in five is validation, the rest is fit. It has nothing to do with the official
                  split: an official test image may be in either.

        Raises:
            UnknownNameError: no such part.
            InputError: the data set has no official split, or none of that name.
        """
        if part not in PARTS:
            raise UnknownNameError.among("part", part, PARTS)
        if part == "all":
            return self
        if part in OFFICIAL:
            there = sorted({record.split for record in self.records if record.split})
            if part not in there:
                has = f"the official parts {', '.join(there)}" if there else "no official split"
                remedy = "'validation' and 'fit' are certiqa's own, and always there."
                raise InputError.of("part", f"must be one that {self.name!r} has: it has {has}", part, remedy)
            kept = tuple(record for record in self.records if record.split == part)
        else:
            kept = tuple(record for record in self.records if is_validation(record.content) == (part == "validation"))
        return dataclasses.replace(self, records=kept)

    def mos(self) -> npt.NDArray[np.float64]:
        """The scores (N,), float64, in the scale and direction of the data set."""
        return np.array([record.mos for record in self.records], dtype=np.float64)

    def contents(self) -> tuple[str, ...]:
        """The content of every record: equal ones belong on one side of any split."""
        return tuple(record.content for record in self.records)

    def images(self, cache: DecodingCache | str | os.PathLike[str] | None = None) -> Iterator[tuple[Record, Picture]]:
        """Decode one image after the other, in the order of the records.

        Args:
            cache: where decoded pictures are kept (see :class:`certiqa.data.cache.DecodingCache`); None: nowhere.

        Raises:
            ImageError: an image does not decode; its path is in the message.
        """
        from certiqa.data.sets.decoding import reader

        read = reader(cache)
        for record in self.records:
            yield record, read(record.path)
