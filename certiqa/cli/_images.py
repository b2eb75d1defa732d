"""Images by name: files, and the sample photographs."""

from __future__ import annotations

from pathlib import Path

__all__ = ["SAMPLE", "image_path", "numbered_stems"]

SAMPLE = "sample:"


def image_path(image: str) -> str:
    """The file that an IMAGE of the command line means.

    Raises:
        UnknownNameError: no such sample.
    """
    if not image.startswith(SAMPLE):
        return image
    from certiqa import samples

    return str(samples.path(image.removeprefix(SAMPLE)))


def numbered_stems(images: list[str]) -> list[str]:
    """A file name without ending for every image; the second of one name gets -2, and so on.

    >>> numbered_stems(["a/x.png", "b/x.jpg", "X.bmp", "sample:coffee"])
    ['x', 'x-2', 'X-3', 'coffee']
    """
    taken: set[str] = set()
    result = []
    for image in images:
        stem = Path(image.removeprefix(SAMPLE)).stem or "image"
        name, number = stem, 1
        while name.casefold() in taken:
            number += 1
            name = f"{stem}-{number}"
        taken.add(name.casefold())
        result.append(name)
    return result
