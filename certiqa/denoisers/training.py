"""Training a denoiser: deterministic by seed, killed and resumed to the same weights, on one process or many."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from certiqa import _provenance as provenance
from certiqa.denoisers.architecture import as_mapping
from certiqa.denoisers.card import DenoiserCard
from certiqa.denoisers.config import TrainingConfig
from certiqa.denoisers.files import write_denoiser
from certiqa.denoisers.network import DenoiserNetwork
from certiqa.denoisers.objective import ScoreFn, frozen
from certiqa.denoisers.trainer import Trainer
from certiqa.errors import InputError
from certiqa.training.loop import Loop
from certiqa.training.pictures import ImagePool
from certiqa.training.task import Outcome, Pace, Report
from certiqa.training.trained import Trained
from certiqa.training.workers import workers

__all__ = ["Trained", "train"]


def train(
    config: TrainingConfig,
    pool: ImagePool,
    out: Path,
    *,
    metric: ScoreFn | None = None,
    start: DenoiserNetwork | None = None,
    resume: bool = False,
    device: torch.device | None = None,
    report: Report = lambda step, steps, record: None,
    licence: str = "Apache-2.0",
) -> Trained:
    """Train a denoiser and write its weights to ``out``, with its card.

    Beside them stand ``out``.checkpoint (the state, replaced atomically) and ``out``.jsonl (one line a look at the
    validation part). A run killed at any moment and resumed writes the same weights, bit by bit, as one that was not
    (on the CPU, with the same number of threads and workers). The global random states are left as they were.

    Args:
        config: the settings.
        pool: the images.
        out: the file for the weights, ending in .safetensors.
        metric: what the target and the ranking loss look through, on the same device; it stays as it is.
        start: weights to begin with, of the same architecture; None: those of the seed.
        resume: go on from the checkpoint, if there is one.
        device: None: a GPU if there is one. Under torchrun every process gets its share of each batch.
        report: called after every step with (steps done, steps, what the log was told or {}).
        licence: of the weights, for the card.

    Raises:
        InputError: the arguments do not fit together; a checkpoint is there and ``resume`` is False.
        WeightsError: the checkpoint is damaged.
        ModelError: the metric fails or gives no gradient; a loss is not finite. The weights before that step are in the
            checkpoint.
    """
    _check(config, pool, out, metric, start)
    with workers(device) as group:
        if config.batch % group.world:
            raise InputError.of("batch", f"must be a multiple of the number of workers ({group.world})", config.batch)
        with frozen(metric):
            task = Trainer(config, pool, metric, start, group)
            identity = {
                "config": config.to_json(),
                "data": pool.digest,
                "metric": None if metric is None else provenance.model_sha256(metric),
                "start": None if start is None else provenance.model_sha256(start),
            }
            pace = Pace(config.steps, config.validate_every, config.checkpoint_every, config.patience)
            outcome = Loop(task, pace, out, identity, group, report).run(resume=resume)
            name = None if metric is None else provenance.model_name(metric)
            card = _card(config, pool, out.stem, name, identity, licence, outcome)
            task.ema.card = None
            sha256 = write_denoiser(task.ema, card, out) if group.leads else ""
            group.wait()
    return Trained.of(out, sha256, outcome)


def _check(
    config: TrainingConfig, pool: ImagePool, out: Path, metric: ScoreFn | None, start: DenoiserNetwork | None
) -> None:
    if not str(out).endswith(".safetensors"):
        raise InputError.of("out", "must end in .safetensors", str(out))
    if config.needs_metric and metric is None:
        raise InputError.of("metric", "must be given for the target and the ranking loss", None)
    if config.patience and not pool.development:
        raise InputError.of("patience", "must be 0 where no image is left for early stopping", config.patience)
    if start is not None and start.architecture != config.architecture:
        raise InputError.of(
            "start", f"must have the architecture of the config, {config.architecture}", str(start.architecture)
        )


def _card(
    config: TrainingConfig,
    pool: ImagePool,
    name: str,
    metric: str | None,
    identity: Mapping[str, str | None],
    licence: str,
    outcome: Outcome,
) -> DenoiserCard:
    return DenoiserCard(
        name=name,
        architecture=as_mapping(config.architecture),
        sigma_range=config.sigma_range,
        losses=config.losses,
        metric=metric if config.needs_metric else None,
        metric_sha256=identity["metric"] if config.needs_metric else None,
        licence=licence,
        training={
            "config": config.as_mapping(),
            "data": identity["data"],
            "start": identity["start"],
            "images": len(pool.fit),
            "steps": outcome.steps,
            "kept_step": outcome.kept_step,
        },
    )
