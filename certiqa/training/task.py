"""What the loop is told of a run, and what it says of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

__all__ = ["Outcome", "Pace", "Report", "Task"]

Report = Callable[[int, int, dict[str, Any]], None]


class Task(Protocol):
    """What is trained, and how: all that the loop does not know."""

    measures: tuple[str, ...]
    """The names of what :meth:`look` finds; "loss", the lower the better, is one of them."""

    def begin(self) -> None:
        """What must be found before the first step of a run; a run that is resumed has it from :meth:`restore`."""
        ...

    def step(self, number: int) -> dict[str, float]:
        """One update, the ``number``-th from 0. ModelError, with everything as it was, if it cannot be made."""
        ...

    def look(self) -> dict[str, float]:
        """Measure on the development part; empty if there is none. Only the leading process is asked."""
        ...

    def shown(self, value: float) -> float:
        """A measure as the log and the outcome give it."""
        ...

    def state(self) -> dict[str, Any]:
        """What :meth:`restore` needs: tensors and plain values."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what :meth:`state` gave."""
        ...

    def weights(self) -> dict[str, Tensor]:
        """A copy of the weights that would be kept as things stand, on the CPU."""
        ...

    def put(self, weights: Mapping[str, Tensor]) -> None:
        """Take these weights, for good: no step comes after it."""
        ...


@dataclass(frozen=True)
class Pace:
    """How long, and how often what.

    Attributes:
        steps: how many updates.
        validate_every: steps between two looks.
        checkpoint_every: steps between two checkpoints.
        patience: stop after so many looks in a row without a lower loss, and keep the best weights; 0: run all steps
            and keep the last.
    """

    steps: int
    validate_every: int
    checkpoint_every: int
    patience: int = 0


@dataclass(frozen=True)
class Outcome:
    """How a run went.

    Attributes:
        steps: how many were done.
        kept_step: after which of them the kept weights were.
        stopped_early: whether patience ended it.
        validation: the last look, or None.
        resumed_at: the step at which this process went on; 0 if it began.
    """

    steps: int
    kept_step: int
    stopped_early: bool
    validation: dict[str, float] | None
    resumed_at: int
