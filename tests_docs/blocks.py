"""The blocks of code of a page, and what is said about them in comments that readers do not see.

Above a block may stand

    <!-- not executed: why -->
    <!-- executed with: OLD => NEW; OLD => NEW -->      run at a small size, or on a stand-in: the text is replaced

and anywhere ``<!-- executed, not shown: ... -->``, Python of several lines that prepares or checks something.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EXECUTABLE = ("python", "bash", "console")
SHOWN = ("text", "json", "math")  # languages that nobody runs; ```{name} is a directive of the site

_PIECE = re.compile(
    r"(?P<marks>(?:^ *<!-- (?:not executed|executed with): [^\n]*-->\n)*)"
    r"(?:^(?P<indent> *)```(?P<language>[^\n`]*)\n(?P<code>.*?)^(?P=indent)```[ ]*$"
    r"|^<!-- executed, not shown:\n(?P<hidden>.*?)^-->$)",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """Code of a page, as it is to be run.

    Attributes:
        page: relative to the root of the project.
        line: of the page, where the code begins.
        language: "python" or "bash".
        code: after the replacements.
        skipped: why it is not executed, or None.
        replaced: what was replaced, as (old, new).
    """

    page: str
    line: int
    language: str
    code: str
    skipped: str | None
    replaced: tuple[tuple[str, str], ...]

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


def pages() -> list[str]:
    """Every page that people read, README first. What a build writes is not among them."""
    docs = [path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "docs").rglob("*.md"))]
    built = ("docs/api/", "docs/notebooks/", "docs/comparison/", "docs/_")
    return ["README.md", *(page for page in docs if not page.startswith(built))]


def blocks_of(page: str, text: str | None = None) -> list[Block]:
    """The blocks of a page in their order.

    Raises:
        ValueError: a mark that nobody understands, a replacement that finds nothing, a language that is not known.
    """
    text = (ROOT / page).read_text(encoding="utf-8") if text is None else text
    found = []
    for piece in _PIECE.finditer(text):
        start = piece.start("hidden") if piece["hidden"] is not None else piece.start("code")
        line = text.count("\n", 0, start) + 1
        language = "python" if piece["hidden"] is not None else piece["language"].strip()
        if language.startswith("{") or language in SHOWN:
            continue
        if language not in EXECUTABLE:
            raise ValueError(f"{page}:{line}: a block is one of {EXECUTABLE} or {SHOWN}, not {language!r}")
        code = piece["hidden"] if piece["hidden"] is not None else _dedented(piece["code"], piece["indent"])
        found.append(_marked(page, line, language, code, piece["marks"]))
    outside = re.sub(r"^```(?:text|json)\n.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    marks = len(re.findall(r"^ *<!-- (?:not executed|executed with|executed, not shown)\b", outside, re.MULTILINE))
    hidden = outside.count("\n<!-- executed, not shown:\n")
    understood = sum(bool(b.replaced) or b.skipped is not None for b in found) + hidden
    if marks != understood:
        raise ValueError(f"{page}: {marks} marks, of which {understood} stand above a block in the form that is asked")
    return found


def _dedented(code: str, indent: str) -> str:
    return "\n".join(line.removeprefix(indent) for line in code.split("\n"))


def _marked(page: str, line: int, language: str, code: str, marks: str) -> Block:
    skipped, replaced = None, []
    for kind, said in re.findall(r"<!-- (not executed|executed with): (.*?) -->", marks):
        if kind == "not executed":
            skipped = said
            continue
        for one in said.split("; "):
            old, arrow, new = one.partition(" => ")
            if not arrow or old not in code:
                raise ValueError(f"{page}:{line}: {one!r} replaces nothing")
            code = code.replace(old, new)
            replaced.append((old, new))
    return Block(page, line, "python" if language == "python" else "bash", code, skipped, tuple(replaced))
