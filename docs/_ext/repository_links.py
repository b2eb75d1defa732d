"""While a page or docstring is read: the name ``docs/NAME.md`` becomes a link, and a link that leaves docs/ plain text.

Both are right in the repository; on the site the first would lead nowhere, and the second out of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parents[1]
_NAMED = re.compile(r"(?<!\]\()(?<![\w`/\[.])docs/(?P<name>[a-z_/]+)\.md\b(?!`)")
_LEAVING = re.compile(r"\[(?P<text>[^\]\n]+)\]\((?P<target>(?:\.\./)+[^)\s]*)\)")


def outside_code(text: str, change: Callable[[str], str]) -> str:
    """Change everything but fenced blocks and code between single backticks.

    >>> print(outside_code("a\\n```text\\na\\n```\\na", str.upper))
    A
    ```text
    a
    ```
    A
    """
    pieces = re.split(r"(^ *```.*?^ *```$)", text, flags=re.MULTILINE | re.DOTALL)
    return "".join(piece if i % 2 else change(piece) for i, piece in enumerate(pieces))


def markdown(text: str, page: Path) -> str:
    """The links of a Markdown page at ``page``.

    Raises:
        FileNotFoundError: a link that leaves docs/ leads to nothing.
    """
    above = "../" * (len(page.relative_to(DOCS).parents) - 1)

    def leaving(match: re.Match[str]) -> str:
        target = (page.parent / match["target"].partition("#")[0]).resolve()
        if not target.exists():
            raise FileNotFoundError(f"{page}: no such file: {match['target']}")
        return match[0] if target.is_relative_to(DOCS) else match["text"]

    def named(match: re.Match[str]) -> str:
        return f"[{match['name']}]({above}{match['name']}.md)" if _exists(match["name"]) else match[0]

    return outside_code(text, lambda piece: _NAMED.sub(named, _LEAVING.sub(leaving, piece)))


def _exists(name: str) -> bool:
    return (DOCS / f"{name}.md").is_file()


def _source_read(app: Any, docname: str, source: list[str]) -> None:
    page = Path(app.env.doc2path(docname)).resolve()
    if page.suffix == ".md":
        source[0] = markdown(source[0], page)


def _docstring(app: Any, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    for i, line in enumerate(lines):
        if not line.lstrip().startswith((">>>", "...")):
            lines[i] = _NAMED.sub(lambda m: f":doc:`/{m['name']}`" if _exists(m["name"]) else m[0], line)


def setup(app: Any) -> dict[str, Any]:
    """Sphinx asks for this."""
    app.connect("source-read", _source_read)
    app.connect("autodoc-process-docstring", _docstring)
    return {"version": "1", "parallel_read_safe": True}
