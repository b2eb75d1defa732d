"""Training a metric's weights: deterministic by seed, killed and resumed to the same weights, one process or many."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from certiqa import _provenance as provenance
from certiqa.defenses.config import DefenseConfig
from certiqa.defenses.files import write_defense
from certiqa.defenses.prepare import check_out, check_pool, network_of, objective_of, probe
from certiqa.defenses.trainer import Trainer
from certiqa.errors import ModelError
from certiqa.metrics.tuned import TunedCard
from certiqa.training.loop import Loop
from certiqa.training.pictures import ImagePool
from certiqa.training.task import Pace, Report
from certiqa.training.trained import Trained
from certiqa.training.workers import workers

__all__ = ["Trained", "train"]


def train(
    config: DefenseConfig,
    metric: nn.Module,
    pool: ImagePool,
    out: Path,
    *,
    base: str | None = None,
    data: Sequence[str] = (),
    resume: bool = False,
    device: torch.device | None = None,
    report: Report = lambda step, steps, record: None,
    licence: str = "unstated",
) -> Trained:
    """Train a copy of a metric and write its weights to ``out``, with a card; ``metric`` stays as it is.

    Beside them stand ``out``.checkpoint (the state, replaced atomically) and ``out``.jsonl (one line a look at the
    development part). A run killed at any moment and resumed writes the same weights, bit by bit, as one that was not
    (on the CPU, with the same number of threads and processes). The global random states are left as they were. Which
    weights are kept is decided on the development part; no test part and no validation part is read.

    Args:
        config: the settings.
        metric: (B, 3, H, W) RGB in [0, 1] -> (B,), (B, 1) or (B, 1, 1) scores.
        pool: the images, with human scores on the metric's scale (:func:`certiqa.defenses.windows.rated_images`),
            parted by :func:`certiqa.defenses.livec_split.splitting`.
        out: the file for the weights, ending in .safetensors.
        base: the metric's name for the card; None: the name it gives itself, or, if it was loaded from such a file,
            the base of that.
        data: names of the data sets, for the card.
        resume: go on from the checkpoint, if there is one.
        device: None: a GPU if there is one. Under torchrun every process gets its share of each batch.
        report: called after every step with (steps done, steps, what the log was told or {}).
        licence: of the weights, for the card.

    Raises:
        InputError: the arguments do not fit together; a checkpoint is there and ``resume`` is False, or it belongs to
            other settings, images or weights.
        WeightsError: the checkpoint is damaged.
        ModelError: the metric fails or gives no gradient; or a loss is not finite: the message names the images, and
            the last good weights are in the checkpoint and, with a card, in a file NAME.last-good.safetensors beside
            ``out``.
    """
    out = Path(out)
    check_out(out)
    check_pool(pool, config)
    with workers(device) as group:
        network = network_of(metric, config, group)
        objective = objective_of(metric, config)
        probe(network, config, pool, objective, group)
        identity = {
            "config": config.to_json(),
            "data": pool.digest,
            "metric": provenance.model_sha256(metric),
        }
        task = Trainer(network, config, pool, objective, group)
        pace = Pace(task.steps, config.validate_every, config.checkpoint_every, config.patience)
        loop = Loop(task, pace, out, identity, group, report)

        def card_of(steps: int, kept: int) -> TunedCard:
            return _card(config, metric, pool, base=base, data=data, licence=licence, steps=steps, kept=kept)

        try:
            outcome = loop.run(resume=resume)
        except ModelError as error:
            if group.leads and loop.state.step:
                task.put(task.weights())
                good = out.with_name(f"{out.stem}.last-good.safetensors")
                write_defense(network, card_of(loop.state.step, loop.state.step), good)
                raise ModelError(
                    f"{error} Its weights are in {str(good)!r}, from which another run can begin."
                ) from error
            raise
        card = card_of(outcome.steps, outcome.kept_step)
        sha256 = write_defense(network, card, out) if group.leads else ""
        group.wait()
    return Trained.of(out, sha256, outcome)


def _card(
    config: DefenseConfig,
    metric: nn.Module,
    pool: ImagePool,
    *,
    base: str | None,
    data: Sequence[str],
    licence: str,
    steps: int,
    kept: int,
) -> TunedCard:
    before = getattr(metric, "tuned", None)
    before = before if isinstance(before, TunedCard) else None
    return TunedCard(
        base=base or (before.base if before else provenance.model_name(metric)),
        base_sha256=provenance.model_sha256(metric),
        method=config.method,
        data=tuple(sorted({*data, *(before.data if before else ())})),
        licence=licence,
        training={
            "config": config.as_mapping(),
            "data": pool.digest,
            "images": len(pool.fit),
            "steps": steps,
            "kept_step": kept,
            "start": before.sha256 if before else None,
        },
    )
