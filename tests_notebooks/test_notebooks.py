"""Every notebook runs, in time; what is committed is what its .py says, with outputs, and ends in an assertion."""

from __future__ import annotations

import copy
import doctest
import re
import resource
from pathlib import Path

import looking
import make
import nbformat
import pytest
from nbclient.exceptions import CellExecutionError

CPU_SECONDS = 120

NOTEBOOKS = make.sources()


def committed(source: Path) -> nbformat.NotebookNode:
    return nbformat.read(source.with_suffix(".ipynb"), as_version=4)


def seconds_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_there_are_notebooks_and_each_has_both_files() -> None:
    assert len(NOTEBOOKS) >= 6
    assert {path.stem for path in NOTEBOOKS} == {path.stem for path in make.HERE.glob("*.ipynb")}


@pytest.mark.parametrize("source", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_within_two_minutes(source: Path, record_property) -> None:
    before = seconds_of_children()
    fresh = make.executed(make.parsed(source))
    used = seconds_of_children() - before
    record_property("CPU seconds", used)
    print(f"{source.stem}: {used:.0f} s of CPU")
    assert 0 < used < CPU_SECONDS
    assert looking.complaints(source, fresh, 0) == []


@pytest.mark.parametrize("source", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_is_committed(source: Path) -> None:
    path = source.with_suffix(".ipynb")
    nbformat.validate(committed(source))
    assert looking.complaints(source, committed(source), path.stat().st_size) == []


@pytest.mark.parametrize("source", NOTEBOOKS, ids=lambda path: path.stem)
def test_its_links_lead_somewhere(source: Path) -> None:
    for cell in committed(source).cells:
        for target in re.findall(r"\]\(([^)\s]+)\)", cell.source) if cell.cell_type == "markdown" else []:
            assert ":" in target or (make.HERE / target.partition("#")[0]).exists(), target


# -- the test of the test ---------------------------------------------------------------------------------------------

GOOD = "# %% [markdown]\n# Two numbers.\n\n# %%\na = 1\nprint(a)\n\n# %%\nassert a == 1\n"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, nbformat.NotebookNode]:
    source = tmp_path_factory.mktemp("pair") / "01_one.py"
    source.write_text(GOOD, encoding="utf-8")
    return source, make.executed(make.parsed(source))


def test_a_good_pair_is_let_through(pair) -> None:
    source, notebook = pair
    assert looking.complaints(source, notebook, 1000) == []


def _edit(notebook) -> None:
    notebook.cells[1].source = "a = 2\nprint(a)"


def _output(**fields) -> nbformat.NotebookNode:
    return nbformat.v4.new_output(**fields)


def _append(output):
    return lambda notebook: notebook.cells[1].outputs.append(output)


BROKEN = {
    "is not that of the .py": _edit,
    "paired with": lambda notebook: notebook.metadata.pop("jupytext"),
    "prints or shows something": lambda notebook: notebook.cells[1].outputs.clear(),
    "was not executed": lambda notebook: notebook.cells[1].update(execution_count=None),
    "failed": _append(_output(output_type="error", ename="ValueError", evalue="", traceback=[])),
    "wrote to stderr": _append(_output(output_type="stream", name="stderr", text="UserWarning")),
    "path of a machine": _append(_output(output_type="stream", name="stdout", text="in /home/me/a.png (3x4)")),
    "does not end in an assertion": lambda notebook: notebook.cells.pop(),
    "about nothing": lambda notebook: notebook.cells[2].update(source="assert True"),
    "has metadata": lambda notebook: notebook.cells[1].metadata.update(execution={"iopub.status.busy": "2026"}),
    "language_info": lambda notebook: notebook.metadata.language_info.update(version="3.11.7"),
}


@pytest.mark.parametrize("words", BROKEN)
def test_what_is_wrong_is_told(pair, words: str) -> None:
    source, notebook = pair[0], copy.deepcopy(pair[1])
    BROKEN[words](notebook)
    assert any(words in one for one in looking.complaints(source, notebook, 1000))


def test_a_large_file_is_told(pair) -> None:
    assert any("too many" in one for one in looking.complaints(*pair, looking.LARGEST))


@pytest.mark.parametrize("text", ["at /root/a", "'/tmp/x/y.png'", "(/home/me/", r"C:\\Users", "file://a"])
def test_a_path_of_a_machine_is_seen(text: str) -> None:
    assert looking.ABSOLUTE.search(text)


@pytest.mark.parametrize("text", ["0.18/255", "photos/a.png", "https://arxiv.org/abs/1412.6572", "[0, 1] / 2", "a/b/c"])
def test_what_is_no_path_of_a_machine_is_let_through(text: str) -> None:
    assert not looking.ABSOLUTE.search(text)


def test_a_notebook_that_fails_fails(tmp_path: Path) -> None:
    source = tmp_path / "01_one.py"
    source.write_text(GOOD.replace("a == 1", "a == 2"), encoding="utf-8")
    with pytest.raises(CellExecutionError, match="AssertionError"):
        make.executed(make.parsed(source))


def test_the_cpu_seconds_of_a_kernel_are_counted(tmp_path: Path) -> None:
    source = tmp_path / "01_one.py"
    busy = "import time\nwhile time.process_time() < 3:\n    pass\n"
    source.write_text(f"# %%\n{busy}\n# %%\nassert time\n", encoding="utf-8")
    before = seconds_of_children()
    make.executed(make.parsed(source))
    assert seconds_of_children() - before > 2.9


def test_the_examples() -> None:
    assert doctest.testmod(looking).failed == 0
