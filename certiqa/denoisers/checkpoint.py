"""The state of a training run on disk: whole after any kill, and refused by a run with other settings."""

from __future__ import annotations

import io
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import torch

from certiqa.errors import InputError, WeightsError
from certiqa.training.files import replace_file

__all__ = ["Identity", "State", "read_state", "write_state"]

FORMAT = 1


@dataclass(frozen=True)
class Identity:
    """What a run must have in common with its checkpoint.

    Attributes:
        config: as JSON.
        data: digest of the images and human scores.
        metric: its digest, or None.
        start: digest of the weights that the run started from, or None.
    """

    config: str
    data: str
    metric: str | None
    start: str | None


@dataclass
class State:
    """Everything that the steps change. Noise and windows are functions of (seed, step), so ``step`` stands for them.

    Attributes:
        step: how many are done.
        network: its state dict.
        ema: the state dict of the moving average.
        optimizer: its state dict.
        scale: of the metric's scores.
        best: state dict of the best average so far, or None.
        best_step: when that was.
        best_loss: its validation loss.
        stale: looks in a row without a lower loss.
        log_bytes: the length of the log.
    """

    step: int = 0
    network: dict[str, Any] = field(default_factory=dict)
    ema: dict[str, Any] = field(default_factory=dict)
    optimizer: dict[str, Any] = field(default_factory=dict)
    scale: float = 1.0
    best: dict[str, Any] | None = None
    best_step: int = 0
    best_loss: float = float("inf")
    stale: int = 0
    log_bytes: int = 0


def write_state(path: Path, identity: Identity, state: State) -> None:
    """Write a checkpoint, atomically.

    Raises:
        InputError: the file cannot be written.
    """
    content = {one.name: getattr(state, one.name) for one in fields(state)}
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, "identity": asdict(identity), "state": content}, buffer)
    replace_file(path, buffer.getvalue())


def read_state(path: Path, identity: Identity) -> State:
    """Read a checkpoint of the same run.

    Raises:
        WeightsError: damaged, or not a checkpoint.
        InputError: of a run with other settings, images, metric or start.
    """
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
        known, state = found["identity"], State(**found["state"])
        if found["format"] != FORMAT:
            raise ValueError(f"format {found['format']}")
    except Exception as error:
        text = " ".join(str(error).split())[:200]
        raise WeightsError(f"The checkpoint {str(path)!r} cannot be read ({type(error).__name__}: {text}).") from error
    other = [name for name, value in asdict(identity).items() if known.get(name) != value]
    if other:
        rule = f"must continue the same run; the checkpoint {str(path)!r} has another {' and '.join(other)}"
        raise InputError.of("resume", rule, True, "Remove the checkpoint to begin anew, or write to another file.")
    return state
