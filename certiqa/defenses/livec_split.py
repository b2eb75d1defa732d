"""The NT paper's own split of LIVE In the Wild, for those who have the whole data set.

The package carries the names of the training images; every other image of LIVEC is a test image. The list names 929
images, which leaves 233 of 1162 for the test; the paper speaks of 930 and 232.

>>> len(training_names()), is_nt_test("10.bmp"), is_nt_test("10.jpg")
(929, False, False)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Literal

from certiqa.data.sets.livec import content
from certiqa.data.splits import content_key, fold
from certiqa.errors import InputError
from certiqa.training.pictures import DEVELOPMENT_ONE_IN, Part, part_of

if TYPE_CHECKING:
    from certiqa.data.sets.dataset import DataSet

__all__ = ["SPLITS", "Split", "is_nt_test", "nt_part_of", "nt_test_part", "splitting", "training_names"]

Split = Literal["certiqa", "nt-livec"]
SPLITS = ("certiqa", "nt-livec")


@lru_cache(maxsize=1)
def training_names() -> frozenset[str]:
    """The contents of the training part: the keys of the file names, with .bmp spelled .jpg."""
    text = resources.files("certiqa.defenses").joinpath("livec_nt_training.txt").read_text(encoding="utf-8")
    return frozenset(content_key(line) for line in text.splitlines() if line and not line.startswith("#"))


def is_nt_test(image: str) -> bool:
    """Whether an image of LIVEC, by its file name in any packing, is in the test part of the paper."""
    return content_key(content(image)) not in training_names()


def nt_part_of(image: str) -> Part:
    """Where an image of LIVEC goes: one in eight of the training names for development, by hash; test images nowhere.

    >>> nt_part_of("10.bmp"), nt_part_of("not on the list.bmp")
    ('fit', None)
    """
    if is_nt_test(image):
        return None
    return "development" if fold(content(image), DEVELOPMENT_ONE_IN, salt="development:") == 0 else "fit"


def splitting(split: Split) -> Callable[[str], Part]:
    """The rule of a split, for :class:`certiqa.training.pictures.ImagePool`."""
    return nt_part_of if split == "nt-livec" else part_of


def nt_test_part(dataset: DataSet) -> DataSet:
    """The test part of the paper out of the whole of LIVEC.

    Raises:
        InputError: another data set, or one that holds none of the test images (a copy without them, say).
    """
    if dataset.name != "livec":
        raise InputError.of("dataset", "must be 'livec': the split is one of its images", dataset.name)
    kept = tuple(record for record in dataset.records if is_nt_test(record.content))
    if not kept:
        rule = f"must hold images that are not on the list of the training part; all {len(dataset)} are"
        raise InputError.of("dataset", rule, str(dataset.root), "Open the whole of LIVEC.")
    return dataclasses.replace(dataset, records=kept)
