"""The validation part of the data sets with human scores: one fixed rule, by content, never by image.

Images with the same content (the photographs of one scene, the pictures generated from one prompt) fall on the same
side. The rule looks at the content's name only, so it needs no list, no seed and no order of files, and images that are
added later do not move the others.

The content of an AGIQA-3K image is its prompt; every LIVE In the Wild photograph is its own content, known by its
file name.
"""

from __future__ import annotations

import hashlib

__all__ = ["content_key", "fold", "is_validation"]

VALIDATION_ONE_IN = 5
"""About one content in five is kept for validation."""


def content_key(content: str) -> str:
    """The normal form of a content's name: outer space stripped, case folded, inner white space collapsed.

    >>> content_key("  A tray\\tof  Sushi ")
    'a tray of sushi'
    """
    return " ".join(content.casefold().split())


def is_validation(content: str) -> bool:
    """Whether a content belongs to the validation part: sha256 of its key (UTF-8, big-endian), modulo 5, is 0.

    >>> is_validation("a tray of sushi"), is_validation(" A TRAY of  sushi")
    (True, True)
    >>> sum(is_validation(f"{number}.jpg") for number in range(1000))
    188
    """
    return fold(content, VALIDATION_ONE_IN) == 0


def fold(content: str, folds: int, salt: str = "") -> int:
    """The fold in range(folds) of a content, the same on every machine; another ``salt`` gives an independent split."""
    digest = hashlib.sha256((salt + content_key(content)).encode()).digest()
    return int.from_bytes(digest, "big") % folds
