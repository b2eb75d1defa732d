"""Make the notebooks: each .ipynb from its .py, executed, with nothing in it that another run would change.

    python notebooks/make.py            # all of them
    python notebooks/make.py 01 04      # those whose names begin so

The .py is the source (jupytext, percent format); edit it, run this, commit both. Needs the extra [notebooks].
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

HERE = Path(__file__).resolve().parent
CELL_SECONDS = 300  # a cell that takes longer hangs, or the machine is busy beyond use


def sources() -> list[Path]:
    """The .py of every notebook, in their order."""
    return sorted(HERE.glob("[0-9][0-9]_*.py"))


def parsed(source: Path) -> NotebookNode:
    """The notebook of a .py, not yet executed; its cells are named by their place."""
    notebook = jupytext.read(source)
    notebook.metadata.pop("jupytext").pop("text_representation", None)
    notebook.metadata["jupytext"] = {"formats": "ipynb,py:percent"}
    notebook.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata["language_info"] = {"name": "python"}
    for place, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{place:02d}"
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def executed(notebook: NotebookNode) -> NotebookNode:
    """The same with its outputs: run in an empty folder, by a kernel that imports this certiqa, on one thread.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell failed.
    """
    found = os.environ.get("PYTHONPATH")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(HERE.parent), *([found] if found else [])])}
    environment["OMP_NUM_THREADS"] = "1"  # the number of threads changes the last digits
    with tempfile.TemporaryDirectory() as folder:
        place = {"metadata": {"path": folder}}
        client = NotebookClient(notebook, timeout=CELL_SECONDS, kernel_name="python3", resources=place)
        client.execute(env=environment)
    for cell in notebook.cells:
        cell["metadata"] = {}
    notebook.metadata["language_info"] = {"name": "python"}
    return notebook


def main(beginnings: list[str]) -> None:
    """Make those whose names begin so; all without a beginning."""
    for source in sources():
        if not beginnings or source.name.startswith(tuple(beginnings)):
            nbformat.write(executed(parsed(source)), source.with_suffix(".ipynb"))
            print(f"{source.stem}: {source.with_suffix('.ipynb').stat().st_size // 1024} KB")


if __name__ == "__main__":
    main(sys.argv[1:])
