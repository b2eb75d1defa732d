"""The published comparison: its pages say what its data says, and its data is that of the preset."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from certiqa.benchmark import Comparison, read_config
from certiqa.benchmark.csv_table import csv_of

ROOT = Path(__file__).parents[2]
PUBLISHED = ROOT / "docs" / "comparison"


@pytest.fixture(scope="module")
def comparison():
    return Comparison.from_dict(json.loads((PUBLISHED / "comparison.json").read_text(encoding="utf-8")))


def check(root):
    command = [sys.executable, root / "benchmarks" / "compare_defenses.py", "--check"]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


def test_the_pages_say_what_the_data_says():
    done = check(ROOT)
    assert done.returncode == 0, done.stderr


def test_a_changed_figure_is_noticed(tmp_path):
    for name in (
        "docs/comparison.md",
        "docs/comparison/comparison.json",
        "benchmarks/compare_defenses.py",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text((ROOT / name).read_text(encoding="utf-8"), encoding="utf-8")
    assert check(tmp_path).returncode == 0
    page = tmp_path / "docs" / "comparison.md"
    text = page.read_text(encoding="utf-8")
    page.write_text(re.sub(r"SROCC on these two: undefended 0\.\d", "SROCC on these two: undefended 0.9", text))
    assert page.read_text(encoding="utf-8") != text
    done = check(tmp_path)
    assert done.returncode != 0
    assert "comparison.md is not what" in done.stderr


def test_the_files_are_of_one_run_of_the_preset(comparison):
    assert comparison.complete
    assert comparison.config_sha256 == read_config("cpu").sha256
    assert csv_of(comparison) == (PUBLISHED / "table.csv").read_text(encoding="utf-8")
    for name in ("report.html", "report.md"):
        assert comparison.config_sha256 in (PUBLISHED / name).read_text(encoding="utf-8")


def test_no_attack_left_a_certified_interval(comparison):
    judged = [one.alarms for row in comparison.rows for one in row.attacked if one.alarms is not None]
    assert judged
    assert sum(judged) == 0


def test_every_defence_is_measured_on_every_data_set(comparison):
    found = {(row.data, row.defence) for row in comparison.rows}
    config = read_config("cpu")
    assert found == {
        (data.name, name)
        for data in config.data
        for name in (*(one.name for one in config.defences), "constant predictor")
    }


def test_nothing_of_the_data_itself_is_published(comparison):
    assert all(one.thumbnail is None for one in comparison.examples)
    assert "data:image/png" not in (PUBLISHED / "report.html").read_text(encoding="utf-8")
