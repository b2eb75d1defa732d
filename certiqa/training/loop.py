"""The loop of a run: steps, looks at the development part, checkpoints, patience; a killed run goes on."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from certiqa.errors import InputError, ModelError
from certiqa.training.checkpoint import State, read_state, write_state
from certiqa.training.task import Outcome, Pace, Report, Task
from certiqa.training.workers import Workers

__all__ = ["Loop"]


class Loop:
    """One process's part in a run.

    Beside ``out`` stand ``out``.checkpoint (the state, replaced atomically) and ``out``.jsonl (one line a look).

    Args:
        task: what is trained.
        pace: how long.
        out: the file that the weights will go to.
        identity: what a checkpoint must have in common with the run.
        group: the processes.
        report: called after every step with (steps done, steps, what the log was told or {}).
    """

    def __init__(
        self, task: Task, pace: Pace, out: Path, identity: Mapping[str, str | None], group: Workers, report: Report
    ) -> None:
        self.task, self.pace, self.identity, self.group, self.report = task, pace, identity, group, report
        self.out = out
        self.checkpoint = out.with_name(out.name + ".checkpoint")
        self.log_path = out.with_name(out.name + ".jsonl")
        self.state = State()

    def run(self, *, resume: bool) -> Outcome:
        """To the end; the task then holds the weights to keep.

        Raises:
            InputError: a checkpoint is there and ``resume`` is False, or it is another run's; a file cannot be written.
            WeightsError: the checkpoint is damaged.
            ModelError: a step could not be made. The checkpoint then holds the weights before it, if any steps were
                made, and the message says so.
        """
        resumed = self._begin(resume=resume)
        last: dict[str, float] | None = None
        started = time.perf_counter()
        with self._log() as log:
            while self.state.step < self.pace.steps and not self._is_stale():
                record = self._step()
                self.state.step += 1
                step, line = self.state.step, {}
                if step % self.pace.validate_every == 0 or step == self.pace.steps:
                    last = self._look()
                    seconds = round(time.perf_counter() - started, 1)
                    line = {"step": step, **record, "validation": last, "seconds": seconds}
                    self._write(log, line)
                self.report(step, self.pace.steps, line)
                if step % self.pace.checkpoint_every == 0 or step == self.pace.steps or self._is_stale():
                    self._save()
        if last is None:
            last = self._shown(self._measured())
        return self._finish(last, resumed)

    def _begin(self, *, resume: bool) -> int:
        there = bool(self.group.agree([float(self.checkpoint.exists())])[0])
        if there and not resume:
            remedy = "Pass resume=True (--resume) to go on, remove the checkpoint, or write to another file."
            raise InputError.of("out", "must not have a checkpoint of an earlier run beside it", str(self.out), remedy)
        if there:
            self.state = read_state(self.checkpoint, self.identity)
            self.task.restore(self.state.task)
            size = self.log_path.stat().st_size if self.log_path.exists() else 0
            if size < self.state.log_bytes:  # the log was taken away; the weights do not depend on it
                self.state.log_bytes = 0
        else:
            self.task.begin()
        self.group.wait()
        return self.state.step

    def _step(self) -> dict[str, float]:
        try:
            return self.task.step(self.state.step)
        except ModelError as error:
            if not self.state.step:
                raise
            self._save()
            raise ModelError(
                f"{error} The {self.state.step} steps before it are kept in {str(self.checkpoint)!r}."
            ) from error

    def _measured(self) -> dict[str, float] | None:
        found = self.task.look() if self.group.leads else {}
        values = self.group.agree([found.get(name, math.nan) for name in self.task.measures])
        agreed = {name: value for name, value in zip(self.task.measures, values, strict=True) if not math.isnan(value)}
        return agreed or None

    def _shown(self, found: dict[str, float] | None) -> dict[str, float] | None:
        return None if found is None else {name: self.task.shown(value) for name, value in found.items()}

    def _look(self) -> dict[str, float] | None:
        found = self._measured()
        if found is None:
            return None
        if found.get("loss", math.inf) < self.state.best_loss:
            self.state.best_loss, self.state.best_step, self.state.stale = found["loss"], self.state.step, 0
            if self.pace.patience:
                self.state.best = self.task.weights()
        else:
            self.state.stale += 1
        return self._shown(found)

    def _is_stale(self) -> bool:
        return bool(self.pace.patience) and self.state.stale >= self.pace.patience

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

    def _write(self, log: BinaryIO | None, line: dict[str, Any]) -> None:
        if log is not None:
            log.write(json.dumps(line).encode() + b"\n")
            log.flush()
            self.state.log_bytes = log.tell()

    def _save(self) -> None:
        if self.group.leads:
            self.state.task = self.task.state()
            write_state(self.checkpoint, self.identity, self.state)
        self.group.wait()

    def _finish(self, last: dict[str, float] | None, resumed: int) -> Outcome:
        kept, early = self.state.step, self._is_stale()
        best = self.state.best if self.pace.patience else None
        if best is not None:
            kept = self.state.best_step
        self.task.put(best if best is not None else self.task.weights())
        return Outcome(self.state.step, kept, early, last, resumed)
