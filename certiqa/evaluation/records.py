"""A file of results that grows line by line: a run that was killed goes on where it stopped.

JSON lines, each with a key that says what was computed, of what and how. A line cut by a crash is dropped before the
next one is written; a file of another kind is refused.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from certiqa.errors import InputError
from certiqa.evaluation._lines import RECORDS_BEGIN, append_line, cut

__all__ = ["RecordStore"]


class RecordStore:
    """The file.

    Args:
        path: of a .jsonl file; made when the first record is added.
        option: what errors call it.

    Raises:
        InputError: the file is there and is not such a file, or its folder cannot be written to.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "records.jsonl")
    ...     RecordStore(path).add("what was computed", {"score": 0.5})
    ...     RecordStore(path).get("what was computed"), RecordStore(path).get("something else")
    ({'score': 0.5}, None)
    """

    def __init__(self, path: str | os.PathLike[str], option: str = "store") -> None:
        self.path, self._option = Path(path), option
        self._records: dict[str, dict[str, Any]] = {}
        self._torn_at: int | None = None
        if self.path.exists():
            self._read()
        elif not os.access(self.path.parent, os.W_OK):
            raise InputError.of(option, "must be in a folder that can be written to", str(path))

    def __len__(self) -> int:
        return len(self._records)

    def get(self, key: str | None) -> dict[str, Any] | None:
        """The record of this key; None if there is none, or for the key None."""
        return None if key is None else self._records.get(key)

    def add(self, key: str | None, record: dict[str, Any]) -> None:
        """Write one line; with the key None it is never found again.

        Raises:
            InputError: the file cannot be written.
        """
        line = json.dumps({"key": key, "record": record}, allow_nan=False).encode() + b"\n"
        if self._torn_at is not None:
            cut(self.path, self._torn_at)
            self._torn_at = None
        append_line(self.path, line)
        if key is not None:
            self._records[key] = record

    def _read(self) -> None:
        try:
            data = self.path.read_bytes()
        except OSError as error:
            rule = f"must be a file of records ({error.strerror})"
            raise InputError.of(self._option, rule, str(self.path)) from error
        whole = data.rfind(b"\n") + 1
        for number, line in enumerate(data[:whole].splitlines(), 1):
            try:
                fields = json.loads(line)
                key, record = fields["key"], fields["record"]
                if not isinstance(record, dict):
                    raise TypeError
            except (ValueError, KeyError, TypeError):
                self._refuse(f"line {number} of another kind")
            if isinstance(key, str):
                self._records[key] = record
        if whole < len(data):
            self._torn_at = whole
            if not data[whole:].startswith(RECORDS_BEGIN[: len(data) - whole]):
                self._refuse("a last line of another kind")

    def _refuse(self, found: str) -> None:
        rule = f"must be new, or a file of records that certiqa wrote; it has {found}"
        raise InputError.of(self._option, rule, str(self.path), "Name another file.")
