"""Random numbers by address: a function of words such as (seed, step, slot), never of what was drawn before.

So a run that is resumed at a step sees what the uninterrupted run saw, and the number of workers does not matter.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

import numpy as np

__all__ = ["generator", "key", "order"]


def key(*words: int | str) -> int:
    """128 bits from what they stand for.

    >>> key(0, "window", 3) == key(0, "window", 3) != key(0, "window", 4)
    True
    """
    return int.from_bytes(hashlib.sha256("|".join(map(str, words)).encode()).digest()[:16], "big")


def generator(*words: int | str) -> np.random.Generator:
    """A generator of its own for every address."""
    return np.random.Generator(np.random.Philox(key=key(*words)))


@lru_cache(maxsize=4)
def order(seed: int, epoch: int, count: int) -> tuple[int, ...]:
    """Every index in range(count) once, in the order of an epoch."""
    return tuple(generator(seed, "epoch", epoch).permutation(count).tolist())
