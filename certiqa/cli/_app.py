"""The application: its commands, and one line on stderr for everything that goes wrong on purpose."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from importlib import metadata
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from certiqa._version import __version__
from certiqa.cli import attack, benchmark, certify, data, evaluate, models, robustness, samples, score, train
from certiqa.cli._errors import INTERRUPTED, complain
from certiqa.errors import CertiqaError

__all__ = ["app"]

_EPILOG = """\b
Examples:
  certiqa certify sample:coffee                      a photograph of the package, the built-in model
  certiqa certify photo.jpg --eps psnr:75            the tightest bound at one size of attack
  certiqa certify photos/*.jpg --json out.jsonl      many images, one JSON line each
  certiqa score photo.jpg                            the bare metric, nothing certified
  certiqa certify --help                             all options, more examples
"""


class _OneLineErrors(TyperGroup):
    """A group whose errors are one line each and whose commands return the exit code."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> NoReturn:
        """Run, and exit."""
        try:
            code = super().main(args, prog_name, complete_var, False, windows_expand_args, **extra)
        except CertiqaError as error:
            code = complain(error)
        except typer.Abort:
            code = INTERRUPTED
        except Exception as error:
            message = getattr(error, "format_message", None)  # typer's own, whichever parser it brings along
            text = message() if message else _out_of_memory(error)
            if text is None:
                raise
            code = complain(text)
        sys.exit(code if isinstance(code, int) else 0)


def _out_of_memory(error: Exception) -> str | None:
    """What to say of it; None where it is another error."""
    from certiqa.smoothing.base import OUT_OF_MEMORY, is_out_of_memory

    return f"{OUT_OF_MEMORY} ({type(error).__name__})." if is_out_of_memory(error) else None


app = typer.Typer(
    name="certiqa",
    cls=_OneLineErrors,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=_EPILOG,
)
app.command(name="certify", epilog=certify.EPILOG)(certify.certify)
app.command(name="score", epilog=score.EPILOG)(score.score)
app.command(name="evaluate", epilog=evaluate.EPILOG)(evaluate.evaluate)
app.command(name="attack", epilog=attack.EPILOG)(attack.attack)
app.command(name="robustness", epilog=robustness.EPILOG)(robustness.robustness)
app.command(name="benchmark", epilog=benchmark.EPILOG)(benchmark.benchmark)
app.command(name="models", epilog=models.EPILOG)(models.models)
app.command(name="samples")(samples.samples)
app.add_typer(data.app, name="data")
app.add_typer(train.app, name="train")


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"certiqa {__version__} (torch {metadata.version('torch')}, Python {platform.python_version()})")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def certiqa(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the versions and exit.")
    ] = False,
) -> None:
    """Prove how far an attack can move the score of an image-quality metric."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(2)
