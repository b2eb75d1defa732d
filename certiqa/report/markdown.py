"""GitHub-flavoured Markdown: text that is only text, tables, and code that cannot end early."""

from __future__ import annotations

import re

from certiqa.report.table import Cell, Column, Table

__all__ = ["code", "escaped", "markdown_table"]

_SPECIAL = re.compile(r"([\\`*_\[\]|~#!])")


def escaped(text: str) -> str:
    """The text with nothing in it that Markdown or HTML would take as a sign of its own.

    >>> print(escaped("a|b <script> *x* [y](z)"))
    a\\|b &lt;script&gt; \\*x\\* \\[y\\](z)
    """
    plain = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", plain)


def code(text: str, language: str = "") -> str:
    """A block of code, in a fence longer than any in the text.

    >>> print(code("a ``` b"))
    ````
    a ``` b
    ````
    """
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def markdown_table(table: Table) -> str:
    """Headings with their units, numbers to the right, intervals beside them."""
    head = [escaped(f"{column.name} ({column.unit})" if column.unit else column.name) for column in table.columns]
    rule = ["---:" if column.numeric else "---" for column in table.columns]
    lines = [
        [_cell(cell, column, table.tone(i)) for cell, column in zip(row, table.columns, strict=True)]
        for i, row in enumerate(table.rows)
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in [head, rule, *lines])


def _cell(cell: Cell, column: Column, tone: str) -> str:
    text = escaped(cell.text)
    if cell.tone in ("best", "alarm"):
        text = f"**{text}**"
    if tone == "floor" and not column.numeric:
        text = f"*{text}*"
    return f"{text}{f' {escaped(cell.quiet)}' if cell.quiet else ''}{f' ({escaped(cell.note)})' if cell.note else ''}"
