"""One run of ``certiqa train denoiser``."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from certiqa._counted import counted
from certiqa._progress import bar
from certiqa.cli._models import load_model
from certiqa.data.sets import names, open_dataset
from certiqa.denoisers import registry
from certiqa.denoisers.config import LOSSES, TrainingConfig
from certiqa.denoisers.pictures import ImagePool, TrainingImage, from_dataset, from_folder, renumbered
from certiqa.denoisers.training import train
from certiqa.denoisers.workers import workers
from certiqa.errors import InputError, UnknownNameError
from certiqa.smoothing.base import resolve_device

__all__ = ["run"]


def run(
    *,
    data: Sequence[str],
    out: str,
    losses: Sequence[str],
    sigma: str,
    precision: str,
    metric: str,
    start: str | None,
    device: str | None,
    resume: bool,
    quiet: bool,
    licence: str,
    settings: dict[str, Any],
) -> int:
    """Check, read, train, say what came of it; the exit code.

    Raises:
        CertiqaError: whatever goes wrong.
    """
    if precision not in ("bfloat16", "float32"):
        raise InputError.of("--precision", "must be bfloat16 or float32", precision)
    weights = dict.fromkeys(LOSSES, 0.0) | dict(_loss(text) for text in losses)
    more = {"sigma": _sigma(sigma), "bfloat16": precision == "bfloat16"}
    config = TrainingConfig.from_mapping({**settings, **weights, **more})
    chosen = None if device is None else resolve_device(None, device)
    with workers(chosen) as group:
        through = load_model(metric, str(group.device))[0] if config.needs_metric else None
        begin = None if start is None else registry.load(start)
        watched = not quiet and group.leads
        pool = ImagePool(renumbered([_images(text) for text in data]), config.crop)
        if watched:
            apart = f"{len(pool.development)} kept apart"
            many = counted(group.world, "process", "processes")
            typer.echo(f"{counted(len(pool.fit), 'image')} to train on, {apart} for early stopping; {many}")
        with bar(Path(out).name) if watched else contextlib.nullcontext() as progress:

            def report(step: int, steps: int, record: dict[str, Any]) -> None:
                if progress:
                    progress(step, steps)
                if watched and record:
                    typer.echo(_line(step, steps, record))

            done = train(
                config,
                pool,
                Path(out),
                metric=through,
                start=begin,
                resume=resume,
                device=group.device,
                report=report,
                licence=licence,
            )
        if watched:
            resumed = f", resumed at step {done.resumed_at}" if done.resumed_at else ""
            early = ", stopped early" if done.stopped_early else ""
            typer.echo(f"{done.path}: the weights of step {done.kept_step} of {done.steps}{resumed}{early}")
            typer.echo(f"sha256 {done.sha256}")
    return 0


def _line(step: int, steps: int, record: dict[str, Any]) -> str:
    return f"step {step}/{steps} {json.dumps(record['validation'] or {'mse': record.get('mse')})}"


def _sigma(text: str) -> float | tuple[float, ...]:
    try:
        levels = tuple(float(level) for level in text.split(":"))
    except ValueError:
        raise InputError.of("--sigma", "must be a number, or LOW:HIGH", text, "Try --sigma 0.05:0.5.") from None
    if len(levels) > 2:
        raise InputError.of("--sigma", "must be a number, or LOW:HIGH", text, "Try --sigma 0.05:0.5.")
    return levels[0] if len(levels) == 1 else levels


def _loss(text: str) -> tuple[str, float]:
    name, equals, weight = text.partition("=")
    if name not in LOSSES:
        raise UnknownNameError.among("loss", name, LOSSES)
    try:
        return name, float(weight) if equals else 1.0
    except ValueError:
        raise InputError.of("--loss", "must have a number as its weight", text, "Try --loss target=0.01.") from None


def _images(text: str) -> tuple[TrainingImage, ...]:
    name, colon, root = text.partition(":")
    if colon and name.casefold() in names():
        return from_dataset(open_dataset(name, root))
    if not Path(text).is_dir():
        rule = "must be a folder with images, or NAME:DIR with the name of a data set"
        raise InputError.of("--data", rule, text, f"Data sets: {', '.join(names())}.")
    return from_folder(text)
