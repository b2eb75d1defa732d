"""A certificate in plain words: the guarantee, its failure probability, and what eps means in grey levels and dB."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context
from typing import TYPE_CHECKING, Any

from certiqa._counted import counted
from certiqa.certificate.interval import Interval
from certiqa.statistics import percentile

if TYPE_CHECKING:
    from certiqa.certificate.certificate import Certificate
    from certiqa.statistics.statements import Statement

__all__ = [
    "HEADINGS",
    "RANGE_ONLY",
    "Row",
    "confidence_words",
    "describe",
    "finite",
    "guarantee_words",
    "header_lines",
    "notes",
    "nothing_proved",
    "outward",
    "rows",
    "table_lines",
]

HEADINGS = ("eps", "RMS grey", "PSNR", "l_inf", "median stays in", "moves at most", "printed moves at most")
RANGE_ONLY = "range only"
"""What every cell says that the scores do not prove: the enforced range alone gives its value."""
_CHANGES: tuple[Statement, ...] = ("drift", "deployed")
_DEFAULT_RADII = (0.25, 0.5, 1.0, 2.0, 3.0)  # in units of sigma


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
        remedy = f"needs n >= {self.smallest_n}" if self.smallest_n else "no n does"
        if self.smallest_n and self.smallest_n <= self.n:
            remedy = "scores failed"
        return f"{text} {RANGE_ONLY if 'range' in (interval.lower_from, interval.upper_from) else 'unproved'}: {remedy}"


def _bound(tau: float, rests_on_range: bool) -> str:
    return f"{outward(tau, up=True)}{f' {RANGE_ONLY}' if rests_on_range else ''}"


def rows(certificate: Certificate, eps: tuple[float, ...] = ()) -> list[Row]:
    """One row per eps, the one declared beforehand first; default: a quarter of sigma to three sigma."""
    bare = dataclasses.replace(certificate, output_range=None)
    result = [] if certificate.at is None else [_row(certificate, bare, None, certificate.at)]
    chosen = eps or (() if result else _default_eps(certificate))
    return result + [_row(certificate, bare, e, None) for e in chosen]


def _default_eps(certificate: Certificate) -> tuple[float, ...]:
    """Where r = eps/sigma, as the scores see it, has its usual values; four digits, rounded down, behind a resize."""
    if certificate.working is None:
        return tuple(r * certificate.sigma for r in _DEFAULT_RADII)
    found = [float(outward(certificate.eps_for(r * certificate.sigma), up=False)) for r in _DEFAULT_RADII]
    return tuple(eps for eps in found if eps > 0) or (0.0,)


def _row(certificate: Certificate, bare: Certificate, eps: float | None, at: float | None) -> Row:
    """``bare`` is the certificate without its range: what is unbounded there rests on the range here."""
    interval = certificate.bounds(eps, at=at)
    drift, deployed = (certificate.tau(eps, at=at, statement=kind) for kind in _CHANGES)
    on_range = [
        math.isfinite(tau) and math.isinf(bare.tau(eps, at=at, statement=kind))
        for tau, kind in zip((drift, deployed), _CHANGES, strict=True)
    ]
    return Row(
        interval.eps,
        interval,
        drift,
        deployed,
        None if interval.certified else certificate.smallest_n(eps, at=at),
        certificate.n,
        certificate.dimension,
        *on_range,
    )


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


def header_lines(certificate: Certificate) -> list[str]:
    """Which picture, which metric, which score."""
    _, height, width = certificate.shape
    p = certificate.provenance
    model = p.model + (f" behind {p.denoiser}" if p.denoiser else "")
    facts = [f"median of {counted(certificate.n, 'score')} under noise of sigma {certificate.sigma:g}"]
    facts[0] += f" ({255 * certificate.sigma:.3g} grey levels)"
    if certificate.lower_better is not None:
        facts.append("lower is better" if certificate.lower_better else "higher is better")
    if certificate.output_range:
        low, high = certificate.output_range
        who = "the model" if certificate.range_enforced_by == "model" else "certiqa (scores are clamped)"
        facts.append(f"range {low:g} to {high:g}, enforced by {who}")
    lines = [
        f"{p.image} ({width}x{height}) under {model}",
        f"smoothed score {certificate.score:.4g}: {'; '.join(facts)}",
    ]
    if certificate.working is not None:
        w = certificate.working
        lines.append(
            f"the image is resized to {w} before the noise; eps is in the original image's pixels: the resize passes "
            f"on at most {outward(w.norm, up=True)} of it, to which its grid adds {outward(w.grid, up=True)}"
        )
    return lines


def guarantee_words(certificate: Certificate) -> str:
    """The guarantee, with its failure probability."""
    side = {
        "both": "takes the smoothed median out of the interval, or moves it by more than stated",
        "upper": "raises the smoothed median above the interval, or by more than stated (falls are not bounded)",
        "lower": "lowers the smoothed median below the interval, or by more than stated (rises are not bounded)",
    }[certificate.side]
    return (
        f"With probability at least {confidence_words(certificate.alpha)} over the noise drawn here, no change of the "
        f"image of l2 length at most eps {side}."
    )


def notes(certificate: Certificate, shown: list[Row]) -> list[str]:
    """What has to be said below the table."""
    nothing = nothing_proved(certificate, shown)
    result = [nothing] if nothing else []
    scores = counted(certificate.n, "score")
    if any(row.interval.simultaneous for row in shown):
        result.append("Rows without * hold together, for every eps at once.")
    if any(not row.interval.simultaneous for row in shown):
        result.append(
            "* eps declared before sampling: exact ranks for it alone; each of its statements holds by itself."
        )
    if any(RANGE_ONLY in cell for row in shown for cell in row.cells()):
        result.append(f"'{RANGE_ONLY}': the scores prove no bound there; the enforced range alone gives the value.")
    result.append(
        "'printed moves at most' compares the score above with the one that a fresh run of the same n prints for the "
        f"attacked image; it fails with probability {certificate.alpha:g} more per printed score."
    )
    if certificate.failures:
        were = "was NaN and counts" if certificate.failures == 1 else "were NaN and count"
        result.append(f"{certificate.failures} of {scores} {were} as the worst on either side.")
    if certificate.clamped:
        were = "was" if certificate.clamped == 1 else "were"
        result.append(f"{certificate.clamped} of {scores} {were} clamped to the declared range.")
    result += [f"Assumption: {text}" for text in certificate.assumptions]
    result += [f"Audit: {text}" for text in certificate.provenance.findings]
    result += [f"Image: {text}." for text in certificate.provenance.image_notes]
    return result


def nothing_proved(certificate: Certificate, shown: list[Row]) -> str | None:
    """That these scores prove nothing at any eps of the table, and what would; None if they prove something."""
    if any(row.interval.certified for row in shown) or not shown:
        return None
    said = f"n={certificate.n} proves nothing at any eps of this table"
    easiest = min(shown, key=lambda row: row.eps)
    if easiest.smallest_n is None:
        return f"{said}; no n up to ten million would: ask for a smaller eps or take a larger sigma."
    if easiest.smallest_n <= certificate.n:
        return f"{said}, because {certificate.failures} of the scores were NaN."
    return f"{said}; the smallest n that would is {easiest.smallest_n}, at eps {towards(easiest.eps, 4, up=False)}."


def table_lines(shown: list[Row]) -> list[str]:
    """The rows under their headings, in columns as wide as they need to be."""
    table = [HEADINGS, *(row.cells() for row in shown)]
    widths = [max(len(line[i]) for line in table) for i in range(len(HEADINGS))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in table]


def describe(certificate: Certificate) -> str:
    """The whole certificate as text of about twenty lines."""
    shown = rows(certificate)
    head = [*header_lines(certificate), guarantee_words(certificate)]
    return "\n".join([*head, "", *table_lines(shown), "", *notes(certificate, shown)])
