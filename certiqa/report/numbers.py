"""Numbers as text: one rule for each kind, what is not finite in words, certificates rounded to the safe side."""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal

from certiqa.evaluation.correlation import Estimate

__all__ = [
    "ABSENT",
    "decimals",
    "finite",
    "grouped",
    "interval_text",
    "is_number",
    "shown",
    "significant",
    "spoken",
    "together",
]

ABSENT = "–"
"""What a table shows for a figure that was not measured. Never a zero."""


def is_number(value: float | None) -> bool:
    """Whether it can be drawn.

    >>> is_number(0.0), is_number(None), is_number(float("nan"))
    (True, False, False)
    """
    return value is not None and math.isfinite(value)


def finite(values: list[float | None]) -> list[float]:
    """Those that can be drawn."""
    return [value for value in values if value is not None and math.isfinite(value)]


def _odd(value: float | None) -> str | None:
    if value is None:
        return ABSENT
    if math.isnan(value):
        return "undefined"
    if math.isinf(value):
        return "unbounded" if value > 0 else "-unbounded"
    return None


def decimals(value: float | None, places: int, up: bool | None = None) -> str:
    """So many decimals, the nearest or to the side of ``up``; a true minus sign.

    >>> decimals(0.73449, 3), decimals(-0.05, 1), decimals(None, 3), decimals(float("inf"), 1)
    ('0.734', '−0.1', '–', 'unbounded')
    >>> decimals(40.33, 1, up=True), decimals(40.3, 1, up=True), decimals(40.38, 1, up=False)
    ('40.4', '40.3', '40.3')
    """
    odd = _odd(value)
    if odd is not None or value is None:
        return odd or ABSENT
    text = f"{value:.{places}f}"
    if up is not None and _is_off(float(text), value):
        exact = Decimal(repr(float(value)))
        text = str(exact.quantize(Decimal(1).scaleb(-places), ROUND_CEILING if up else ROUND_FLOOR))
    return f"−{text[1:]}" if text.startswith("-") and float(text) else text.lstrip("-")


def _is_off(nearest: float, value: float) -> bool:
    """Whether rounding did more than undo the rounding of the arithmetic."""
    return abs(nearest - value) > 1e-9 * abs(value)


def significant(value: float | None, digits: int = 3, up: bool | None = None) -> str:
    """So many significant digits: the nearest, or rounded up or down so that no more is claimed than was proved.

    >>> significant(0.123456), significant(61.641, 3, up=True), significant(61.69, 3, up=False), significant(12345.0)
    ('0.123', '61.7', '61.6', '12300')
    """
    odd = _odd(value)
    if odd is not None or value is None:
        return odd or ABSENT
    nearest = float(f"{value:.{digits}g}")
    if up is not None and _is_off(nearest, value):
        context = Context(prec=digits, rounding=ROUND_CEILING if up else ROUND_FLOOR)
        nearest = float(context.create_decimal(repr(float(value))))
    if nearest and not 1e-4 <= abs(nearest) < 1e7:
        text = f"{nearest:.{digits - 1}e}"
    else:
        places = max(digits - 1 - math.floor(math.log10(abs(nearest))), 0) if nearest else 0
        text = f"{nearest:.{places}f}"
    return text.replace("-", "−") if text.startswith("-") else text


def grouped(number: int) -> str:
    """A count, with thin spaces between thousands.

    >>> grouped(999), grouped(12345)
    ('999', '12\\u202f345')
    """
    return f"{number:,}".replace(",", "\u202f")


def interval_text(estimate: Estimate | None, places: int) -> str:
    """The interval of an estimate; empty where there is none.

    >>> interval_text(Estimate(0.734, (0.7021, 0.7634)), 3), interval_text(Estimate(0.7, None), 3)
    ('[0.702, 0.763]', '')
    """
    if estimate is None or estimate.interval is None:
        return ""
    low, high = estimate.interval
    return f"[{decimals(low, places)}, {decimals(high, places)}]"


def spoken(estimate: Estimate, places: int, unit: str = "", up: bool | None = None) -> str:
    """An estimate in a sentence; ``up`` says to which side its value is rounded.

    >>> spoken(Estimate(61.24, (60.1, 62.0)), 1, " dB")
    '61.2 dB [60.1, 62.0]'
    """
    shown = interval_text(estimate, places)
    return f"{decimals(estimate.value, places, up)}{unit}{f' {shown}' if shown else ' (no interval)'}"


def shown(estimate: Estimate) -> str:
    """The same with three significant digits.

    >>> shown(Estimate(0.01234, (0.0111, 0.0135))), shown(Estimate(25.0, None))
    ('0.0123 [0.0111, 0.0135]', '25.0 (no interval)')
    """
    if estimate.interval is None:
        return f"{significant(estimate.value)} (no interval)"
    return f"{significant(estimate.value)} [{', '.join(significant(end) for end in estimate.interval)}]"


def together(names: list[str], most: int = 6) -> str:
    """Names as a list in a sentence.

    >>> together(["a"]), together(["a", "b", "c"]), together(["a", "b", "c"], most=2)
    ('a', 'a, b and c', 'a, b and 1 more')
    """
    if len(names) > most:
        names = [*names[:most], f"{len(names) - most} more"]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else "none"
