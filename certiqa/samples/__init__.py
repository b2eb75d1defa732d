"""Photographs for the first command and the examples: public domain or CC0, unchanged; README.md names their authors.

They are no data set: nobody rated them.
"""

from __future__ import annotations

from pathlib import Path

from certiqa.errors import UnknownNameError

__all__ = ["names", "path"]

_FOLDER = Path(__file__).resolve().parent
_FILES = {"astronaut": "astronaut.png", "chelsea": "chelsea.png", "coffee": "coffee.png", "rocket": "rocket.jpg"}


def names() -> tuple[str, ...]:
    """The names that :func:`path` knows, sorted.

    >>> names()
    ('astronaut', 'chelsea', 'coffee', 'rocket')
    """
    return tuple(sorted(_FILES))


def path(name: str) -> Path:
    """The file of a sample image.

    Raises:
        UnknownNameError: no such sample (an InputError); near names are suggested.

    >>> path("coffee").name
    'coffee.png'
    """
    if name not in _FILES:
        raise UnknownNameError.among("sample", name, _FILES)
    return _FOLDER / _FILES[name]
