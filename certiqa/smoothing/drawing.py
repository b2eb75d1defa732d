"""What the noises share: the checks of their arguments, the batch they fill, the threads that fill it."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from certiqa.errors import InputError

__all__ = ["CHUNK", "check_noise", "check_values", "empty_batch", "for_each", "on_host"]

# Elements drawn at a time; a multiple of 16. Smaller chunks stay in the L2 cache, but hand the GIL from thread to
# thread more often: on two threads 2**15 gains nothing over one thread, 2**18 about a quarter.
CHUNK = 1 << 18
_THREADS = 8  # at most: more of them wait for one another's bits of Python


def check_noise(noise: object, sigma: object, key: object) -> None:
    """The rules for sigma and key of a noise that is being built; sigma becomes a float."""
    if isinstance(sigma, bool) or not isinstance(sigma, int | float | np.floating) or not 0 < sigma <= 4:
        raise InputError.of("sigma", "must be a finite number in (0, 4], in units of images in [0, 1]", sigma)
    if not (isinstance(key, tuple) and len(key) == 2 and all(isinstance(k, int) and 0 <= k < 1 << 64 for k in key)):
        raise InputError.of("key", "must be two integers in [0, 2**64)", key, "Use noise_key(seed, image_sha256).")
    object.__setattr__(noise, "sigma", float(sigma))


def check_values(
    pixels: NDArray[Any] | torch.Tensor, dtype: torch.dtype, start: int, count: int, *, dims: int = 3
) -> tuple[torch.Tensor, torch.device]:
    """Check the arguments of noisy; give the values where their noise is drawn, and the device they came from.

    ``dims``: 3 for an image (3, H, W), 1 for a front end's numbers (m,).
    """
    x = torch.from_numpy(np.ascontiguousarray(pixels)) if isinstance(pixels, np.ndarray) else pixels.detach()
    if x.dtype != dtype or x.dim() != dims or x.numel() == 0 or (dims == 3 and len(x) != 3):
        got = f"{x.dtype} {tuple(x.shape)}"
        form = "image of shape (3, H, W)" if dims == 3 else "vector of shape (m,)"
        raise InputError.of("pixels", f"must be a {dtype} {form}", got)
    whole = isinstance(start, int) and isinstance(count, int)
    if not whole or count < 1 or not 0 <= start <= start + count < 1 << 63:
        raise InputError.of("start, count", "must be integers with start >= 0 and count >= 1", (start, count))
    # MPS has no float64 and no 64-bit search: draw on the CPU there
    return (x.cpu() if x.device.type == "mps" else x), x.device


def empty_batch(count: int, x: torch.Tensor) -> torch.Tensor:
    """Reserve a batch on the CPU. NumPy asks for huge pages; torch.empty does not, and its page faults cost 1.7 ms
    a sample of 512 x 512 once the batch is over 32 MB and so returned to the system each time."""
    return torch.from_numpy(np.empty((count, *x.shape), dtype=np.float32))


def on_host(x: torch.Tensor) -> bool:
    """Whether the tensor lies in the memory of the CPU."""
    return x.device.type == "cpu"


def for_each(job: Callable[[int], None], count: int, size: int) -> None:
    """Run job(0), ..., job(count - 1), on several threads if there is enough to do; NumPy lets go of the GIL."""
    threads = min(count, torch.get_num_threads(), _THREADS) if count * size > CHUNK else 1

    def stride(first: int) -> None:
        for i in range(first, count, threads):
            job(i)

    others = [_pool(threads - 1).submit(stride, first) for first in range(1, threads)]
    try:
        stride(0)
    finally:
        for other in others:
            other.result()


@lru_cache(maxsize=4)
def _pool(threads: int) -> ThreadPoolExecutor:
    """Threads that are kept: starting them anew for every batch would cost some per cent of the noise."""
    return ThreadPoolExecutor(threads, thread_name_prefix="certiqa-noise")


if hasattr(os, "register_at_fork"):  # a forked child has the pool, but not its threads
    os.register_at_fork(after_in_child=_pool.cache_clear)
