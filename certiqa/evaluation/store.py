"""A file of scores that grows line by line: a run that was killed goes on where it stopped.

JSON lines. A score is found again by the identity of the metric and the digest of the picture's pixels, never by a file
name: a changed image, other weights or another arithmetic can then never bring an old score. Each line is one write at
the end of the file; a line cut by a crash is dropped before the next one is written.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import math
import os
from pathlib import Path
from typing import Any

import torch

from certiqa import _provenance as provenance
from certiqa.errors import InputError
from certiqa.evaluation._lines import SCORES_BEGIN, append_line, cut

__all__ = ["ScoreStore", "score_identity"]


def score_identity(metric: object, dtype: torch.dtype, device: torch.device) -> str | None:
    """A digest of what makes the scores what they are; None for what has no fingerprint (a plain function).

    Of the metric's name, class, parameters, buffers and card, the file that defines its class, the arithmetic, the kind
    of device and the versions of certiqa and torch.
    """
    weights = provenance.model_sha256(metric)
    if weights is None:
        return None
    card = getattr(metric, "card", None)
    versions = provenance.versions()
    parts = (
        provenance.model_name(metric),
        weights,
        repr(card),
        _source_sha256(type(metric)),
        str(dtype),
        device.type,
        versions["certiqa"],
        versions["torch"],
    )
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _source_sha256(kind: type) -> str:
    try:
        return hashlib.sha256(Path(inspect.getsourcefile(kind) or "").read_bytes()).hexdigest()
    except (OSError, TypeError):
        return ""


class ScoreStore:
    """The file.

    Args:
        path: of a .jsonl file; made when the first score is added.

    Raises:
        InputError: the file is there and is not such a file, or its folder cannot be written to.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "scores.jsonl")
    ...     ScoreStore(path).add("metric", "picture", 0.5, name="a.png")
    ...     ScoreStore(path).get("metric", "picture"), ScoreStore(path).get("other", "picture")
    (0.5, None)
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._scores: dict[tuple[str, str], float] = {}
        self._torn_at: int | None = None
        if self.path.exists():
            self._read()
        elif not os.access(self.path.parent, os.W_OK):
            raise InputError.of("scores", "must be in a folder that can be written to", str(path))

    def __len__(self) -> int:
        return len(self._scores)

    def get(self, identity: str | None, picture_sha256: str) -> float | None:
        """The score of these pixels by this metric, or None."""
        return None if identity is None else self._scores.get((identity, picture_sha256))

    def add(self, identity: str | None, picture_sha256: str, score: float, **facts: Any) -> None:
        """Write one line.

        Raises:
            InputError: the file cannot be written.
        """
        line = {"identity": identity, "sha256": picture_sha256, "score": score, **facts}
        text = json.dumps(line, allow_nan=False).encode() + b"\n"
        if self._torn_at is not None:
            cut(self.path, self._torn_at)
            self._torn_at = None
        append_line(self.path, text)
        if identity is not None:
            self._scores[identity, picture_sha256] = score

    def _read(self) -> None:
        try:
            data = self.path.read_bytes()
        except OSError as error:
            raise InputError.of("scores", f"must be a file of scores ({error.strerror})", str(self.path)) from error
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            self._torn_at = whole
        for number, line in enumerate(data[:whole].splitlines(), 1):
            self._take(line, number)
        if self._torn_at is not None and not data[whole:].startswith(SCORES_BEGIN[: len(data) - whole]):
            self._refuse("a last line of another kind")

    def _take(self, line: bytes, number: int) -> None:
        try:
            fields = json.loads(line)
            identity, picture, score = fields["identity"], fields["sha256"], fields["score"]
            if not isinstance(picture, str) or not isinstance(score, int | float) or not math.isfinite(score):
                raise TypeError
        except (ValueError, KeyError, TypeError):
            self._refuse(f"line {number} of another kind")
        if isinstance(identity, str):
            self._scores[identity, picture] = float(score)

    def _refuse(self, found: str) -> None:
        rule = f"must be new, or a file of scores that certiqa wrote; it has {found}"
        raise InputError.of("scores", rule, str(self.path), "Name another file.")
