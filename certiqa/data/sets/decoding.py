"""Decode the images of records: through the one gate, with or without a cache."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from certiqa.data.cache import DecodingCache
from certiqa.data.images import Picture, read_image
from certiqa.data.sets.problem import Problem
from certiqa.data.sets.record import Record
from certiqa.errors import ImageError

__all__ = ["Decoded", "decode_all", "reader"]


@dataclass(frozen=True)
class Decoded:
    """What came of decoding all images.

    Attributes:
        records: those whose image decodes.
        problems: one for each of the others.
        sizes: (width, height) -> how many images.
    """

    records: tuple[Record, ...]
    problems: tuple[Problem, ...]
    sizes: Counter[tuple[int, int]]


def reader(cache: DecodingCache | str | os.PathLike[str] | None) -> Callable[[Path], Picture]:
    """What turns a path into a picture."""
    if cache is None:
        return read_image
    return (cache if isinstance(cache, DecodingCache) else DecodingCache(cache)).read


def decode_all(
    records: Sequence[Record],
    cache: DecodingCache | str | os.PathLike[str] | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Decoded:
    """Decode every image, keep none; an image that does not decode is a problem, not an exception."""
    read, sizes, good, problems = reader(cache), Counter[tuple[int, int]](), [], []
    for done, record in enumerate(records, 1):
        try:
            picture = read(record.path)
        except ImageError as error:
            problems.append(Problem("corrupt", str(error), record.name, record.row))
        else:
            good.append(record)
            sizes[picture.width, picture.height] += 1
        progress(done, len(records))
    return Decoded(tuple(good), tuple(problems), sizes)
