"""One whole line at the end of a file, or none: what the stores of scores and of records are written by."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from certiqa.errors import InputError

__all__ = ["append_line", "cut"]


def append_line(path: Path, line: bytes) -> None:
    """Write ``line`` at the end.

    Raises:
        InputError: the file cannot be written; it then ends as it did before.
    """
    with _told(path), path.open("ab", buffering=0) as file:
        end = file.tell()
        if file.write(line) != len(line):
            file.truncate(end)
            raise OSError("no space left for the whole line")


def cut(path: Path, length: int) -> None:
    """Take away what a killed run left behind the last whole line.

    Raises:
        InputError: the file cannot be written.
    """
    with _told(path):
        os.truncate(path, length)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(f"Cannot write {str(path)!r}: {error.strerror or error}.") from error
