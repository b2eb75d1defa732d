"""Files that grow line by line, the stores of scores and of records: how they begin, and how a line is added whole."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from certiqa.errors import InputError

__all__ = ["RECORDS_BEGIN", "SCORES_BEGIN", "append_line", "cut", "is_store"]

SCORES_BEGIN, RECORDS_BEGIN = b'{"identity"', b'{"key"'
"""How every line of a store of scores begins, and every line of a store of records."""


def is_store(path: Path) -> bool:
    """Whether a file is one of the two, by its beginning: what hours may have gone into, and nothing should replace."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return file.read(len(SCORES_BEGIN)).startswith((SCORES_BEGIN, RECORDS_BEGIN))
    except OSError:
        return False


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
