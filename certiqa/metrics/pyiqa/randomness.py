"""The global random states of the process: to be left as they were."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

__all__ = ["kept_random_states"]


@contextmanager
def kept_random_states() -> Iterator[None]:
    """Put the global generators of python, NumPy and torch (CPU and GPUs) back as they were at the beginning.

    What runs inside may seed them and draw from them; the process does not notice. Not for several threads at once:
    they share these generators.

    >>> before = torch.get_rng_state()
    >>> with kept_random_states():
    ...     torch.empty(3).uniform_().shape
    torch.Size([3])
    >>> torch.equal(before, torch.get_rng_state())
    True
    """
    python_state = random.getstate()
    numpy_state = np.random.get_state()  # noqa: NPY002
    torch_state = torch.get_rng_state()
    gpu_states = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    try:
        yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)  # noqa: NPY002
        torch.set_rng_state(torch_state)
        if gpu_states:
            torch.cuda.set_rng_state_all(gpu_states)
