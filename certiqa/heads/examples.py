"""Examples: the numbers of rated pictures and of crops of them, which is all that a head ever sees."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from certiqa.data.sets.dataset import DataSet
from certiqa.data.sets.record import Record
from certiqa.data.splits import fold, is_validation
from certiqa.errors import InputError
from certiqa.frontends import FrontEnd
from certiqa.training.draws import generator

__all__ = ["Examples", "Report", "from_datasets", "is_development"]

Floats = npt.NDArray[np.float64]
Report = Callable[[int, int], None]

DEVELOPMENT_ONE_IN = 5
_SALT = "energies-dev"
_GRAIN = 16  # so that few sizes occur, and what depends on the size is computed once


def is_development(content: str) -> bool:
    """Whether a content outside the validation part is kept apart to choose by: one in five."""
    return not is_validation(content) and fold(content, DEVELOPMENT_ONE_IN, salt=_SALT) == 0


@dataclass(frozen=True, eq=False)
class Examples:
    """Rated pictures as a front end gives them.

    Attributes:
        numbers: float32 (views, N, m). The first view is the whole picture, the others are crops of it.
        scores: (N,) human scores, mapped linearly from the range of their scale to 0..100, higher is better.
        groups: (N,) the number of the data set: correlations are taken within one only.
        contents: what each picture shows.
        kinds: the name of each picture's kind of source; by default that of its data set.
        front_end: the digest of what made the numbers.
    """

    numbers: npt.NDArray[np.float32] = field(repr=False)
    scores: Floats = field(repr=False)
    groups: npt.NDArray[np.intp] = field(repr=False)
    contents: tuple[str, ...] = field(repr=False)
    kinds: tuple[str, ...] = field(repr=False)
    front_end: str

    def __len__(self) -> int:
        return len(self.scores)

    def where(self, keep: Callable[[str], bool]) -> Examples:
        """Those whose content is to be kept."""
        rows = [row for row, content in enumerate(self.contents) if keep(content)]
        return replace(
            self,
            numbers=self.numbers[:, rows],
            scores=self.scores[rows],
            groups=self.groups[rows],
            contents=tuple(self.contents[row] for row in rows),
            kinds=tuple(self.kinds[row] for row in rows),
        )

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all of it."""
        found = hashlib.sha256(self.front_end.encode())
        for array in (self.numbers, self.scores, self.groups):
            found.update(str(array.shape).encode() + np.ascontiguousarray(array).tobytes())
        found.update("\n".join((*self.contents, *self.kinds)).encode())
        return found.hexdigest()


def from_datasets(
    front_end: FrontEnd,
    datasets: Sequence[DataSet],
    *,
    part: str = "fit",
    crops: int = 0,
    seed: int = 0,
    kind: Callable[[DataSet, Record], str] = lambda dataset, record: dataset.name,
    report: Report = lambda done, total: None,
) -> Examples:
    """Read the pictures of one part of data sets and apply the front end to each, and to random crops of it.

    A crop is a square whose side is drawn between 56 and 100 % of the shorter side and rounded to a multiple of 16, at
    a random place, mirrored half of the time; it has the human score of its picture. The numbers are computed in
    float32 (``front_end.of_tensor``), whose rounding is far below any noise level.

    Args:
        front_end: one that gives numbers.
        datasets: with human scores.
        part: as a data set's ``part`` knows it.
        crops: of every picture.
        seed: of the crops.
        kind: the name of a picture's kind of source.
        report: called after every picture with (done, of).

    Raises:
        InputError: the front end gives pictures, or there is nothing to read. ImageError: a picture does not decode.
    """
    if len(front_end.output_shape(512, 512)) != 1:
        raise InputError.of("front_end", "must be one that gives numbers, not pictures", front_end.name)
    parts = [dataset.part(part) for dataset in datasets]
    total = sum(map(len, parts))
    if not total:
        raise InputError.of("data", "must hold pictures outside the validation part", 0)
    numbers: list[npt.NDArray[np.float32]] = []
    scores: list[float] = []
    groups: list[int] = []
    contents: list[str] = []
    kinds: list[str] = []
    for group, dataset in enumerate(parts):
        low, high = dataset.mos_range
        for record, picture in dataset.images():
            values = torch.from_numpy(picture.as_float())
            views = [values, *(_crop(values, seed, f"{dataset.name}/{record.content}", one) for one in range(crops))]
            numbers.append(np.stack([front_end.of_tensor(view[None])[0].numpy() for view in views]))
            share = (record.mos - low) / (high - low)
            scores.append(100 * (1 - share if dataset.lower_better else share))
            groups.append(group)
            contents.append(record.content)
            kinds.append(kind(dataset, record))
            report(len(scores), total)
    stacked = np.stack(numbers, axis=1)
    own = np.array(groups, dtype=np.intp)
    return Examples(stacked, np.array(scores), own, tuple(contents), tuple(kinds), front_end.digest)


def _crop(values: Tensor, seed: int, name: str, number: int) -> Tensor:
    rng = generator(seed, "crop", name, number)
    height, width = values.shape[1:]
    short = min(height, width)
    side = min(short, max(_GRAIN, _GRAIN * round(short * float(rng.uniform(0.56, 1.0)) / _GRAIN)))
    top, left = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
    window = values[:, top : top + side, left : left + side]
    return window.flip(2) if rng.random() < 0.5 else window
