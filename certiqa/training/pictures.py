"""The images of a training run: from folders and data sets, split by content, decoded once as far as memory allows."""

from __future__ import annotations

import hashlib
import math
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from certiqa.data.images import read_image
from certiqa.data.splits import fold, is_validation
from certiqa.errors import InputError

if TYPE_CHECKING:
    from certiqa.data.sets.dataset import DataSet

__all__ = [
    "ImagePool",
    "Part",
    "TrainingImage",
    "from_dataset",
    "from_folder",
    "is_development",
    "part_of",
    "renumbered",
]

ENDINGS = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp")
DEVELOPMENT_ONE_IN = 8
MEMORY_BYTES = 6 * 2**30

Pixels = npt.NDArray[np.uint8]
Part = Literal["fit", "development"] | None
"""Where an image of a content goes; None: it is never read."""


@dataclass(frozen=True)
class TrainingImage:
    """One image that training may look at.

    Attributes:
        source: its file, or its pixels, uint8 (3, H, W).
        content: what it shows (:mod:`certiqa.data.splits`).
        mos: the human score, higher is better, in standard deviations of its group; NaN where there is none.
        group: the number of its folder or data set: human scores are compared within one only.
    """

    source: Path | Pixels
    content: str
    mos: float = math.nan
    group: int = 0

    def read(self) -> Pixels:
        """The pixels, uint8 (3, H, W); intensities off the 8-bit grid are rounded to it.

        Raises:
            ImageError: the file is no such image.
        """
        if isinstance(self.source, np.ndarray):
            return self.source
        picture = read_image(self.source)
        return picture.pixels if picture.on_grid else np.rint(255 * picture.as_float()).astype(np.uint8)  # type: ignore[return-value]


def is_development(content: str) -> bool:
    """Whether a content belongs to the part on which early stopping looks: one in eight of those not for validation.

    >>> sum(is_development(f"{number}.jpg") for number in range(1000))
    113
    """
    return not is_validation(content) and fold(content, DEVELOPMENT_ONE_IN, salt="development:") == 0


def part_of(content: str) -> Part:
    """The package's own rule: nothing of the validation part, and one content in eight of the others for development.

    >>> [part_of(f"{number}.jpg") for number in (1, 9, 19)]
    ['fit', None, 'development']
    """
    if is_validation(content):
        return None
    return "development" if is_development(content) else "fit"


def from_folder(folder: str | os.PathLike[str], group: int = 0) -> tuple[TrainingImage, ...]:
    """Every image file of a folder and the folders below, in the order of their names; each is its own content.

    Raises:
        InputError: there is none.
    """
    root = Path(folder)
    files = sorted(path for path in root.rglob("*") if path.suffix.lower() in ENDINGS and path.is_file())
    if not files:
        raise InputError.of("data", f"must be a folder with images ({', '.join(ENDINGS)})", str(root))
    return tuple(TrainingImage(path, path.relative_to(root).as_posix(), group=group) for path in files)


def from_dataset(dataset: DataSet, group: int = 0) -> tuple[TrainingImage, ...]:
    """The images of a data set with their human scores, centred, scaled, and turned so that higher is better."""
    mos = dataset.mos()
    spread = float(mos.std()) or 1.0
    quality = (mos - mos.mean()) / spread * (-1.0 if dataset.lower_better else 1.0)
    return tuple(
        TrainingImage(record.path, record.content, float(score), group)
        for record, score in zip(dataset.records, quality, strict=True)
    )


class ImagePool:
    """The images that a run may look at, decoded: those for the fit, those for early stopping.

    Guarantee: an image for which ``part`` says None is never read; unless told otherwise, these are the images of the
    validation part (:func:`certiqa.data.splits.is_validation` of the content).

    Args:
        images: from :func:`from_folder` and :func:`from_dataset`.
        crop: every image must have this size at least.
        part: where an image goes, by its content.
        memory: so many bytes of decoded images are kept; the rest is decoded again whenever it is drawn.
        progress: called with (images read, images).

    Attributes:
        crop: the largest window that fits into every image for sure.
        fit: indices of the images to train on.
        fit_by_group: the same, data set by data set.
        development: indices of the images for early stopping.
        digest: of everything that can change the result: pixels, human scores, groups, order.

    Raises:
        InputError: nothing is left, or an image is smaller than the crop; ImageError: a file is no image.
    """

    def __init__(
        self,
        images: Iterable[TrainingImage],
        crop: int,
        *,
        part: Callable[[str], Part] = part_of,
        memory: int = MEMORY_BYTES,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> None:
        self.crop = crop
        self.images = tuple(one for one in images if part(one.content) is not None)
        self.fit = tuple(i for i, one in enumerate(self.images) if part(one.content) == "fit")
        self.development = tuple(i for i, one in enumerate(self.images) if part(one.content) == "development")
        if not self.fit:
            raise InputError.of("data", "must hold images that are not of the validation part", len(self.images))
        groups = sorted({self.images[i].group for i in self.fit})
        self.fit_by_group = tuple(tuple(i for i in self.fit if self.images[i].group == group) for group in groups)
        self._kept: dict[int, Pixels] = {}
        digest = hashlib.sha256()
        for index, (one, pixels) in enumerate(self._all()):
            if min(pixels.shape[1:]) < crop:
                size = f"{pixels.shape[2]}x{pixels.shape[1]}"
                name = str(one.source) if isinstance(one.source, Path) else one.content
                raise InputError.of("crop", f"must fit into every image; {name} has {size} pixels", crop)
            facts = f"{one.content}|{one.mos!r}|{one.group}|{pixels.shape}|{zlib.crc32(pixels.tobytes())};"
            digest.update(facts.encode())
            if memory >= pixels.nbytes:
                memory -= pixels.nbytes
                self._kept[index] = pixels
            progress(index + 1, len(self.images))
        self.digest = digest.hexdigest()

    def __len__(self) -> int:
        return len(self.images)

    def _all(self) -> Iterator[tuple[TrainingImage, Pixels]]:
        for one in self.images:
            yield one, one.read()

    def pixels(self, index: int) -> Pixels:
        """uint8 (3, H, W)."""
        kept = self._kept.get(index)
        return kept if kept is not None else self.images[index].read()


def renumbered(parts: Sequence[tuple[TrainingImage, ...]]) -> tuple[TrainingImage, ...]:
    """Several folders and data sets as one, each its own group."""
    return tuple(replace(one, group=group) for group, part in enumerate(parts) for one in part)
