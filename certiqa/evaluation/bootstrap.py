"""BCa bootstrap intervals and p-values that resample whole contents.

Images of one content (versions of one photograph, pictures of one prompt) are not independent, so contents are drawn
with replacement, each with all of its images; where no contents are given, every image is its own.

Source: B. Efron, "Better bootstrap confidence intervals", JASA 82 (1987); Efron and Tibshirani, An Introduction to the
Bootstrap (1993), chapters 14 and 15.3. The interval is SciPy's (scipy.stats.bootstrap) where every image is its own
content.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from certiqa._checks import check_count, check_seed
from certiqa.errors import InputError
from certiqa.evaluation.weighted import Statistic, Weights
from certiqa.metrics.pairs import Floats

__all__ = ["LEAST_CONTENTS", "Bootstrap", "Resamples", "bootstrap_of", "check_confidence"]

LEAST_CONTENTS = 10
"""With fewer contents no interval and no p-value is given."""

_MOST_LEFT_OUT = 1000  # jackknife values; with more contents they are left out in so many groups
_UNDEFINED_SHARE = 0.01


@dataclass(frozen=True, eq=False)
class Resamples:
    """How often each image is drawn, in many resamples; one draw serves all statistics and metrics, so they are paired.

    Attributes:
        drawn: (R, n) whole numbers.
        left_out: (J, n) zeros and ones: a content is left out, or of more than a thousand contents, each of a thousand
            groups of them, for the acceleration of BCa.
        contents: number of contents.
        seed: of the draw.
    """

    drawn: Weights
    left_out: Weights
    contents: int
    seed: int

    @classmethod
    def of(
        cls, n: int, contents: Sequence[Hashable] | None = None, *, resamples: int = 2000, seed: int = 0
    ) -> Resamples:
        """Draw.

        Args:
            n: number of images.
            contents: what each image shows; None: every image its own.
            resamples: R.
            seed: a whole number; the same seed draws the same.

        Raises:
            InputError: fewer than 100 resamples, as many contents as images missing, a seed out of range.

        >>> Resamples.of(4, ["a", "a", "b", "c"], resamples=100).drawn[:, :2].std(axis=1).max()
        np.float64(0.0)
        """
        check_count(resamples, "resamples", 100, "Try resamples=2000.")
        key = check_seed(seed)
        if key is None:
            raise InputError.of("seed", "must be a whole number in [0, 2**128)", seed)
        label = _labels(n, contents)
        count = int(label.max()) + 1
        random = np.random.Generator(np.random.Philox(key=key))
        drawn = random.multinomial(count, np.full(count, 1 / count), size=resamples).astype(np.uint16)
        group = label % _MOST_LEFT_OUT
        kept = (np.arange(min(count, _MOST_LEFT_OUT))[:, None] != group).astype(np.uint8)
        return cls(drawn[:, label], kept, count, key)


@dataclass(frozen=True, eq=False)
class Bootstrap:
    """A statistic of the sample, of its resamples, and with contents left out.

    Attributes:
        observed: of the sample.
        replicates: (R,) of the resamples; NaN where it is not defined.
        left_out: (J,) with contents left out.
        contents: number of contents.
    """

    observed: float
    replicates: Floats
    left_out: Floats
    contents: int

    def times(self, factor: float) -> Bootstrap:
        """This statistic, multiplied."""
        return Bootstrap(factor * self.observed, factor * self.replicates, factor * self.left_out, self.contents)

    def minus(self, other: Bootstrap) -> Bootstrap:
        """The difference of two statistics of the same :class:`Resamples`: a paired bootstrap."""
        return Bootstrap(
            self.observed - other.observed,
            self.replicates - other.replicates,
            self.left_out - other.left_out,
            self.contents,
        )

    def interval(self, confidence: float = 0.95) -> tuple[float, float] | None:
        """The two-sided BCa interval; None where the bootstrap has nothing to say.

        That is: fewer than 10 contents, the statistic undefined in more than one in a hundred resamples, all resamples
        on one side of the sample's value, or no spread at all.
        """
        constants = self._constants
        if constants is None:
            return None
        from scipy.special import ndtr, ndtri

        z0, a = constants
        tails = np.array([(1 - confidence) / 2, (1 + confidence) / 2])
        z = z0 + ndtri(tails)
        if (a * z >= 1).any():
            return None
        low, high = np.quantile(self._defined, ndtr(z0 + z / (1 - a * z)))
        return float(low), float(high)

    def p_value(self) -> float | None:
        """Two-sided p-value of "the true value is 0": the level at which the BCa interval ends at 0.

        Never below 2/(R+1), R resamples being all that was looked at; 1 if all resamples are exactly 0; None where
        there is no interval.
        """
        values = self._defined
        if self.contents >= LEAST_CONTENTS and len(values) == len(self.replicates) and not values.any():
            return 1.0 if self.observed == 0 else None
        constants = self._constants
        if constants is None:
            return None
        from scipy.special import ndtr, ndtri

        z0, a = constants
        least = 1 / (len(values) + 1)
        share = float(((values < 0).sum() + (values <= 0).sum()) / (2 * len(values)))
        z = float(ndtri(min(max(share, least), 1 - least))) - z0
        if 1 + a * z <= 0:
            return 2 * least
        z = z / (1 + a * z) - z0
        return min(1.0, max(2 * least, 2 * float(min(ndtr(z), ndtr(-z)))))

    @cached_property
    def _defined(self) -> Floats:
        return self.replicates[~np.isnan(self.replicates)]

    @cached_property
    def _constants(self) -> tuple[float, float] | None:
        """Bias correction z0 and acceleration a; None: no interval."""
        from scipy.special import ndtri

        values, all_ = self._defined, len(self.replicates)
        if self.contents < LEAST_CONTENTS or all_ - len(values) > _UNDEFINED_SHARE * all_:
            return None
        below = float(((values < self.observed).sum() + (values <= self.observed).sum()) / (2 * len(values)))
        change = self.left_out.mean() - self.left_out
        spread = float((change**2).sum())
        if not 0 < below < 1 or not spread > 0 or math.isnan(self.observed):
            return None
        return float(ndtri(below)), float((change**3).sum() / (6 * spread**1.5))


def bootstrap_of(statistic: Statistic, resamples: Resamples) -> Bootstrap:
    """The statistic of the sample, of all resamples, and with contents left out.

    Args:
        statistic: (R, n) weights -> (R,), as :mod:`certiqa.evaluation.weighted` makes them.
        resamples: of the same n images.
    """
    once = np.ones((1, resamples.drawn.shape[1]), np.uint8)
    return Bootstrap(
        float(statistic(once)[0]), statistic(resamples.drawn), statistic(resamples.left_out), resamples.contents
    )


def check_confidence(value: object) -> float:
    """A confidence, in (0, 1).

    Raises:
        InputError: it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
        raise InputError.of("confidence", "must lie in (0, 1)", value, "Try confidence=0.95.")
    return float(value)


def _labels(n: int, contents: Sequence[Hashable] | None) -> npt.NDArray[np.int64]:
    """Contents as numbers from 0, in the order in which they first appear."""
    if contents is None:
        return np.arange(n)
    if len(contents) != n:
        rule = "must name one content for each of the scores"
        raise InputError.of("contents", rule, f"{len(contents)} for {n} scores")
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(content, len(numbers)) for content in contents], np.int64)
