"""``certiqa train``: denoisers for denoised smoothing, metrics with a defence, and heads behind a front end."""

from __future__ import annotations

from typing import Annotated

import typer

from certiqa.cli import _train_defense, _train_head

__all__ = ["app"]

app = typer.Typer(rich_markup_mode=None, help="Train networks.")

EPILOG = """\b
Examples:
  certiqa train denoiser --data photos/ --sigma 0.12 --out mine.safetensors
  certiqa train denoiser --data livec:DIR --data agiqa3k:DIR --loss mse=1 --loss target=0.01 --loss ranking=0.01
      --start mine.safetensors --out mine-iqa.safetensors
  certiqa train denoiser --data photos/ --sigma 0.12 --out mine.safetensors --resume
  torchrun --nproc-per-node 4 -m certiqa train denoiser --data photos/ --batch 64 --out mine.safetensors
  certiqa certify photo.jpg --denoiser mine.safetensors

--data is a folder with images, or NAME:DIR, a data set with human scores (certiqa data list). Images whose content is
of the validation part (certiqa.data.splits) are never read; one content in eight of the others is kept apart for
--patience and for the figures of the log. Beside --out stand OUT.checkpoint and OUT.jsonl.
"""

_SIGMA = "Standard deviation of the noise, or LOW:HIGH, drawn anew for every window."
_LOSS = "mse, target or ranking, with a weight: target=0.01. Repeat for a sum. Default: mse."


@app.callback(invoke_without_command=True)
def train(context: typer.Context) -> None:
    """Train networks."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(2)


@app.command(name="denoiser", epilog=EPILOG)
def denoiser(
    data: Annotated[list[str], typer.Option(metavar="DIR", help="Images, or NAME:DIR. Repeat for several.")],
    out: Annotated[str, typer.Option(metavar="FILE", help="The weights: a .safetensors file.")],
    loss: Annotated[list[str] | None, typer.Option(metavar="L", help=_LOSS)] = None,
    ranking: Annotated[str, typer.Option(help="The form of the ranking loss: margin or soft-rank.")] = "margin",
    sigma: Annotated[str, typer.Option(metavar="S", help=_SIGMA)] = "0.05:0.5",
    architecture: Annotated[str, typer.Option(help="unet-small, unet-medium, dncnn-small, dncnn-17.")] = "unet-small",
    metric: Annotated[str, typer.Option(help="For target and ranking: a name, or python:MODULE:NAME.")] = "builtin",
    start: Annotated[str | None, typer.Option(help="Weights to begin with: a name, or a .safetensors file.")] = None,
    steps: Annotated[int, typer.Option(help="Updates.")] = 10_000,
    batch: Annotated[int, typer.Option(help="Windows per update, over all processes.")] = 16,
    crop: Annotated[int, typer.Option(help="Side of the windows.")] = 128,
    lr: Annotated[float, typer.Option(help="Highest learning rate.")] = 1e-3,
    patience: Annotated[
        int, typer.Option(help="Stop after so many looks without a lower validation loss, keep the best; 0: never.")
    ] = 0,
    validate_every: Annotated[int, typer.Option(metavar="N", help="Updates between two looks.")] = 250,
    checkpoint_every: Annotated[int, typer.Option(metavar="N", help="Updates between two checkpoints.")] = 100,
    seed: Annotated[int, typer.Option(help="Of the first weights, the windows and the noise.")] = 0,
    precision: Annotated[str, typer.Option(help="bfloat16 (autocast) or float32.")] = "bfloat16",
    licence: Annotated[str, typer.Option(help="Of the weights, for their header.")] = "unstated",
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1. Default: a GPU if there is one.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint, if there is one.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> int:
    """Train a denoiser; a run that was killed goes on with --resume to the same weights."""
    from certiqa.cli._train_run import run

    return run(
        data=data,
        out=out,
        losses=loss or ["mse"],
        sigma=sigma,
        precision=precision,
        metric=metric,
        start=start,
        device=device,
        resume=resume,
        quiet=quiet,
        licence=licence,
        settings={
            "architecture": architecture,
            "ranking_kind": ranking,
            "steps": steps,
            "batch": batch,
            "crop": crop,
            "lr": lr,
            "patience": patience,
            "validate_every": validate_every,
            "checkpoint_every": checkpoint_every,
            "seed": seed,
        },
    )


app.command(name="defense", epilog=_train_defense.EPILOG)(_train_defense.defense)
app.command(name="head", epilog=_train_head.EPILOG)(_train_head.head)
