"""``certiqa data``: the data sets that can be read, and what is wrong with a copy of one."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["app"]

app = typer.Typer(rich_markup_mode=None, help="Data sets with human scores: list the readers, check a copy.")

EPILOG = """\b
Examples:
  certiqa data check koniq10k ~/data/koniq10k
  certiqa data check live ~/data/live --option scores=realigned
  certiqa data check folder ~/photos --option mos_range=0,100 --json report.json
  certiqa data check spaq ~/data/SPAQ --cache ~/decoded --skip-bad
"""


@app.callback(invoke_without_command=True)
def data(context: typer.Context) -> None:
    """Data sets with human scores: list the readers, check a copy."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(2)


@app.command(name="list")
def list_() -> None:
    """List the data sets that can be read: name, scale, which end is better, title."""
    from certiqa.data.sets.words import listing

    for line in listing():
        typer.echo(line)


@app.command(name="check", epilog=EPILOG)
def check(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The data set: see certiqa data list.")],
    root: Annotated[str, typer.Argument(metavar="ROOT", help="The folder that holds its published files.")],
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Bad rows are no error (exit 0) as long as something is left.")
    ] = False,
    json: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the report as JSON: - (stdout) or a .json file.")
    ] = None,
    decode: Annotated[
        bool,
        typer.Option("--decode/--no-decode", help="Decode every image, or look at the tables and file names only."),
    ] = True,
    cache: Annotated[
        str | None,
        typer.Option(
            metavar="DIR", help="Keep decoded images here (3 bytes a pixel); an interrupted check resumes from it."
        ),
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="An option of the reader. Repeatable.")
    ] = None,
) -> int:
    """Check a copy of a data set: tables, image files, scores; everything that is wrong is told together.

    Rows are never repaired. The exit code is 0 if nothing is wrong, else 2.
    """
    from certiqa.cli._data_check import run

    return run(name, root, skip_bad=skip_bad, decode=decode, cache=cache, json=json, options=option or [])
