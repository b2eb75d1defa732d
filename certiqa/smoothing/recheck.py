"""After sampling, score a few of the same counters again, alone: is the sample what one fixed function gives?

The audit sees a handful of images before sampling. This looks at the sample itself: a score that depends on its place
in a large batch, or on state that built up on the way, does not come back.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from certiqa.errors import AuditError
from certiqa.smoothing.audit import NEGLIGIBLE, NUMERICS
from certiqa.smoothing.base import BaseScore
from certiqa.smoothing.noise import Noise

__all__ = ["recheck"]


def recheck(base: BaseScore, noise: Noise, values: Tensor, scores: npt.NDArray[np.float64], batch_size: int) -> None:
    """Score the first, middle and last counters again, one image at a time, and compare.

    Args:
        base: f.
        noise: the noise of the sample.
        values: (3,H,W), or a front end's numbers (m,), on the device that scores.
        scores: (n,) of counters 0 .. n-1.
        batch_size: of the sample, to look at both ends of a batch.

    Raises:
        AuditError: a score did not come back ("not-repeatable").
        ModelError: the model raised.
    """
    n = len(scores)
    known = scores[~np.isnan(scores)]
    spread = float(np.ptp(known)) if len(known) else 0.0
    scale = max(spread, float(np.abs(known).max()) if len(known) else 0.0)
    tolerance = max(NUMERICS[base.dtype] * scale, NEGLIGIBLE * spread)
    for index in sorted({0, min(batch_size, n) - 1, n // 2, (n - 1) // batch_size * batch_size, n - 1}):
        noisy = noise.noisy(values, index, 1, clip=base.clips_noise)
        with torch.no_grad():
            again = float(base(noisy))
        before = float(scores[index])
        if not (abs(again - before) <= tolerance or (np.isnan(again) and np.isnan(before))):
            raise AuditError(
                f"The model is not fit to be smoothed: [not-repeatable] Score {index} of the sample was {before:.6g}; "
                f"scored again, alone, it is {again:.6g}. Scores depend on their batch or on the model's state. Try "
                "batch_size=1.",
                ("not-repeatable",),
            )
