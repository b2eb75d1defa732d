"""Three correlations at once, for samples that may be too small or constant: what is undefined is said, not raised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from certiqa.evaluation.bootstrap import Resamples
from certiqa.evaluation.changes import estimate_of
from certiqa.evaluation.correlation import Estimate
from certiqa.evaluation.weighted import kendall, pearson, spearman
from certiqa.metrics.pairs import Floats

__all__ = ["Correlations", "correlations_of"]

LEAST = 3


@dataclass(frozen=True)
class Correlations:
    """SROCC, KROCC and PLCC of two variables, with their sign; all None, with the reason, where undefined.

    Attributes:
        srocc: Spearman's.
        krocc: Kendall's tau-b.
        plcc: Pearson's, of the numbers as they are.
        undefined: why there is none; None if there is.
    """

    srocc: Estimate | None
    krocc: Estimate | None
    plcc: Estimate | None
    undefined: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        names = ("srocc", "krocc", "plcc")
        found = {name: getattr(self, name) for name in names}
        return {name: one and one.to_dict() for name, one in found.items()} | {"undefined": self.undefined}


def correlations_of(
    first: Floats, second: Floats, names: tuple[str, str], sample: Resamples, confidence: float
) -> Correlations:
    """The correlations of two finite (n,) arrays, called by ``names`` where a reason is due.

    >>> import numpy as np
    >>> sample = Resamples.of(4, resamples=100)
    >>> correlations_of(np.ones(4), np.arange(4.0), ("before", "MOS"), sample, 0.95).undefined
    'before is the same for all 4 images'
    """
    n = len(first)
    if n < LEAST:
        return Correlations(None, None, None, f"{n} images are fewer than {LEAST}")
    for values, name in zip((first, second), names, strict=True):
        if (values == values[0]).all():
            return Correlations(None, None, None, f"{name} is the same for all {n} images")
    s, k, p = (estimate_of(one(first, second), sample, confidence) for one in (spearman, kendall, pearson))
    return Correlations(s, k, p)
