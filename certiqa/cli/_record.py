"""A certificate as the JSON of the command line: its own fields, and the answers to what was asked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from certiqa.certificate import Certificate
from certiqa.certificate.words import Row, finite

__all__ = ["record", "shortfall"]


def record(
    certificate: Certificate, asked: Sequence[Row], taus: Sequence[float], *, reveal_seed: bool
) -> dict[str, Any]:
    """``certificate.to_dict()``, with "asked": a row for every --eps, an eps for every --tau (null: unbounded).

    ``Certificate.from_dict`` reads it, and looks at the scores only.
    """
    data = certificate.to_dict(reveal_seed=reveal_seed)
    if asked or taus:
        radii = [{"tau": tau, "eps": finite(certificate.radius(tau))} for tau in taus]
        data["asked"] = {"eps": [row.to_dict() for row in asked], "tau": radii}
    return data


def shortfall(certificate: Certificate, row: Row) -> str | None:
    """What n scores could not prove at this eps, and what would do; None if they proved it."""
    if row.interval.certified:
        return None
    if not certificate.n:
        return f"nothing is proved at eps={row.eps:.6g}: the bounds end at {certificate.largest_eps():.6g}."
    problem = f"n={certificate.n} proves nothing at eps={row.eps:.6g}"
    if row.smallest_n is None:
        return f"{problem}; no n up to ten million would do: ask for a smaller eps or take a larger sigma."
    if row.smallest_n <= certificate.n:
        return f"{problem}, because {certificate.failures} of the scores were NaN."
    return f"{problem}; the smallest n that would do is {row.smallest_n}."
