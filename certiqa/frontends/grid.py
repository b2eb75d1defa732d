"""The grid that a front end's values are put on before the noise, so that the noise can be exact."""

from __future__ import annotations

__all__ = ["FINEST", "subdivision"]

_STEPS_PER_SIGMA = 1 << 14
FINEST = 1 << 15  # 255 * 2**15 + 10 sigma in steps stays below 2**24: every value is a float32


def subdivision(sigma: float) -> int:
    """k of the grid of step 1/(255 k): the smallest power of two with at least 16384 steps in sigma; at most 2**15.

    So, for sigma from .002 on, the rounding costs at most sqrt(m)/16384 of sigma, and the noise's thresholds stay below
    5 MB, whatever sigma is.

    >>> [subdivision(sigma) for sigma in (0.06, 0.12, 0.25, 0.5, 1.0)]
    [2048, 1024, 512, 256, 128]
    """
    k = 1
    while 255 * sigma * k < _STEPS_PER_SIGMA and k < FINEST:
        k *= 2
    return k
