"""``certiqa train defense``: its options."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["EPILOG", "defense"]

EPILOG = """\b
Examples:
  certiqa train defense --method nt --data livec:DIR --lambda 1e-3 --out mine.safetensors
  certiqa train defense --method at --data livec:DIR --data agiqa3k:DIR --eps 0.0157 --out at.safetensors
  certiqa train defense --method noise --sigma 0.12 --data livec:DIR --out noise.safetensors --resume
  certiqa train defense --method nt --model pyiqa:hyperiqa --split nt-livec --data livec:DIR --out hyper.safetensors
  torchrun --nproc-per-node 4 -m certiqa train defense --method nt --batch 64 --data livec:DIR --out mine.safetensors
  certiqa certify photo.jpg --model mine.safetensors

--data is NAME:DIR, a data set with human scores (certiqa data list). What is not given here comes from the recipe of
the model (certiqa.defenses.RECIPES), which says what of it is not published; of --steps and --epochs one is enough.
Images of the validation part (certiqa.data.splits), or of the test part of --split nt-livec, are never read; one
content in eight of the others is kept apart for --patience and for the figures of the log. Beside --out stand
OUT.checkpoint and OUT.jsonl.
"""

_LAMBDA = "Weight of the gradient norm (nt). It depends on the scale of the scores: docs/defenses.md."
_STD = "Units of --h: none (pixels in [0, 1]), imagenet, or R,G,B: after division by these."
_RANGE = "LOW:HIGH, what the ends of the human scores' scale become. Default: the metric's range, else 0:100."
_DROP = "How far labels of attacked images are lowered (at), in parts of the range."
_RAMP = "Part of the run over which lambda (nt) or eps (at) grows from nothing; 0: none, as published."
_SHARE = "Windows of a batch for each --data, in their order; they sum to --batch. Repeat."
_EMA = "Keep the moving average of the weights, with this factor; 0: the last weights."
_START = "Keep a mean of the weights, with this weight for those it began with; 0: none."
_LAYERS = "eval: BatchNorm and dropout stay as in use; train: the network's own train mode for the task loss."
_SPLIT = "certiqa, or nt-livec: the test part of the NT paper is left out instead."


def defense(
    method: Annotated[str, typer.Option(help="nt, at, clean or noise.")],
    data: Annotated[list[str], typer.Option(metavar="NAME:DIR", help="A rated data set. Repeat for several.")],
    out: Annotated[str, typer.Option(metavar="FILE", help="The weights: a .safetensors file.")],
    model: Annotated[str, typer.Option(help="A metric: a name, a file, or python:MODULE:NAME.")] = "builtin",
    weights: Annotated[str | None, typer.Option(help="Weights to begin with, for a metric by name.")] = None,
    recipe: Annotated[str | None, typer.Option(help="Settings by name. Default: those of the model, if any.")] = None,
    lam: Annotated[float | None, typer.Option("--lambda", metavar="L", help=_LAMBDA)] = None,
    h: Annotated[float | None, typer.Option("--h", help="Step of the finite difference.")] = None,
    std: Annotated[str | None, typer.Option(help=_STD)] = None,
    norm: Annotated[str | None, typer.Option(help="l1 or l2 (nt).")] = None,
    power: Annotated[int | None, typer.Option(help="2: squared norms, as published; 1 (nt).")] = None,
    loss: Annotated[str | None, typer.Option(help="mae, mse, plcc, norm-in-norm or agreement.")] = None,
    sigma: Annotated[float | None, typer.Option(help="Gaussian noise on every window, for any method.")] = None,
    eps: Annotated[float | None, typer.Option(help="l_inf radius in [0, 1] (at).")] = None,
    attack_steps: Annotated[int | None, typer.Option(help="Steps of the attack (at).")] = None,
    step_size: Annotated[float | None, typer.Option(help="Of the attack (at).")] = None,
    adversarial: Annotated[float | None, typer.Option(help="Share of attacked images in the loss (at).")] = None,
    label_drop: Annotated[float | None, typer.Option(help=_DROP)] = None,
    score_range: Annotated[str | None, typer.Option(metavar="LOW:HIGH", help=_RANGE)] = None,
    scratch: Annotated[bool, typer.Option("--scratch", help="Begin with fresh weights.")] = False,
    steps: Annotated[int | None, typer.Option(help="Updates.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Instead of --steps.")] = None,
    crops_per_image: Annotated[int | None, typer.Option(help="Windows of an image in an epoch.")] = None,
    batch: Annotated[int | None, typer.Option(help="Windows per update, over all processes.")] = None,
    balance: Annotated[bool, typer.Option("--balance", help="The same share of a batch for every data set.")] = False,
    share: Annotated[list[int] | None, typer.Option(metavar="N", help=_SHARE)] = None,
    crop: Annotated[int | None, typer.Option(help="Side of the windows.")] = None,
    lr: Annotated[float | None, typer.Option(help="Highest learning rate.")] = None,
    head_lr: Annotated[float | None, typer.Option(help="Times --lr, for parameters not in --backbone.")] = None,
    backbone: Annotated[list[str] | None, typer.Option(help="Beginning of names of parameters. Repeat.")] = None,
    frozen: Annotated[list[str] | None, typer.Option(help="Likewise: these do not learn. Repeat.")] = None,
    optimizer: Annotated[str | None, typer.Option(help="adam or adamw.")] = None,
    weight_decay: Annotated[float | None, typer.Option(help="Of the optimiser.")] = None,
    ramp: Annotated[float | None, typer.Option(help=_RAMP)] = None,
    schedule: Annotated[str | None, typer.Option(help="cosine or constant.")] = None,
    grad_clip: Annotated[float | None, typer.Option(help="Largest norm of the gradient; 0: none.")] = None,
    ema: Annotated[float | None, typer.Option(help=_EMA)] = None,
    start_share: Annotated[float | None, typer.Option(help=_START)] = None,
    layers: Annotated[str | None, typer.Option(help=_LAYERS)] = None,
    split: Annotated[str | None, typer.Option(help=_SPLIT)] = None,
    patience: Annotated[
        int | None, typer.Option(help="Stop after so many looks without a lower loss, keep the best; 0: never.")
    ] = None,
    validate_every: Annotated[int | None, typer.Option(metavar="N", help="Updates between two looks.")] = None,
    checkpoint_every: Annotated[int | None, typer.Option(metavar="N", help="Updates between checkpoints.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of windows, noise and attacks.")] = None,
    precision: Annotated[str, typer.Option(help="float32, or bfloat16 (autocast; never for the penalty).")] = "float32",
    licence: Annotated[str, typer.Option(help="Of the weights, for their header.")] = "unstated",
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1. Default: a GPU if there is one.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint, if there is one.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> int:
    """Train a metric with a defence; a run that was killed goes on with --resume to the same weights."""
    from certiqa.cli._train_defense_run import run

    return run(
        method=method,
        data=data,
        out=out,
        model=model,
        weights=weights,
        recipe=recipe,
        std=std,
        score_range=score_range,
        precision=precision,
        licence=licence,
        device=device,
        resume=resume,
        quiet=quiet,
        settings={
            "lam": lam,
            "h": h,
            "norm": norm,
            "power": power,
            "task_loss": loss,
            "sigma": sigma,
            "eps": eps,
            "attack_steps": attack_steps,
            "step_size": step_size,
            "adversarial": adversarial,
            "label_drop": label_drop,
            "scratch": scratch or None,
            "steps": steps,
            "epochs": epochs,
            "crops_per_image": crops_per_image,
            "batch": batch,
            "balance": balance or None,
            "shares": tuple(share) if share else None,
            "crop": crop,
            "lr": lr,
            "head_lr": head_lr,
            "backbone": tuple(backbone) if backbone else None,
            "frozen": tuple(frozen) if frozen else None,
            "optimizer": optimizer,
            "weight_decay": weight_decay,
            "ramp": ramp,
            "schedule": schedule,
            "grad_clip": grad_clip,
            "ema": ema,
            "start_share": start_share,
            "layers": layers,
            "split": split,
            "patience": patience,
            "validate_every": validate_every,
            "checkpoint_every": checkpoint_every,
            "seed": seed,
        },
    )
