"""The site builds without a warning, and everything public is on it."""

from __future__ import annotations

import doctest
import importlib
import json
import subprocess
import sys
from html import escape
from pathlib import Path

import pytest
from api_pages import modules, placed
from blocks import ROOT, pages


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; a warning is an error."""
    folder = tmp_path_factory.mktemp("site")
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-E",
        "-W",
        "--keep-going",
        "-n",
        "-q",
        "-b",
        "html",
        "docs",
        str(folder),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def test_the_site_has_every_page(site: Path) -> None:
    for page in pages():
        if page.startswith("docs/"):
            assert (site / page.removeprefix("docs/")).with_suffix(".html").is_file(), page


def test_every_notebook_has_a_page_with_its_outputs(site: Path) -> None:
    found = sorted((ROOT / "notebooks").glob("*.ipynb"))
    assert found
    drawn = 0
    for path in found:
        html = (site / "notebooks" / f"{path.stem}.html").read_text(encoding="utf-8")
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        outputs = [output for cell in cells for output in cell.get("outputs", ())]
        figures = sum("image/png" in output.get("data", {}) for output in outputs)
        assert html.count('alt="Figure ') == figures, path.name
        drawn += figures
        said = next(line for output in outputs for line in output.get("text", ()) if line.strip())
        assert escape(said.strip(), quote=False) in html.replace("&#39;", "'").replace("&quot;", '"'), path.name
    assert len(list((site / "_images").glob("0*_*.png"))) == drawn > 0


def test_every_public_name_has_its_place(site: Path) -> None:
    html = "".join(path.read_text(encoding="utf-8") for path in (site / "api").glob("*.html"))
    names = placed()
    assert set(names) == set(modules())
    for module, here in names.items():
        for name in here:
            assert f'id="{module}.{name}"' in html, f"{module}.{name}"
    assert 'id="certiqa.certify"' in html


def test_every_command_is_in_the_reference(site: Path) -> None:
    html = (site / "cli.html").read_text(encoding="utf-8")
    for command in ("certify", "score", "attack", "robustness", "evaluate", "models", "data-check", "train-denoiser"):
        assert f'id="certiqa-{command}"' in html


def test_mathematics_is_set(site: Path) -> None:
    assert (site / "theory.html").read_text(encoding="utf-8").count('class="math') > 50


@pytest.mark.parametrize("name", ["api_pages", "command_line", "docstrings", "notebook_pages", "repository_links"])
def test_the_examples_of_the_extensions(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_the_examples_of_the_runner() -> None:
    assert doctest.testmod(importlib.import_module("running")).failed == 0
