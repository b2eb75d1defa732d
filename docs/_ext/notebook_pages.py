"""Before a build: a page for every notebook, its text, its code, and the outputs that are committed with it.

Nothing is executed here; the notebooks have tests. Texts are shown as text, figures as PNG files beside the page.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from api_pages import write

SOURCE = Path(__file__).resolve().parents[2] / "notebooks"


def page(notebook: dict[str, Any], name: str) -> str:
    """A notebook as Markdown.

    >>> output = {"output_type": "stream", "name": "stdout", "text": ["2\\n"]}
    >>> figure = {"output_type": "display_data", "data": {"image/png": "aGk=", "text/plain": "<Figure>"}}
    >>> code = {"cell_type": "code", "source": "print(1 + 1)", "outputs": [output, figure]}
    >>> print(page({"cells": [{"cell_type": "markdown", "source": ["# One"]}, code]}, "one.ipynb"))
    # One
    <BLANKLINE>
    ```python
    print(1 + 1)
    ```
    <BLANKLINE>
    ```text
    2
    ```
    <BLANKLINE>
    ![Figure 1 of this notebook](one-1.png)
    <BLANKLINE>
    To run it: `notebooks/one.ipynb`.
    <BLANKLINE>
    """
    pieces, figures = [], 0
    for cell in notebook["cells"]:
        text = "".join(cell["source"]).strip("\n")
        if text and cell["cell_type"] in {"markdown", "code"}:
            pieces.append(relinked(text) if cell["cell_type"] == "markdown" else _fenced("python", text))
        for output in cell.get("outputs", ()):
            if "image/png" in output.get("data", {}):
                figures += 1
                pieces.append(f"![Figure {figures} of this notebook]({_figure_name(name, figures)})")
            elif shown := _text(output):
                pieces.append(_fenced("text", shown))
    return "\n\n".join([*pieces, f"To run it: `notebooks/{name}`."]) + "\n"


def pictures(notebook: dict[str, Any], name: str) -> Iterator[tuple[str, bytes]]:
    """The figures of a notebook's outputs: the name that :func:`page` links to, and the PNG.

    >>> figure = {"output_type": "display_data", "data": {"image/png": ["aGk", "="]}}
    >>> list(pictures({"cells": [{"cell_type": "code", "source": "", "outputs": [figure]}]}, "one.ipynb"))
    [('one-1.png', b'hi')]
    """
    found = (output["data"] for cell in notebook["cells"] for output in cell.get("outputs", ()) if "data" in output)
    encoded = ("".join(data["image/png"]) for data in found if "image/png" in data)
    for number, one in enumerate(encoded, 1):
        yield _figure_name(name, number), base64.b64decode(one)


def _figure_name(name: str, number: int) -> str:
    return f"{name.removesuffix('.ipynb')}-{number}.png"


def _text(output: dict[str, Any]) -> str:
    """What an output says, if it is text."""
    return "".join(output.get("text") or output.get("data", {}).get("text/plain", "")).strip("\n")


def _fenced(language: str, text: str) -> str:
    """A block of code, its fence longer than any in the text.

    >>> _fenced("text", "```")
    '````text\\n```\\n````'
    """
    fence = "`" * max(3, 1 + max(map(len, re.findall(r"`+", text)), default=0))
    return f"{fence}{language}\n{text}\n{fence}"


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
    folder = Path(app.srcdir) / "notebooks"
    notebooks = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in sorted(SOURCE.glob("*.ipynb"))}
    write(folder, {name.removesuffix(".ipynb"): page(one, name) for name, one in notebooks.items()}, ".md")
    for name, one in notebooks.items():
        for file, png in pictures(one, name):
            (folder / file).write_bytes(png)


def _source_read(app: Any, docname: str, source: list[str]) -> None:
    """A toctree of notebooks, where there are none, would be a warning that cannot be turned off."""
    if docname == "index" and not any((Path(app.srcdir) / "notebooks").glob("*.md")):
        source[0] = source[0].replace("\nnotebooks/*\n", "\n")


def setup(app: Any) -> dict[str, Any]:
    """Sphinx asks for this."""
    app.connect("builder-inited", _builder_inited)
    app.connect("source-read", _source_read)
    return {"version": "1", "parallel_read_safe": True}
