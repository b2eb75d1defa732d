"""The readers in words: the table of docs/datasets.md, made from their facts."""

from __future__ import annotations

from certiqa.data.sets.facts import Facts
from certiqa.data.sets.registry import info, names, options

__all__ = ["direction", "listing", "markdown", "scale"]

_HEADINGS = (
    "name",
    "data set",
    "expected below the root",
    "images",
    "scale",
    "better is",
    "one content is",
    "official split",
    "options",
    "licence",
    "paper",
)


def scale(facts: Facts) -> str:
    """The scale in words.

    >>> scale(info("tid2013")), scale(info("folder"))
    ('0-9', 'mos_range=...')
    """
    return f"{facts.mos_range[0]:g}-{facts.mos_range[1]:g}" if facts.mos_range else "mos_range=..."


def direction(facts: Facts) -> str:
    """Which end of the scale is the better image.

    >>> direction(info("csiq")), direction(info("spaq"))
    ('lower', 'higher')
    """
    words = {True: "lower", False: "higher", None: "higher, or lower_better=true"}
    return words[facts.lower_better]


def markdown() -> str:
    """The table of all readers."""
    lines = [f"| {' | '.join(_HEADINGS)} |", f"|{'---|' * len(_HEADINGS)}"]
    for name in names():
        facts = info(name)
        cells = (
            f"`{name}`",
            facts.title,
            "; ".join(facts.files),
            str(facts.images or "any"),
            scale(facts),
            direction(facts),
            facts.content,
            facts.split,
            ", ".join(f"`{option}`" for option in options(name)) or "none",
            facts.licence,
            facts.paper or "none",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def listing() -> list[str]:
    """One line for each reader: name, scale, the better end, title.

    >>> listing()[1]
    'csiq      0-1            lower                         CSIQ'
    """
    rows = [(name, scale(info(name)), direction(info(name)), info(name).title) for name in names()]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return ["  ".join([*(cell.ljust(w) for cell, w in zip(row, widths, strict=False)), row[3]]) for row in rows]
