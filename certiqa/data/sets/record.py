"""One image of a data set, with its human score."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["Record"]


@dataclass(frozen=True)
class Record:
    """One rated image; everything in it was checked when the data set was opened.

    Attributes:
        path: the file, which exists below the data set's root.
        name: as the table names it.
        mos: in the data set's own scale and direction; finite, and on the scale.
        std: standard deviation of the ratings of this image, if it is published on the same scale as ``mos``.
        content: what must not be split: the reference image, the prompt, or the image itself.
        split: the official one: "train", "val", "test"; None if there is none.
        row: row of the table, counted from 1 as an editor or a spreadsheet counts it (a header is a row too).
    """

    path: Path
    name: str
    mos: float
    std: float | None
    content: str
    split: str | None
    row: int
