"""What became of a certificate under an attack, as data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from certiqa.errors import InputError

__all__ = ["Verdict"]


@dataclass(frozen=True)
class Verdict:
    """What became of one certificate under one attack.

    Attributes:
        certificate: which one: the digest of its image and the commitment to its seed.
        length: l2 length of the attack, in the pixels of the image as it was given, rounded up.
        eps: the radius that the interval was asked for.
        lower: lower end of the certified interval; -inf if nothing is certified.
        upper: upper end; inf if nothing is certified.
        alpha: failure probability of the certificate.
        simultaneous: whether the interval is the band's (all eps at once) or that of one declared eps.
        median: of the fresh scores at the attacked image.
        median_low: the true median there is lower with probability at most ``level / 2``.
        median_high: the true median there is higher with probability at most ``level / 2``.
        n_fresh: number of fresh scores.
        level: probability of an alarm by chance of the fresh scores, at most.
        tolerance: how far beyond an end counts as rounding of the metric's arithmetic.
    """

    certificate: str
    length: float
    eps: float
    lower: float
    upper: float
    alpha: float
    simultaneous: bool
    median: float
    median_low: float
    median_high: float
    n_fresh: int
    level: float
    tolerance: float

    @property
    def within(self) -> bool:
        """Whether the attack is no longer than the radius of the interval: only then does it promise anything."""
        return self.length <= self.eps

    @property
    def outside(self) -> str | None:
        """ "above" or "below" if the attacked median certainly left the interval (at ``level``); else None."""
        if self.median_low > self.upper + self.tolerance:
            return "above"
        return "below" if self.median_high < self.lower - self.tolerance else None

    @property
    def alarm(self) -> bool:
        """Within the radius and certainly outside: the certificate did not hold."""
        return self.within and self.outside is not None

    def words(self) -> str:
        """One line."""
        interval = f"[{self.lower:.6g}, {self.upper:.6g}]"
        seen = f"median {self.median:.6g} (in [{self.median_low:.6g}, {self.median_high:.6g}] but for {self.level:g})"
        where = f"certainly {self.outside} {interval}" if self.outside else f"not certainly outside {interval}"
        if not self.within:
            return f"no statement: the attack, {self.length:.6g}, is longer than eps {self.eps:.6g}; {seen}, {where}"
        return (
            f"{'SOUNDNESS ALARM' if self.alarm else 'holds'}: l2 {self.length:.6g} <= {self.eps:.6g}; {seen}, {where}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; an infinite end is null."""
        data = {name: getattr(self, name) for name in self.__dataclass_fields__}
        ends = {name: data[name] if math.isfinite(data[name]) else None for name in _ENDS}
        return data | ends | {"within": self.within, "outside": self.outside, "alarm": self.alarm}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Verdict:
        """The inverse of :meth:`to_dict`; what follows from the fields (``alarm``, say) is computed anew.

        Raises:
            InputError: a field is missing.
        """
        missing = [name for name in cls.__dataclass_fields__ if name not in data]
        if missing:
            raise InputError.of("data", "must be what Verdict.to_dict() gives", f"no {', '.join(missing)}")
        found = {name: data[name] for name in cls.__dataclass_fields__}
        ends: dict[str, Any] = {name: _open_end(name) for name, value in found.items() if value is None}
        return cls(**{**found, **ends})


def _open_end(name: str) -> float:
    return math.inf if name in ("upper", "median_high") else -math.inf


_ENDS = ("lower", "upper", "median", "median_low", "median_high")
