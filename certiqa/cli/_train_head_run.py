"""One run of ``certiqa train head``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from certiqa import _checks as check
from certiqa._counted import counted
from certiqa.cli._train_given import named_dataset, no_dataset
from certiqa.cli._train_told import reporting, say_end
from certiqa.data.sets.dataset import DataSet
from certiqa.frontends import Energies
from certiqa.heads import HeadConfig, from_datasets, train
from certiqa.heads.examples import is_development

__all__ = ["run"]


def run(
    *,
    data: Sequence[str],
    out: str,
    crops: int,
    everything: bool,
    licence: str,
    resume: bool,
    quiet: bool,
    front_end: Mapping[str, Any],
    settings: Mapping[str, Any],
) -> int:
    """Check, read, train, say what came of it; the exit code.

    Raises:
        CertiqaError: whatever goes wrong.
    """
    config = HeadConfig.from_mapping({name: value for name, value in settings.items() if value is not None})
    phi = Energies(**{name: value for name, value in front_end.items() if value is not None})
    check.check_count(crops, "crops", 0)
    sets = [_dataset(text) for text in data]
    every = from_datasets(phi, sets, crops=crops, seed=config.seed)
    apart = None if everything else every.where(is_development)
    fit = every if everything else every.where(lambda content: not is_development(content))
    if not quiet:
        kept = "none kept apart" if apart is None else f"{len(apart)} kept apart for the log"
        typer.echo(f"{counted(len(fit), 'picture')} to train on, {kept}; sigma {config.sigma:.3g}")
    with reporting(out, watched=not quiet, instead="plcc_0") as report:
        done = train(
            config,
            phi,
            fit,
            Path(out),
            development=apart if apart is not None and len(apart) else None,
            resume=resume,
            report=report,
            licence=licence,
        )
    if not quiet:
        say_end(done)
    return 0


def _dataset(text: str) -> DataSet:
    dataset = named_dataset(text)
    if dataset is None:
        raise no_dataset("must be NAME:DIR with the name of a data set with human scores", text)
    return dataset
