"""What is wrong with a committed notebook, in words; nothing, if all is well."""

from __future__ import annotations

import ast
import copy
import re
from pathlib import Path

import jupytext
from nbformat import NotebookNode
from nbformat.v4 import new_notebook

LARGEST = 400 * 1024
ABSOLUTE = re.compile(r"(?<![\w.:/-])/(?:[\w.+-]+/)+[\w.+-]*|\b[A-Za-z]:\\\\?\w|file://")
"""A path from the root of a machine: "/home/me/a.png"; not "0.18/255", "https://a.org/b/" or "photos/a.png"."""
CHANGING = {"execution", "collapsed", "scrolled", "papermill", "vscode"}


def complaints(source: Path, notebook: NotebookNode, size: int) -> list[str]:
    """Everything that is wrong with one pair.

    Args:
        source: the .py.
        notebook: the committed .ipynb.
        size: of its file, in bytes.
    """
    return [*out_of_step(source, notebook), *_of_cells(notebook), *_of_the_end(notebook), *_of_the_file(notebook, size)]


def out_of_step(source: Path, notebook: NotebookNode) -> list[str]:
    """Whether the two are the same text."""
    if notebook.metadata.get("jupytext", {}).get("formats") != "ipynb,py:percent":
        return ["the .ipynb does not say what it is paired with"]
    cells = [copy.deepcopy(one.cells) for one in (jupytext.read(source), notebook)]
    for cell in (cell for both in cells for cell in both):
        cell.metadata = {}  # jupytext's notes of empty lines in the .py
    first, second = (jupytext.writes(new_notebook(cells=one), fmt="py:percent") for one in cells)
    return [] if first == second else [f"the .ipynb is not that of the .py: run notebooks/make.py {source.name[:2]}"]


def _of_cells(notebook: NotebookNode) -> list[str]:
    found = []
    for number, cell in enumerate(notebook.cells):
        here = f"cell {number}"
        if cell.metadata:
            found.append(f"{here} has metadata: {sorted(cell.metadata)}")
        if cell.cell_type != "code":
            continue
        if cell.execution_count is None:
            found.append(f"{here} was not executed")
        kinds = {output.output_type for output in cell.outputs}
        if "error" in kinds:
            found.append(f"{here} failed")
        if any(output.get("name") == "stderr" for output in cell.outputs):
            found.append(f"{here} wrote to stderr")
        if gives_one(cell.source) and not kinds:
            found.append(f"{here} prints or shows something, and has no output")
        for text in texts(cell):
            found += [f"{here} shows a path of a machine: {path}" for path in ABSOLUTE.findall(text)]
    return found


def _of_the_end(notebook: NotebookNode) -> list[str]:
    last = notebook.cells[-1] if notebook.cells else None
    body = ast.parse(last.source).body if last is not None and last.cell_type == "code" else []
    if not body or not isinstance(body[-1], ast.Assert):
        return ["it does not end in an assertion"]
    known = [node for node in ast.walk(body[-1].test) if isinstance(node, ast.Name)]
    return [] if known else ["its last assertion is about nothing that was computed"]


def _of_the_file(notebook: NotebookNode, size: int) -> list[str]:
    found = [] if size < LARGEST else [f"{size} bytes are too many: {LARGEST} at most"]
    if notebook.metadata.language_info != {"name": "python"}:
        found.append("language_info names the version that ran it")
    return found


def gives_one(code: str) -> bool:
    """Whether a cell prints at its top level, shows a figure, or ends in a value.

    >>> [gives_one(code) for code in ("a = 1", "a = 1\\na", "print(a)", "def f():\\n    print(1)", "a;", "plt.show()")]
    [False, True, True, False, False, True]
    """
    lines = [line for line in code.split("\n") if not line.startswith("%")]
    body = ast.parse("\n".join(lines)).body
    if not body:
        return False
    calls = [node.value for node in body if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)]
    if any(ast.unparse(call.func) in {"print", "plt.show"} for call in calls):
        return True
    last = body[-1]
    quiet = code.rstrip().endswith(";") or (isinstance(last, ast.Expr) and isinstance(last.value, ast.Call))
    return isinstance(last, ast.Expr) and not quiet


def texts(cell: NotebookNode) -> list[str]:
    """Every text that a cell shows."""
    found = []
    for output in cell.outputs:
        found.append("".join(output.get("text", "")))
        found += ["".join(value) for kind, value in output.get("data", {}).items() if kind.startswith("text/")]
    return found
