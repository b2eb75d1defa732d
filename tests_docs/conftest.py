"""tests_docs needs the extra [docs]: it builds the site and runs what the pages show."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "docs" / "_ext")]

import stand_ins  # noqa: E402

from certiqa import samples  # noqa: E402


def pytest_xdist_auto_num_workers() -> int:
    """No workers: the site is built in docs/, once."""
    return 0


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A furnished folder; beside it, the small samples."""
    home = tmp_path_factory.mktemp("pages")
    pictures = stand_ins.small_samples(home / "samples")
    (home / "furnished").mkdir()
    stand_ins.furnish(home / "furnished", pictures)
    return home


@pytest.fixture
def room(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, and the home folder, of a page; ``sample:NAME`` is a small picture there."""
    stand_ins.copy(template / "furnished", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(samples, "_FOLDER", template / "samples")
    for name in [name for name in sys.modules if name.partition(".")[0] == "my_package"]:
        monkeypatch.delitem(sys.modules, name)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # small tensors: on a busy machine more threads make them slower
    yield tmp_path
    torch.set_num_threads(threads)
