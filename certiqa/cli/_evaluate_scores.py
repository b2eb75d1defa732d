"""``--scores`` of ``certiqa evaluate``: a store that is gone on from, or a table that is written at the end."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, Any

from certiqa.cli._outputs import check_writable, write_atomically
from certiqa.errors import InputError
from certiqa.evaluation.store import ScoreStore

__all__ = ["scores_output", "write_csv"]

_CSV_HEAD = b"data,metric,name,content,mos,score,sha256"


def scores_output(given: str | None, others: Iterable[Path]) -> tuple[ScoreStore | None, Path | None]:
    """The store of a .jsonl, or the path of a .csv that can be written to.

    Args:
        given: the name.
        others: the files that --json writes.

    Raises:
        InputError: it cannot be written to, is of another kind, or is what --json writes.
    """
    if given is None:
        return None, None
    path = Path(given)
    kind = path.suffix.lower()
    if kind not in (".jsonl", ".csv"):
        raise InputError.of("--scores", "must be a name ending in .jsonl or .csv", given)
    if path.resolve() in {other.resolve() for other in others}:
        raise InputError.of("--scores", "must be another file than --json, which replaces it", given, "Rename one.")
    if kind == ".jsonl":
        return ScoreStore(path), None
    check_writable(path, "--scores")
    if path.exists() and not _is_ours(path):
        rule = "must be new, or a file of scores that certiqa wrote, which is then replaced"
        raise InputError.of("--scores", rule, given, "Name another file.")
    return None, path


def _is_ours(path: Path) -> bool:
    return path.is_file() and path.read_bytes().startswith(_CSV_HEAD)


def write_csv(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """One line per image and metric.

    Raises:
        InputError: the file cannot be written.
    """

    def write(file: IO[bytes]) -> None:
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        file.write(text.getvalue().encode())

    write_atomically(path, write)
