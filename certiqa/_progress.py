"""A progress bar on stderr."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from certiqa.smoothing.sampler import Progress

__all__ = ["bar"]


@contextlib.contextmanager
def bar(name: str) -> Iterator[Progress]:
    """A bar that disappears when it is done; where stderr is no terminal, nothing is shown."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda done, total: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bars(*columns, console=console, transient=True) as bars:
        task = bars.add_task(name, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)
