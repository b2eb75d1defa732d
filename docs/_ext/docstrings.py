"""Before napoleon reads a docstring: what Markdown and a reader take for plain text is made so for reStructuredText.

A block that is indented by four after an empty line is set as it stands; outside of it, of code and of examples, ``|``
and ``*`` are characters.
"""

from __future__ import annotations

import re
from typing import Any

_CODE = re.compile(r"(``.*?``|`[^`]*`|(?<!\S)\*\*[A-Za-z][^*]*\*\*(?!\w))")  # or bold
_BEFORE_NAPOLEON = 400


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def plain(line: str) -> str:
    """A line of text, its bars and stars escaped; a bullet in front stays one.

    >>> print(plain("* |x| is at most 2**64, see ``a*b``"))
    * \\|x\\| is at most 2\\*\\*64, see ``a*b``
    """
    bullet = re.match(r"\s*\* ", line)
    start = bullet.end() if bullet else 0
    pieces = _CODE.split(line[start:])
    return line[:start] + "".join(
        piece if i % 2 else re.sub(r"([|*])", r"\\\1", piece) for i, piece in enumerate(pieces)
    )


def readable(lines: list[str]) -> list[str]:
    """The lines of a docstring, for docutils.

    >>> readable(["A bound", "", "    |y| <= 2", "", "of |x|."])
    ['A bound', '', '::', '', '    |y| <= 2', '', 'of \\\\|x\\\\|.']
    """
    result: list[str] = []
    block = example = False
    before, last = "", ""  # the line before this one, and the last one that is not empty
    for line in lines:
        if line.strip():
            if block and _indent(line) == 0:
                block = False
            elif not block and not before.strip() and _indent(line) >= 4 and last and _indent(last) == 0:
                block = True
                result += [] if last.rstrip().endswith("::") else ["::", ""]
            example = line.lstrip().startswith(">>>") or (example and bool(before.strip()))
            last = line
        result.append(line if block or example else plain(line))
        before = line
    return result


def _docstring(app: Any, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    # napoleon would take the words before a colon in the first line of a variable's docstring for its type
    lines[:] = [*([""] if what in {"data", "attribute"} else []), *readable(lines)]


def setup(app: Any) -> dict[str, Any]:
    """Sphinx asks for this."""
    app.connect("autodoc-process-docstring", _docstring, priority=_BEFORE_NAPOLEON)
    return {"version": "1", "parallel_read_safe": True}
