"""``certiqa train head``: its options."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["EPILOG", "head"]

EPILOG = """\b
Examples:
  certiqa train head --data livec:DIR --data agiqa3k:DIR --out mine.safetensors
  certiqa train head --data livec:DIR --psnr 36 --radius 2 --width 0.5 --out strong.safetensors
  certiqa certify photo.jpg --model mine.safetensors --n 100000

The head reads the numbers of the front end 'energies' (docs/heads.md) under the noise that its certificates need: for
attacks of --psnr at --radius standard deviations of the noise. --data is NAME:DIR, a data set with human scores
(certiqa data list). Images of the validation part (certiqa.data.splits) are never read; one content in five of the
others is kept apart for the figures of the log, unless --all. Beside --out stand OUT.checkpoint and OUT.jsonl.
"""

_WIDTH = "tau/SD that training aims at: median certified drift over the spread of the scores."


def head(
    data: Annotated[list[str], typer.Option(metavar="NAME:DIR", help="A rated data set. Repeat for several.")],
    out: Annotated[str, typer.Option(metavar="FILE", help="The weights: a .safetensors file.")],
    psnr: Annotated[float | None, typer.Option(help="Of the attacks to certify against, in dB.")] = None,
    radius: Annotated[float | None, typer.Option(help="Such an attack in standard deviations of the noise.")] = None,
    width: Annotated[float | None, typer.Option(help=_WIDTH)] = None,
    side: Annotated[int | None, typer.Option(help="Larger images are reduced to this shorter side first.")] = None,
    rings: Annotated[int | None, typer.Option(help="Rings of radial frequency.")] = None,
    orientations: Annotated[int | None, typer.Option(help="1, or 2: near the axes and oblique.")] = None,
    signed: Annotated[int | None, typer.Option(help="Side of the square of low frequencies kept as they are.")] = None,
    crops: Annotated[int, typer.Option(help="Random crops of every picture to learn from, too.")] = 0,
    hidden: Annotated[int | None, typer.Option(help="Units of a hidden layer.")] = None,
    members: Annotated[int | None, typer.Option(help="Networks whose mean is the head.")] = None,
    steps: Annotated[int | None, typer.Option(help="Updates.")] = None,
    batch: Annotated[int | None, typer.Option(help="Pictures per update.")] = None,
    draws: Annotated[int | None, typer.Option(help="Of noise per picture and update.")] = None,
    lr: Annotated[float | None, typer.Option(help="Highest learning rate.")] = None,
    weight_decay: Annotated[float | None, typer.Option(help="Of AdamW.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Learn from the development part, too.")] = False,
    validate_every: Annotated[int | None, typer.Option(metavar="N", help="Updates between two looks.")] = None,
    checkpoint_every: Annotated[int | None, typer.Option(metavar="N", help="Updates between checkpoints.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of the first weights, the batches, crops and noise.")] = None,
    licence: Annotated[str, typer.Option(help="Of the weights, for their header.")] = "unstated",
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint, if there is one.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> int:
    """Train a head for certificates behind the front end 'energies'; --resume goes on after a kill."""
    from certiqa.cli._train_head_run import run

    return run(
        data=data,
        out=out,
        crops=crops,
        everything=everything,
        licence=licence,
        resume=resume,
        quiet=quiet,
        front_end={"side": side, "rings": rings, "orientations": orientations, "signed": signed},
        settings={
            "psnr": psnr,
            "radius": radius,
            "width": width,
            "hidden": hidden,
            "members": members,
            "steps": steps,
            "batch": batch,
            "draws": draws,
            "lr": lr,
            "weight_decay": weight_decay,
            "validate_every": validate_every,
            "checkpoint_every": checkpoint_every,
            "seed": seed,
        },
    )
