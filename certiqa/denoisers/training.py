"""Training a denoiser: deterministic by seed, killed and resumed to the same weights, on one process or many."""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor, nn

from certiqa import _provenance as provenance
from certiqa.denoisers.architecture import as_mapping, build
from certiqa.denoisers.card import DenoiserCard
from certiqa.denoisers.checkpoint import Identity, State, read_state, write_state
from certiqa.denoisers.config import LOSSES, TrainingConfig
from certiqa.denoisers.draws import Batch, development_batch, training_batch
from certiqa.denoisers.files import write_denoiser
from certiqa.denoisers.network import DenoiserNetwork
from certiqa.denoisers.objective import Objective, ScoreFn, Scores, frozen
from certiqa.errors import InputError, ModelError
from certiqa.training.pictures import ImagePool
from certiqa.training.workers import Workers, workers

__all__ = ["Trained", "train"]

Report = Callable[[int, int, dict[str, Any]], None]
_WARM_UP = 0.04


@dataclass(frozen=True)
class Trained:
    """What a run made.

    Attributes:
        path: of the weights.
        sha256: of that file.
        steps: how many were done.
        kept_step: the step whose (averaged) weights were kept.
        stopped_early: whether patience ended the run.
        validation: the last look at the validation part, or None if there is none.
        resumed_at: the step at which this process went on, 0 if it began.
    """

    path: Path
    sha256: str
    steps: int
    kept_step: int
    stopped_early: bool
    validation: dict[str, Any] | None
    resumed_at: int


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
        ModelError: the metric fails or gives no gradient; a loss is not finite.
    """
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
    with workers(device) as group:
        if config.batch % group.world:
            raise InputError.of("batch", f"must be a multiple of the number of workers ({group.world})", config.batch)
        with frozen(metric):
            run = _Run(config, pool, out, metric, start, group, report, licence)
            return run.go(resume=resume)


class _Run:
    """One process's part in a run."""

    def __init__(
        self,
        config: TrainingConfig,
        pool: ImagePool,
        out: Path,
        metric: ScoreFn | None,
        start: DenoiserNetwork | None,
        group: Workers,
        report: Report,
        licence: str,
    ) -> None:
        self.config, self.pool, self.out, self.group = config, pool, out, group
        self.report, self.licence, self.metric = report, licence, metric
        self.network = build(config.architecture, seed=config.seed)
        if start is not None:
            self.network.load_state_dict(start.state_dict())
        for parameter in self.network.parameters():
            if parameter.ndim == 4:
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
        self.network = self.network.to(group.device).requires_grad_(True)
        self.ema = copy.deepcopy(self.network).requires_grad_(False)
        self.parameters = list(self.network.parameters())
        self.optimizer = torch.optim.AdamW(self.parameters, lr=config.lr, weight_decay=config.weight_decay)
        self.objective = Objective(config, metric)
        self.identity = Identity(
            config.to_json(),
            pool.digest,
            None if metric is None else provenance.model_sha256(metric),
            None if start is None else provenance.model_sha256(start),
        )
        self.state = State()
        self.checkpoint = out.with_name(out.name + ".checkpoint")
        self.log_path = out.with_name(out.name + ".jsonl")
        self.seconds = 0.0

    # ------------------------------------------------------------------------------------------------------ the loop

    def go(self, *, resume: bool) -> Trained:
        """Run to the end."""
        resumed = self._begin(resume=resume)
        last: dict[str, Any] | None = None
        started, spent = time.perf_counter(), self.seconds
        with self._log() as log:
            while self.state.step < self.config.steps and not self._is_stale():
                record = self._step()
                self.state.step += 1
                step = self.state.step
                self.seconds = spent + time.perf_counter() - started
                if step % self.config.validate_every == 0 or step == self.config.steps:
                    last = self._look()
                    line = {"step": step, **record, "validation": last, "seconds": round(self.seconds, 1)}
                    if log is not None:
                        log.write(json.dumps(line).encode() + b"\n")
                        log.flush()
                        self.state.log_bytes = log.tell()
                    self.report(step, self.config.steps, line)
                else:
                    self.report(step, self.config.steps, {})
                if step % self.config.checkpoint_every == 0 or step == self.config.steps or self._is_stale():
                    self._save()
            if last is None:
                last = self._look(count=False)
        return self._finish(last, resumed)

    def _begin(self, *, resume: bool) -> int:
        """Take up the checkpoint, or measure the scale of the metric's scores; the step to begin at."""
        there = bool(self.group.agree([float(self.checkpoint.exists())])[0])
        if there and not resume:
            remedy = "Pass resume=True (--resume) to go on, remove the checkpoint, or write to another file."
            raise InputError.of("out", "must not have a checkpoint of an earlier run beside it", str(self.out), remedy)
        if there:
            self.state = read_state(self.checkpoint, self.identity)
            self.network.load_state_dict(self.state.network)
            self.ema.load_state_dict(self.state.ema)
            self.optimizer.load_state_dict(self.state.optimizer)
            if self.state.log_bytes and not (
                self.log_path.exists() and self.log_path.stat().st_size >= self.state.log_bytes
            ):
                self.state.log_bytes = 0  # the log was taken away; the weights do not depend on it
        elif self.metric is not None:
            self.state.scale = self._scale(self.metric)
        self.objective = replace(self.objective, scale=self.state.scale)
        self.group.wait()
        return self.state.step

    def _scale(self, metric: ScoreFn) -> float:
        """The standard deviation of the scores of clean windows, of the development part if it is large enough."""
        scores: list[float] = []
        if self.group.leads:
            few = len(self.pool.development) < 8
            with torch.no_grad():
                for batch in self._first_batches() if few else self._development():
                    scores += [float(value) for value in metric(batch.clean).flatten()]
        spread = float(np.std(scores)) if len(scores) > 1 else 0.0
        (agreed,) = self.group.agree([spread])
        if not math.isfinite(agreed):
            raise ModelError("The metric's scores of clean images are not finite.")
        return agreed or 1.0

    def _first_batches(self) -> Iterator[Batch]:
        for step in range(4):
            yield training_batch(self.pool, self.config, step, range(self.config.batch), self.group.device)

    def _step(self) -> dict[str, float]:
        """One update; its losses."""
        config, group = self.config, self.group
        for param_group in self.optimizer.param_groups:
            param_group["lr"] = learning_rate(config, self.state.step)
        batch = training_batch(self.pool, config, self.state.step, group.share(config.batch), group.device)
        images, scores = self.objective.denoised(self.network, batch)
        losses = self.objective.losses(images, scores, batch, group.gathered)
        # mse and target are means over this process's share; the ranking loss is that of the whole batch, whose
        # gradient with respect to this share is not averaged: the sum over the processes is the whole gradient.
        total = sum(
            (weight * losses[name] / (1 if name == "ranking" else group.world)
             for name, weight in config.losses.items()),
            torch.zeros((), device=group.device),
        )  # fmt: skip
        self.optimizer.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        group.sum_gradients(self.parameters)
        norm = float(nn.utils.clip_grad_norm_(self.parameters, config.grad_clip))
        if not math.isfinite(norm):
            raise ModelError(
                f"The gradient at step {self.state.step + 1} is not finite. Try a lower lr; look whether the metric is "
                "finite and differentiable on what a denoiser may give it."
            )
        self.optimizer.step()
        keep = min(config.ema, (1 + self.state.step) / (10 + self.state.step))
        with torch.no_grad():
            for mean, value in zip(self.ema.parameters(), self.parameters, strict=True):
                mean.lerp_(value, 1 - keep)
        return {name: float(losses[name].detach()) for name in LOSSES if name in losses} | {"gradient": norm}

    # ------------------------------------------------------------------------------------------- the validation part

    def _development(self) -> Iterator[Batch]:
        count = min(len(self.pool.development), self.config.validation_images)
        size = max(1, self.config.batch // self.group.world)
        for begin in range(0, count, size):
            places = range(begin, min(begin + size, count))
            yield development_batch(self.pool, self.config, places, self.group.device)

    def _look(self, *, count: bool = True) -> dict[str, Any] | None:
        """Measure the averaged weights on the development part; remember whether they are the best so far."""
        if not self.pool.development:
            return None
        found = self._measured() if self.group.leads else {}
        names = [
            "loss",
            *(n for n in (*LOSSES, "psnr", "srocc") if n == "mse" or n == "psnr" or self.metric is not None),
        ]
        values = self.group.agree([found.get(name, math.nan) for name in names])
        found = {name: round(value, 6) for name, value in zip(names, values, strict=True) if not math.isnan(value)}
        if count:
            if values[0] < self.state.best_loss:
                self.state.best_loss, self.state.best_step, self.state.stale = values[0], self.state.step, 0
                if self.config.patience:
                    self.state.best = _copied(self.ema.state_dict())
            else:
                self.state.stale += 1
        return found

    @torch.no_grad()
    def _measured(self) -> dict[str, float]:
        squared, psnr, batches, parts = [], [], [], []
        for batch in self._development():
            images, scores = self.objective.denoised(self.ema, batch)
            squared += (images.float() - batch.clean).square().mean((1, 2, 3)).tolist()
            clipped = (images.float().clamp(0, 1) - batch.clean).square().mean((1, 2, 3)).clamp_min(1e-12)
            psnr += (-10 * clipped.log10()).tolist()
            batches.append(batch)
            if scores is not None:
                parts.append(scores)
        found = {"mse": float(np.mean(squared)), "psnr": float(np.mean(psnr))}
        if parts:
            found |= self._measured_scores(parts, batches)
        loss = sum(weight * found[name] for name, weight in self.config.losses.items())
        return found | {"loss": float(loss)}

    def _measured_scores(self, parts: list[Scores], batches: list[Batch]) -> dict[str, float]:
        denoised, clean = (torch.cat([getattr(p, name) for p in parts]).float() for name in ("denoised", "clean"))
        mos, groups = (torch.cat([getattr(b, name) for b in batches]) for name in ("mos", "groups"))
        target = float((denoised - clean).abs().mean()) / self.state.scale
        ranking = float(self.objective.ranking(denoised, clean, mos, groups))
        return {"target": target, "ranking": ranking, "srocc": _srocc(denoised, mos, groups)}

    def _is_stale(self) -> bool:
        return bool(self.config.patience) and self.state.stale >= self.config.patience

    # ---------------------------------------------------------------------------------------------------- the files

    @contextmanager
    def _log(self) -> Iterator[BinaryIO | None]:
        """The log of the leading process, cut to what the checkpoint knows."""
        if not self.group.leads:
            yield None
            return
        try:
            self.log_path.parent.mkdir(parents=True, exist_ok=True)
            file = self.log_path.open("r+b" if self.log_path.exists() else "w+b")
        except OSError as error:
            rule = f"must be a file that can be written ({error.strerror})"
            raise InputError.of("out", rule, str(self.log_path)) from error
        with file:
            file.truncate(self.state.log_bytes)
            file.seek(self.state.log_bytes)
            yield file

    def _save(self) -> None:
        if self.group.leads:
            self.state.network = self.network.state_dict()
            self.state.ema = self.ema.state_dict()
            self.state.optimizer = self.optimizer.state_dict()
            write_state(self.checkpoint, self.identity, self.state)
        self.group.wait()

    def _finish(self, last: dict[str, Any] | None, resumed: int) -> Trained:
        config, early = self.config, self._is_stale()
        kept = self.state.step
        if config.patience and self.state.best is not None:
            self.ema.load_state_dict(self.state.best)
            kept = self.state.best_step
        named = self.metric is not None and config.needs_metric
        card = DenoiserCard(
            name=self.out.stem,
            architecture=as_mapping(config.architecture),
            sigma_range=config.sigma_range,
            losses=config.losses,
            metric=provenance.model_name(self.metric) if named else None,
            metric_sha256=self.identity.metric if named else None,
            licence=self.licence,
            training={
                "config": config.as_mapping(),
                "data": self.identity.data,
                "start": self.identity.start,
                "images": len(self.pool.fit),
                "steps": self.state.step,
                "kept_step": kept,
            },
        )
        self.ema.card = None
        sha256 = write_denoiser(self.ema, card, self.out) if self.group.leads else ""
        self.group.wait()
        return Trained(self.out, sha256, self.state.step, kept, early, last, resumed)


def learning_rate(config: TrainingConfig, step: int) -> float:
    """The rate of the update after ``step`` updates."""
    progress = step / config.steps
    return config.lr * min(1.0, (step + 1) / max(1.0, _WARM_UP * config.steps)) * (1 + math.cos(math.pi * progress)) / 2


def _copied(state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().cpu().clone() for name, value in state.items()}


def _srocc(scores: Tensor, mos: Tensor, groups: Tensor) -> float:
    """The mean over the groups of |SROCC| with the human scores; NaN where no group has five of them."""
    from scipy.stats import spearmanr

    found = []
    for group in sorted(set(groups.tolist())):
        rows = (groups == group) & ~mos.isnan()
        if int(rows.sum()) >= 5 and all(bool(v[rows].min() < v[rows].max()) for v in (scores, mos)):
            found.append(abs(float(spearmanr(scores[rows].cpu().numpy(), mos[rows].cpu().numpy()).statistic)))
    return float(np.mean(found)) if found else math.nan
