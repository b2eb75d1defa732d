"""The pictures with human scores, in memory; crops of them; and which of them are kept apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from certiqa.data import open_dataset
from certiqa.data.splits import fold, is_validation

__all__ = [
    "SOURCES",
    "Picture",
    "Rated",
    "clean_photographs",
    "crop",
    "endless",
    "is_dev",
    "kind_of",
    "read",
    "to_tensor",
]

SOURCES = ("agiqa3k", "livec")
GENERATORS = ("AttnGAN", "DALLE2", "glide", "midjourney_lowstep", "midjourney_normal", "sd1.5", "xl2.2")
CAMERA = len(GENERATORS)


Picture = np.ndarray | tuple[np.ndarray, ...]


@dataclass(frozen=True)
class Rated:
    """Images with human scores: uint8 (H, W, 3), scores mapped to 0-100, what each shows, and where it comes from.

    An image may be a tuple: the same picture in several sizes, the first of which is the one that is measured.
    """

    images: list[Picture]
    scores: np.ndarray
    contents: list[str]
    kinds: np.ndarray

    def where(self, keep: Callable[[str], bool]) -> Rated:
        rows = [i for i, content in enumerate(self.contents) if keep(content)]
        return Rated(
            [self.images[i] for i in rows], self.scores[rows], [self.contents[i] for i in rows], self.kinds[rows]
        )


def read(data: Path, source: str) -> Rated:
    """Everything but the validation part."""
    rated = open_dataset(source, data / source).part("fit")
    low, high = rated.mos_range
    pixels = [np.asarray(Image.open(record.path).convert("RGB")) for record in rated.records]
    kinds = np.array([kind_of(record.name) if source == "agiqa3k" else CAMERA for record in rated.records])
    return Rated(pixels, (rated.mos() - low) * 100 / (high - low), list(rated.contents()), kinds)


def kind_of(name: str) -> int:
    """Which generator made a picture of AGIQA-3K, by its file name; the four settings of SD 1.5 are one."""
    return next(index for index, generator in enumerate(GENERATORS) if name.startswith(generator))


def clean_photographs(data: Path) -> list[np.ndarray]:
    """The clean photographs of DIR/kodak24, uint8 (H, W, 3)."""
    return [np.asarray(Image.open(path).convert("RGB")) for path in sorted((data / "kodak24").glob("*.png"))]


def is_dev(content: str) -> bool:
    """One content in eight of those that are not validation."""
    return not is_validation(content) and fold(content, 8, salt="development:") == 0


def endless(count: int, rng: np.random.Generator) -> Iterator[int]:
    """Every index once in a fresh random order, again and again."""
    while True:
        yield from rng.permutation(count).tolist()


def crop(image: Picture, size: int, rng: np.random.Generator) -> np.ndarray:
    """A random (size, size, 3) window of a random size of the picture, mirrored left to right half of the time."""
    if isinstance(image, tuple):
        image = image[int(rng.integers(len(image)))]
    top, left = (int(rng.integers(0, side - size + 1)) for side in image.shape[:2])
    window = image[top : top + size, left : left + size]
    return window[:, ::-1] if rng.random() < 0.5 else window


def to_tensor(images: np.ndarray) -> Tensor:
    """uint8 (B, H, W, 3) -> float (B, 3, H, W) in [0, 1], channels last."""
    return torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float().div_(255)
