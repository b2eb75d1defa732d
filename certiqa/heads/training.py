"""Training a head: deterministic by seed, killed and resumed to the same weights."""

from __future__ import annotations

from pathlib import Path

import torch

from certiqa.errors import InputError
from certiqa.frontends import FrontEnd
from certiqa.heads.config import HeadConfig
from certiqa.heads.examples import Examples
from certiqa.heads.files import write_head
from certiqa.heads.trainer import HeadTrainer
from certiqa.training.loop import Loop
from certiqa.training.task import Pace, Report
from certiqa.training.trained import Trained
from certiqa.training.workers import Workers

__all__ = ["train"]


def train(
    config: HeadConfig,
    front_end: FrontEnd,
    fit: Examples,
    out: Path,
    *,
    development: Examples | None = None,
    resume: bool = False,
    report: Report = lambda step, steps, record: None,
    licence: str = "unstated",
) -> Trained:
    """Train a head under noise and write it to ``out``.

    Beside it stand ``out``.checkpoint (the state, replaced atomically) and ``out``.jsonl (one line a look at the
    development part). A run killed at any moment and resumed writes the same weights, bit by bit, as one that was not
    (with the same number of threads). The global random states are left as they were. It runs on the CPU: a head is so
    small that a GPU would wait for it.

    Args:
        config: the settings.
        front_end: what made the examples.
        fit: what it learns from.
        out: the file for the weights, ending in .safetensors.
        development: what is looked at while training; nothing is chosen by it here. None: nothing.
        resume: go on from the checkpoint, if there is one.
        report: called after every step with (steps done, steps, what the log was told or {}).
        licence: of the weights, for the header.

    Raises:
        InputError: the arguments do not fit together; a checkpoint is there and ``resume`` is False.
        WeightsError: the checkpoint is damaged.
        ModelError: the gradient is not finite. The weights before that step are in the checkpoint.
    """
    if not str(out).endswith(".safetensors"):
        raise InputError.of("out", "must end in .safetensors", str(out))
    for examples in (fit, development):
        if examples is not None and examples.front_end != front_end.digest:
            raise InputError.of("front_end", "must be what made the examples", front_end.name)
    if min((fit.groups == group).sum() for group in set(fit.groups.tolist())) < 2:
        raise InputError.of("fit", "must hold at least two pictures of every data set", len(fit))
    task = HeadTrainer(config, fit, development)
    identity = {
        "config": config.to_json(),
        "data": fit.digest,
        "development": None if development is None else development.digest,
    }
    pace = Pace(config.steps, config.validate_every, config.checkpoint_every)
    group = Workers(0, 1, torch.device("cpu"))
    outcome = Loop(task, pace, out, identity, group, report).run(resume=resume)
    training = {
        "config": config.as_mapping(),
        "data": fit.digest,
        "pictures": len(fit),
        "views": len(fit.numbers),
        "steps": outcome.steps,
        "licence": licence,
    }
    sha256 = write_head(task.ema, front_end.to_dict(), training, out)
    return Trained.of(out, sha256, outcome)
