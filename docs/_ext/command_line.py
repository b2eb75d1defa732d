"""While a page is read: the marker ``<!-- generated: command line -->`` becomes the reference of every command.

typer itself writes it from the application, so it says what ``--help`` says.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

MARKER = "<!-- generated: command line -->"
ROOT = Path(__file__).resolve().parents[2]


def reference() -> str:
    """What ``typer utils docs`` writes, one heading level down, with examples and remarks as they stand in the help."""
    command = [sys.executable, "-m", "typer", "certiqa.cli._app", "utils", "docs", "--name", "certiqa"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    text = re.sub(r"^\x08\n", "", done.stdout, flags=re.MULTILINE)  # click's mark for "do not wrap this"
    return fenced(re.sub(r"^(#+) ", r"#\1 ", text, flags=re.MULTILINE))


def fenced(text: str) -> str:
    """The examples of an epilog are set line by line: as code.

    >>> print(fenced("Examples:\\n  certiqa score photo.jpg\\n\\nMore."))
    Examples:
    <BLANKLINE>
    ```text
    certiqa score photo.jpg
    ```
    <BLANKLINE>
    More.
    """

    def block(match: re.Match[str]) -> str:
        lines = [line.removeprefix("  ") for line in match["lines"].rstrip("\n").split("\n")]
        return "\n".join(["Examples:", "", "```text", *lines, "```", ""])

    return re.sub(r"^Examples:\n(?P<lines>(?:  .*(?:\n|\Z))+)", block, text, flags=re.MULTILINE)


def _source_read(app: Any, docname: str, source: list[str]) -> None:
    if MARKER in source[0]:
        source[0] = source[0].replace(MARKER, reference())


def _read_again(app: Any, env: Any, added: set[str], changed: set[str], removed: set[str]) -> list[str]:
    return ["cli"] if "cli" in env.found_docs else []


def setup(app: Any) -> dict[str, Any]:
    """Sphinx asks for this."""
    app.connect("source-read", _source_read)
    app.connect("env-get-outdated", _read_again)
    return {"version": "1", "parallel_read_safe": True}
