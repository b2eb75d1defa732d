"""R robustness: how much of the room that a score has is left unused by the attack, as a logarithm.

For one image, R = log( max(b1 - f(x), f(x) - b2) / |f(x) - f(x*)| ), b1 and b2 being the top and the bottom of the
scale; the figure of a metric is the mean over images. 0: the attack moves the score by all the room it has; 1 (base
10): by a tenth of it. The paper writes log; the field computes log10, and so does the default here, which stands in the
result.

An image whose score did not change has R = infinity, and the mean over all images is then infinite. No epsilon is
added. The rule here: the mean is taken over the images whose score changed, the others are counted, and the median over
all images, infinite ones included, stands beside it.

Source: Zhang et al., "Perceptual attacks of no-reference image quality models with human-in-the-loop", NeurIPS 2022,
equation 6.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from certiqa._checks import check_output_range
from certiqa.errors import InputError
from certiqa.evaluation.averages import mean
from certiqa.evaluation.bootstrap import Resamples
from certiqa.evaluation.changes import estimate_of
from certiqa.evaluation.correlation import Estimate
from certiqa.metrics.pairs import Floats

__all__ = ["RScore", "check_base", "check_scale", "r_of", "r_per_image"]


@dataclass(frozen=True)
class RScore:
    """The R robustness of a metric under an attack.

    Attributes:
        mean: over the images whose score changed; None if none did.
        median: over all images, unchanged ones as infinity.
        unchanged: number of images with R = infinity, which the mean leaves out.
        n: number of images.
        base: of the logarithm.
        scale: (bottom, top) of the scores.
    """

    mean: Estimate | None
    median: float
    unchanged: int
    n: int
    base: float
    scale: tuple[float, float]

    @property
    def literal(self) -> float:
        """The mean over all images, as the equation reads: infinite as soon as one score did not change."""
        return math.inf if self.unchanged or self.mean is None else self.mean.value

    def words(self) -> str:
        """One line.

        >>> RScore(None, math.inf, 4, 4, 10.0, (0.0, 1.0)).words()
        'R infinite: the score of none of the 4 images changed'
        """
        if self.mean is None:
            return f"R infinite: the score of none of the {self.n} images changed"
        left = f", over {self.n - self.unchanged} of {self.n} images; R is infinite for the others, whose score did not"
        return f"R {self.mean.value:.3f} (log base {self.base:g}{f'{left} change' if self.unchanged else ''})"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; an infinite median is null."""
        return {
            "mean": None if self.mean is None else self.mean.to_dict(),
            "median": self.median if math.isfinite(self.median) else None,
            "unchanged": self.unchanged,
            "n": self.n,
            "base": self.base,
            "scale": list(self.scale),
        }


def r_per_image(before: Floats, after: Floats, scale: tuple[float, float], base: float) -> Floats:
    """R of every image; infinity where the score did not change.

    >>> r_per_image(np.array([20.0, 20.0]), np.array([28.0, 20.0]), (0.0, 100.0), 10.0)
    array([ 1., inf])
    """
    low, high = scale
    room, change = np.maximum(high - before, before - low), np.abs(after - before)
    changed = change > 0
    ratio = room / np.where(changed, change, 1.0)
    return np.where(changed, np.log(ratio) / math.log(base), np.inf)


def r_of(
    before: Floats, after: Floats, scale: tuple[float, float], base: float, sample: Resamples, confidence: float
) -> RScore:
    """The figure of two finite (n,) arrays; nothing is checked."""
    values = r_per_image(before, after, scale, base)
    changed = np.isfinite(values)
    average = estimate_of(mean(values, changed), sample, confidence) if changed.any() else None
    ascending = np.sort(values)
    low, high = ascending[(len(values) - 1) // 2], ascending[len(values) // 2]
    middle = float(low if low == high else (low + high) / 2)
    return RScore(average, middle, int((~changed).sum()), len(values), base, scale)


def check_base(base: object) -> float:
    """The base of the logarithm: finite, > 1.

    Raises:
        InputError: it is not.
    """
    if isinstance(base, bool) or not isinstance(base, Real) or not 1 < float(base) < math.inf:
        raise InputError.of("base", "must be a finite number > 1, the base of R's logarithm", base, "Try base=10.")
    return float(base)


def check_scale(scale: object) -> tuple[float, float] | None:
    """None, or (bottom, top) of the scores.

    Raises:
        InputError: it is neither.
    """
    try:
        return check_output_range(scale)
    except InputError:
        rule = "must be None or a pair (bottom, top) of finite scores with bottom < top"
        raise InputError.of("scale", rule, scale, "R is measured against it.") from None
