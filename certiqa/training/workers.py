"""One process, or the several that torchrun starts: who does which share, and how their results become one."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, distributed

from certiqa.errors import InputError

__all__ = ["Workers", "workers"]


@dataclass(frozen=True)
class Workers:
    """The group of processes of a run.

    Attributes:
        rank: the number of this one.
        world: how many there are.
        device: of this one.
    """

    rank: int
    world: int
    device: torch.device

    @property
    def leads(self) -> bool:
        """Whether this process writes files and looks at the validation part."""
        return self.rank == 0

    def share(self, batch: int) -> range:
        """The slots of a batch that this process computes; the batch is a multiple of ``world``."""
        size = batch // self.world
        return range(self.rank * size, (self.rank + 1) * size)

    def gathered(self, values: Tensor) -> Tensor:
        """(b,) of every process -> (B,), in the order of the slots; the gradient leads to this process's share only."""
        if self.world == 1:
            return values
        plain = values.detach().contiguous()
        parts = [torch.empty_like(plain) for _ in range(self.world)]
        distributed.all_gather(parts, plain)
        parts[self.rank] = values
        return torch.cat(parts)

    def sum_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Add up the gradients of all processes, in place."""
        if self.world == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([g.flatten() for g in gradients])
        distributed.all_reduce(flat)
        for gradient, part in zip(gradients, torch.split(flat, [g.numel() for g in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient))

    def agree(self, values: list[float]) -> list[float]:
        """The numbers of the leading process, exactly, everywhere."""
        if self.world == 1:
            return values
        tensor = torch.tensor(values, dtype=torch.float64, device=self.device)
        distributed.broadcast(tensor, 0)
        return [float(value) for value in tensor.tolist()]

    def wait(self) -> None:
        """Until every process is here."""
        if self.world > 1:
            distributed.barrier()


@contextlib.contextmanager
def workers(device: torch.device | None) -> Iterator[Workers]:
    """The group that the environment describes (RANK, WORLD_SIZE, LOCAL_RANK: torchrun sets them), else this process.

    Args:
        device: None: a GPU if there is one, for each process its own.

    Raises:
        InputError: the environment is not whole.
    """
    world = _from_environment("WORLD_SIZE", 1)
    if device is None or (device.type == "cuda" and device.index is None):
        wanted = device is not None or torch.cuda.is_available()
        device = torch.device("cuda", _from_environment("LOCAL_RANK", 0)) if wanted else torch.device("cpu")
    if world == 1:
        yield Workers(0, 1, device)
        return
    begun = not distributed.is_initialized()
    if begun:
        if device.type == "cuda":
            torch.cuda.set_device(device)
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Workers(distributed.get_rank(), distributed.get_world_size(), device)
    finally:
        if begun:
            distributed.destroy_process_group()


def _from_environment(name: str, default: int) -> int:
    text = os.environ.get(name, str(default))
    if not text.isdigit():
        raise InputError.of(name, "must be a whole number in the environment, as torchrun sets it", text)
    return int(text)
