"""``certiqa samples``."""

from __future__ import annotations

import typer

__all__ = ["samples"]


def samples() -> None:
    """List the sample photographs.

    sample:NAME stands for one of them wherever an image is asked for.
    """
    from certiqa import samples as photographs

    for name in photographs.names():
        typer.echo(f"sample:{name}  {photographs.path(name)}")
