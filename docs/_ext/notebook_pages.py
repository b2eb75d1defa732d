"""Before a build: a page for every notebook, its text and its code. Nothing is executed here; the notebooks have tests.

Outputs are left out.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from api_pages import write

ROOT = Path(__file__).resolve().parents[2]


def page(notebook: dict[str, Any], name: str) -> str:
    """A notebook as Markdown.

    >>> cells = [{"cell_type": "markdown", "source": ["# One"]}, {"cell_type": "code", "source": "1 + 1"}]
    >>> print(page({"cells": cells}, "one.ipynb"))
    # One
    <BLANKLINE>
    ```python
    1 + 1
    ```
    <BLANKLINE>
    To run it: `notebooks/one.ipynb`.
    <BLANKLINE>
    """
    pieces = []
    for cell in notebook["cells"]:
        text = "".join(cell["source"]).strip("\n")
        if text and cell["cell_type"] in {"markdown", "code"}:
            pieces.append(relinked(text) if cell["cell_type"] == "markdown" else f"```python\n{text}\n```")
    return "\n\n".join([*pieces, f"To run it: `notebooks/{name}`."]) + "\n"


def relinked(text: str) -> str:
    """Links of a file in notebooks/, for a page in docs/notebooks/.

    >>> relinked("[a](../docs/theory.md), [b](02_own.ipynb), [c](../README.md), [d](https://arxiv.org)")
    '[a](../theory.md), [b](02_own.md), [c](../../README.md), [d](https://arxiv.org)'
    """

    def link(match: re.Match[str]) -> str:
        target = match[1]
        if target.startswith("../docs/"):
            return f"](../{target.removeprefix('../docs/')})"
        if target.startswith("../"):
            return f"](../{target})"
        return f"]({target.removesuffix('.ipynb')}.md)" if target.endswith(".ipynb") and ":" not in target else match[0]

    return re.sub(r"\]\(([^)\s]+)\)", link, text)


def _builder_inited(app: Any) -> None:
    notebooks = sorted((ROOT / "notebooks").glob("*.ipynb"))
    pages = {path.stem: page(json.loads(path.read_text(encoding="utf-8")), path.name) for path in notebooks}
    write(Path(app.srcdir) / "notebooks", pages, ".md")


def _source_read(app: Any, docname: str, source: list[str]) -> None:
    """A toctree of notebooks, where there are none, would be a warning that cannot be turned off."""
    if docname == "index" and not any((Path(app.srcdir) / "notebooks").glob("*.md")):
        source[0] = source[0].replace("\nnotebooks/*\n", "\n")


def setup(app: Any) -> dict[str, Any]:
    """Sphinx asks for this."""
    app.connect("builder-inited", _builder_inited)
    app.connect("source-read", _source_read)
    return {"version": "1", "parallel_read_safe": True}
