"""What a training says while it runs and when it is done."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from certiqa._progress import bar
from certiqa.training.task import Report
from certiqa.training.trained import Trained

__all__ = ["reporting", "say_end"]


@contextlib.contextmanager
def reporting(out: str, *, watched: bool, instead: str) -> Iterator[Report]:
    """A bar, and a line for every look.

    Args:
        out: the file that the weights go to.
        watched: False: nothing is shown.
        instead: what of the step is told where there is no development part to look at.
    """
    with bar(Path(out).name) if watched else contextlib.nullcontext() as progress:

        def report(step: int, steps: int, record: dict[str, Any]) -> None:
            if progress:
                progress(step, steps)
            if watched and record:
                told = record["validation"] or {instead: record.get(instead)}
                typer.echo(f"step {step}/{steps} {json.dumps(told)}")

        yield report


def say_end(done: Trained) -> None:
    """Which weights were kept, and their digest."""
    resumed = f", resumed at step {done.resumed_at}" if done.resumed_at else ""
    early = ", stopped early" if done.stopped_early else ""
    typer.echo(f"{done.path}: the weights of step {done.kept_step} of {done.steps}{resumed}{early}")
    typer.echo(f"sha256 {done.sha256}")
