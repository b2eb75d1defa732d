"""The constant predictor: the row that shows what a measure of robustness alone is worth.

No attack moves a constant: its RMSE(before, after) is 0 and its R is infinite, better than any metric's. It knows
nothing all the same: no correlation is defined for it, and its RMSE to the MOS is their standard deviation. A table of
robustness without this row lets a metric win by saying less.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from certiqa.errors import InputError
from certiqa.evaluation.robustness import Robustness, robustness_of
from certiqa.metrics.pairs import check_values

__all__ = ["constant_predictor"]


def constant_predictor(mos: object, **options: Any) -> Robustness:
    """The row of a predictor that gives every image the mean of the MOS, attacked or not.

    Args:
        mos: human scores, (n,).
        options: those of :func:`~certiqa.evaluation.robustness_of` but before, after and mos. Without
            ``scale`` R is measured on the range of these MOS (it is infinite on any).

    Raises:
        InputError: as for :func:`~certiqa.evaluation.robustness_of`.

    >>> row = constant_predictor([1.0, 2.0, 3.0, 4.0, 5.0])
    >>> row.changes.rmse.value, round(row.rmse_mos_after.value, 4), row.r.literal
    (0.0, 1.4142, inf)
    >>> row.kept.srocc is None, row.kept.undefined
    (True, 'before is the same for all 5 images')
    """
    if taken := sorted({"before", "after", "mos"} & set(options)):
        raise InputError.of(taken[0], "must not be given: a constant's scores follow from the MOS", options[taken[0]])
    human = check_values(mos, "mos", 1, constant=True)
    low, high = float(human.min()), float(human.max())
    same = np.full(len(human), human.mean())
    return robustness_of(same, same, human, **{"scale": (low, high) if low < high else None, **options})
