"""A certificate in plain words: the guarantee, its failure probability, and what eps means in grey levels and dB."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context
from typing import TYPE_CHECKING, Any

from certiqa.certificate.interval import Interval
from certiqa.statistics import percentile

if TYPE_CHECKING:
    from certiqa.frontends import SizedFrontEnd

__all__ = [
    "HEADINGS",
    "RANGE_ONLY",
    "Row",
    "confidence_words",
    "finite",
    "front_end_lines",
    "headings",
    "outward",
    "range_words",
    "table_lines",
    "towards",
]

HEADINGS = ("eps", "RMS grey", "PSNR", "l_inf", "median stays in", "moves at most", "printed moves at most")
RANGE_ONLY = "range only"
"""What every cell says that the scores do not prove: the enforced range alone gives its value."""


@dataclass(frozen=True)
class Row:
    """What is proved at one eps.

    Attributes:
        eps: the l2 radius.
        interval: containment.
        tau: drift of the true median.
        tau_deployed: change of the printed score.
        smallest_n: what it would take, where n does not do.
        n: number of scores.
        dimension: number of values of the image.
        tau_rests_on_range: whether tau is what the enforced range leaves, and the scores prove no bound.
        tau_deployed_rests_on_range: the same of tau_deployed, which may need more scores than tau.
    """

    eps: float
    interval: Interval
    tau: float
    tau_deployed: float
    smallest_n: int | None
    n: int
    dimension: int
    tau_rests_on_range: bool = False
    tau_deployed_rests_on_range: bool = False

    def cells(self) -> tuple[str, ...]:
        """The row as text, one cell per heading."""
        mark = "" if self.interval.simultaneous else "*"
        return (
            f"{towards(self.eps, 4, up=False)}{mark}",
            towards(percentile.rms_grey_levels(self.eps, self.dimension), 3, up=False),
            f"{math.ceil(10 * percentile.psnr_db(self.eps, self.dimension) - 1e-6) / 10:.1f} dB"
            if self.eps
            else "inf dB",
            f"{towards(255 * percentile.linf_step(self.eps, self.dimension), 2, up=False)}/255",
            self._interval_words(),
            _bound(self.tau, self.tau_rests_on_range),
            _bound(self.tau_deployed, self.tau_deployed_rests_on_range),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data that JSON can hold; null where nothing is proved."""
        data = {name: value for name, value in dataclasses.asdict(self.interval).items() if name != "alpha"}
        data |= {"certified": self.interval.certified, "tau": self.tau, "tau_deployed": self.tau_deployed}
        data |= {name: finite(data[name]) for name in ("lower", "upper", "tau", "tau_deployed")}
        return {**data, "smallest_n": self.smallest_n}

    def _interval_words(self) -> str:
        interval = self.interval
        lower = "..." if interval.lower_from == "not asked" else outward(interval.lower, up=False)
        upper = "..." if interval.upper_from == "not asked" else outward(interval.upper, up=True)
        text = f"[{lower}, {upper}]"
        if interval.certified:
            return text
        remedy = f"needs n >= {self.smallest_n}" if self.smallest_n else "no n does" if self.n else "beyond the bounds"
        if self.smallest_n and self.smallest_n <= self.n:
            remedy = "scores failed"
        return f"{text} {RANGE_ONLY if 'range' in (interval.lower_from, interval.upper_from) else 'unproved'}: {remedy}"


def _bound(tau: float, rests_on_range: bool) -> str:
    return f"{outward(tau, up=True)}{f' {RANGE_ONLY}' if rests_on_range else ''}"


def headings(what: str) -> tuple[str, ...]:
    """The headings of a table in which ``what``, "median" or "score", stays in intervals."""
    return tuple(heading.replace("median", what) for heading in HEADINGS)


def finite(value: float) -> float | None:
    """The value, or None (null in JSON) for an infinite one."""
    return value if math.isfinite(value) else None


def towards(value: float, digits: int, *, up: bool) -> str:
    """So many significant digits, rounded one way; a value within 1e-9 of a rounded one is taken to be that one.

    >>> towards(0.9065, 2, up=False), towards(1.9999999999, 2, up=False), towards(2.499, 3, up=True)
    ('0.9', '2', '2.5')
    """
    nearest = float(f"{value:.{digits}g}")
    if abs(nearest - value) <= 1e-9 * abs(value):
        return f"{nearest:.{digits}g}"
    context = Context(prec=digits, rounding=ROUND_CEILING if up else ROUND_FLOOR)
    return f"{float(context.create_decimal(repr(float(value)))):.{digits}g}"


def outward(value: float, *, up: bool) -> str:
    """Four significant digits, rounded to the safe side, so that the text claims no more than was proved.

    >>> outward(61.64625, up=False), outward(61.64625, up=True), outward(0.5, up=True)
    ('61.64', '61.65', '0.5')
    """
    if not math.isfinite(value):
        return "unbounded" if value > 0 else "-unbounded"
    digits = Context(prec=4, rounding=ROUND_CEILING if up else ROUND_FLOOR)
    return f"{float(digits.create_decimal(repr(float(value)))):.4g}"


def confidence_words(alpha: float) -> str:
    """1 - alpha in percent, with no digit lost.

    >>> confidence_words(1e-3), confidence_words(1e-20)
    ('99.9 %', '1 - 1e-20')
    """
    return f"{100 * (1 - alpha):.12g} %" if alpha >= 1e-9 else f"1 - {alpha:g}"


def table_lines(shown: list[Row], what: str = "median") -> list[str]:
    """The rows under their headings, in columns as wide as they need to be; ``what`` stays in the intervals."""
    table = [headings(what), *(row.cells() for row in shown)]
    widths = [max(len(line[i]) for line in table) for i in range(len(HEADINGS))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in table]


def front_end_lines(sized: SizedFrontEnd) -> list[str]:
    """What stands before the noise, and what is left of an eps behind it; nothing where the noise meets the pixels."""
    if sized.is_identity:
        return []
    passed, added = outward(sized.lipschitz, up=True), outward(sized.grid, up=True)
    if sized.gives_pictures:
        what = f"the image is resized to {sized.output_shape[2]}x{sized.output_shape[1]} before the noise"
        by = "the resize passes on at most"
    else:
        what = f"the noise meets {sized.dimension} numbers of the front end {sized.front_end.name!r}, not pixels"
        by = "the front end passes on at most"
    return [f"{what}; eps is in the original image's pixels: {by} {passed} of it, to which its grid adds {added}"]


def range_words(
    lower_better: bool | None, output_range: tuple[float, float] | None, enforced_by: str | None
) -> list[str]:
    """The direction of the scores and their range, as far as they are known."""
    facts = []
    if lower_better is not None:
        facts.append("lower is better" if lower_better else "higher is better")
    if output_range:
        who = "the model" if enforced_by == "model" else "certiqa (scores are clamped)"
        facts.append(f"range {output_range[0]:g} to {output_range[1]:g}, enforced by {who}")
    return facts
