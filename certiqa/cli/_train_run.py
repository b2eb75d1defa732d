"""One run of ``certiqa train denoiser``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer

from certiqa._counted import counted
from certiqa.cli._train_given import bfloat16, named_dataset, no_dataset
from certiqa.cli._train_told import reporting, say_end
from certiqa.denoisers import registry
from certiqa.denoisers.config import LOSSES, TrainingConfig
from certiqa.denoisers.pictures import ImagePool, TrainingImage, from_dataset, from_folder, renumbered
from certiqa.denoisers.training import train
from certiqa.denoisers.workers import workers
from certiqa.errors import InputError, UnknownNameError
from certiqa.smoothing.base import resolve_device
from certiqa.trial.models import load_model

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
    in_bfloat16 = bfloat16(precision)
    weights = dict.fromkeys(LOSSES, 0.0) | dict(_loss(text) for text in losses)
    more = {"sigma": _sigma(sigma), "bfloat16": in_bfloat16}
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
        with reporting(out, watched=watched, instead="mse") as report:
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
            say_end(done)
    return 0


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
    dataset = named_dataset(text)
    if dataset is not None:
        return from_dataset(dataset)
    if not Path(text).is_dir():
        raise no_dataset("must be a folder with images, or NAME:DIR with the name of a data set", text)
    return from_folder(text)
