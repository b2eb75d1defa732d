"""What a run leaves behind."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from certiqa.training.task import Outcome

__all__ = ["Trained"]


@dataclass(frozen=True)
class Trained:
    """What a run made.

    Attributes:
        path: of the weights.
        sha256: of that file; empty on processes that do not write it.
        steps: how many updates were done.
        kept_step: after which of them the kept weights were.
        stopped_early: whether patience ended the run.
        validation: the last look at the development part, or None if there is none.
        resumed_at: the step at which this process went on, 0 if it began.
    """

    path: Path
    sha256: str
    steps: int
    kept_step: int
    stopped_early: bool
    validation: dict[str, Any] | None
    resumed_at: int

    @classmethod
    def of(cls, path: Path, sha256: str, outcome: Outcome) -> Trained:
        """What the loop says, with the file that was written of it."""
        return cls(
            path=path,
            sha256=sha256,
            steps=outcome.steps,
            kept_step=outcome.kept_step,
            stopped_early=outcome.stopped_early,
            validation=outcome.validation,
            resumed_at=outcome.resumed_at,
        )
