"""The state of a run on disk: whole after any kill, and refused by a run with other settings."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from certiqa.errors import InputError, WeightsError
from certiqa.training.files import replace_file

__all__ = ["State", "read_state", "write_state"]

FORMAT = 1


@dataclass
class State:
    """Everything that the steps change. What a step draws is a function of (seed, step), so ``step`` stands for it.

    Attributes:
        step: how many are done.
        task: what the task keeps: weights, the optimiser.
        best: the best weights so far, or None.
        best_step: when that was.
        best_loss: its loss on the development part.
        stale: looks in a row without a lower loss.
        log_bytes: the length of the log.
    """

    step: int = 0
    task: dict[str, Any] = field(default_factory=dict)
    best: dict[str, Tensor] | None = None
    best_step: int = 0
    best_loss: float = float("inf")
    stale: int = 0
    log_bytes: int = 0


def write_state(path: Path, identity: Mapping[str, str | None], state: State) -> None:
    """Write a checkpoint, atomically.

    Args:
        path: the file.
        identity: what a run must have in common with its checkpoint, by name.
        state: of the run.

    Raises:
        InputError: the file cannot be written.
    """
    content = {one.name: getattr(state, one.name) for one in fields(state)}
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, "identity": dict(identity), "state": content}, buffer)
    replace_file(path, buffer.getvalue())


def read_state(path: Path, identity: Mapping[str, str | None]) -> State:
    """Read a checkpoint of the same run.

    Raises:
        WeightsError: damaged, or not a checkpoint.
        InputError: of a run that differs in a part of the identity; the parts are named.
    """
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
        known, state = found["identity"], State(**found["state"])
        if found["format"] != FORMAT:
            raise ValueError(f"format {found['format']}")
    except Exception as error:
        text = " ".join(str(error).split())[:200]
        raise WeightsError(f"The checkpoint {str(path)!r} cannot be read ({type(error).__name__}: {text}).") from error
    other = [name for name in {**identity, **known} if known.get(name) != identity.get(name)]
    if other:
        rule = f"must continue the same run; the checkpoint {str(path)!r} has another {' and '.join(sorted(other))}"
        raise InputError.of("resume", rule, True, "Remove the checkpoint to begin anew, or write to another file.")
    return state
