"""What is known of a data set before it is opened, as data."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Facts"]


@dataclass(frozen=True)
class Facts:
    """A data set's facts.

    Attributes:
        name: as :func:`certiqa.data.open_dataset` knows it.
        title: as its authors call it.
        files: what is expected below the root, in words.
        mos_range: (lowest, highest) of the scale; None where the user must say it.
        lower_better: True for DMOS, where a higher number is a worse image; None where the user must say it.
        content: what one content is, in words.
        split: the official split, in words; "none" if there is none.
        licence: as far as it is known.
        paper: where it comes from.
        accepted: what lies outside is refused as a typing or conversion error; None: ``mos_range``.
        images: how many are published; None where nothing is.
        named: what its images are called, as a regular expression for the name without its folder; empty: not known.
        example: such a name.
    """

    name: str
    title: str
    files: tuple[str, ...]
    mos_range: tuple[float, float] | None
    lower_better: bool | None
    content: str
    split: str
    licence: str
    paper: str
    accepted: tuple[float, float] | None = None
    images: int | None = None
    named: str = ""
    example: str = ""
