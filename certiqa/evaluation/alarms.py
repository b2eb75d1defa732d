"""Certificates against many attacks: more alarms than their alpha explains?

A certificate at level alpha may fail; of M independent ones, about alpha M do. So one alarm is no proof of a mistake:
the number of certificates with an alarm is compared with the binomial law that it may follow at most. Attacks on one
certificate share its noise and are counted once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from certiqa._checks import check_alpha
from certiqa.certifiers.verdicts import Verdict
from certiqa.errors import InputError, SoundnessAlarm

__all__ = ["Soundness", "soundness_of"]


@dataclass(frozen=True)
class Soundness:
    """Many verdicts, counted.

    Attributes:
        attacks: number of attacks.
        within: those within the radius of their interval: the only ones that say anything.
        alarms: attacks that raised an alarm.
        certificates: number of certificates with an attack within its radius.
        failed: certificates with at least one alarm.
        expected: how many may fail, on average, at most.
        p: probability of so many failures or more, if every certificate is sound.
        significance: p below it is called unsound.
    """

    attacks: int
    within: int
    alarms: int
    certificates: int
    failed: int
    expected: float
    p: float
    significance: float

    @property
    def sound(self) -> bool:
        """Whether chance explains what was seen."""
        return self.p >= self.significance

    def words(self) -> str:
        """One line."""
        counted = (
            f"{self.alarms} alarms in {self.within} attacks within their radius (of {self.attacks}); {self.failed} of "
            f"{self.certificates} certificates failed, at most {self.expected:.3g} expected, p {self.p:.3g}"
        )
        return counted if self.sound else f"SOUNDNESS ALARM: {counted} < {self.significance:g}"

    def check(self) -> Soundness:
        """Itself.

        Raises:
            SoundnessAlarm: chance does not explain the failures.
        """
        if not self.sound:
            raise SoundnessAlarm(self.words(), self)
        return self

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__} | {"sound": self.sound}


def soundness_of(verdicts: Iterable[Verdict], *, significance: float = 1e-6) -> Soundness:
    """Count the verdicts and test the count.

    A certificate fails with probability at most alpha, and each fresh sample adds its level; the certificate with the
    largest such sum stands for all, so the test is one-sided exact for equal ones and cautious for others.

    Args:
        verdicts: of any number of attacks on any number of certificates, which must be independent of each other
            (fresh noise, or seeds that are keyed by the image).
        significance: how small the probability of so many failures must be before they are called an alarm: the
            price of this test is that it cries wolf once in 1/significance runs.

    Raises:
        InputError: significance out of (0, 1).

    >>> soundness_of([]).words()
    '0 alarms in 0 attacks within their radius (of 0); 0 of 0 certificates failed, at most 0 expected, p 1'
    """
    check_alpha(significance, "significance")
    found = list(verdicts)
    if not all(isinstance(one, Verdict) for one in found):
        raise InputError.of("verdicts", "must hold what verdict() returns", [type(one).__name__ for one in found][:5])
    within = [one for one in found if one.within]
    chances: dict[tuple[str, bool], float] = {}
    failed: set[tuple[str, bool]] = set()
    for one in within:
        key = one.certificate, one.simultaneous
        chances[key] = chances.get(key, one.alpha) + one.level
        if one.alarm:
            failed.add(key)
    chance = min(1.0, max(chances.values(), default=0.0))
    p = _upper_tail(len(failed), len(chances), chance)
    alarms = sum(one.alarm for one in within)
    expected = chance * len(chances)
    return Soundness(len(found), len(within), alarms, len(chances), len(failed), expected, p, significance)


def _upper_tail(count: int, n: int, chance: float) -> float:
    """P[Bin(n, chance) >= count], without cancellation."""
    if count <= 0:
        return 1.0
    from scipy.stats import binom

    return float(binom.sf(count - 1, n, chance))
