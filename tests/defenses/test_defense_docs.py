"""docs/defenses.md says what is there, and its tables are those of the benchmark."""

from __future__ import annotations

import json
import re
import sys
from importlib import import_module
from pathlib import Path

import pytest

from certiqa.cli import app
from certiqa.defenses import METHODS
from certiqa.defenses.losses import TASK_LOSSES

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "defenses.md").read_text(encoding="utf-8")


@pytest.fixture
def tables(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(ROOT / "benchmarks"), *sys.path])
    return import_module("nt_table")


def estimate(value):
    return {"value": value, "interval": [value - 0.1, value + 0.1]}


def line(variant, row, **more):
    identity = {"base": "builtin", "variant": variant, "row": row, "preset": "cpu", "split": "certiqa", "seed": 0}
    return {"identity": identity, **more}


def attacked(rmse):
    level = {"changes": {"rmse": {"value": rmse}}}
    return {"robustness": {"changes": {"rmse": {"value": rmse}}, "levels": [level, {"changes": None}]}}


def results():
    def clean(value):
        return {
            "rmse": 9.0,
            "agreement": {"srocc": estimate(value)},
            "gradient_l1": {"mean": 123.4},
            "sd_of_scores": 7.5,
        }

    yield line("clean", "clean", **clean(0.8))
    yield line("clean", "fgsm", **attacked(20.0))
    yield line("nt lambda 5e-06", "clean", **clean(0.77))
    yield line("nt lambda 5e-06", "fgsm", **attacked(5.0))
    yield line("nt lambda 5e-06", "strength", curve=[{"eps_grey": 1, "fgsm": 1.5, "pgd": 2.5}])
    yield line("nt lambda 5e-06", "masking", report={"flags": ["steps"]})
    yield line("nt lambda 5e-06", "flips", flipped=3, pairs=20)
    yield line("nt lambda 5e-06", "certified dms-iqa", tau_over_sd={"eps .05": 0.25, "eps sigma": 0.5})


def test_the_tables_say_what_the_lines_say(tables):
    found = tables.tables(list(results()))["nt-results"]
    assert "| nt lambda 5e-06 | 9.00 | 0.770 (0.670 to 0.870) | 7.50 | 123 | 5.00 | - |" in found
    assert "| builtin, nt lambda 5e-06 | 0.030 | 75% | - |" in found
    assert "| HyperIQA, published | 0.040 | 59% | 98% |" in found
    assert "| nt lambda 5e-06 | 1.50 / 2.50 |" in found
    assert "| nt lambda 5e-06 | 5.0 | steps | 3 of 20 | - | 0.250, 0.500 |" in found


def test_the_tables_of_the_document(tables, tmp_path):
    copy = tmp_path / "defenses.md"
    copy.write_text(DOCUMENT, encoding="utf-8")
    results_file = ROOT / "benchmarks" / "results" / "nt.jsonl"
    rows = results_file.read_text(encoding="utf-8").splitlines() if results_file.exists() else []
    tables.write_tables(list(map(json.loads, rows)), copy)
    assert copy.read_text(encoding="utf-8") == DOCUMENT, "run python benchmarks/nt.py --tables"
    assert "19.174 / 7.885" in DOCUMENT
    (tmp_path / "bare.md").write_text("no markers")
    with pytest.raises(SystemExit, match="has no marker"):
        tables.write_tables([], tmp_path / "bare.md")


def test_the_options_that_it_names_are_there(capsys):
    with pytest.raises(SystemExit):
        app(["train", "defense", "--help"], prog_name="certiqa")
    told = capsys.readouterr().out
    own = DOCUMENT.replace("certiqa certify photo.jpg", "").replace("certiqa evaluate --data livec DIR --part", "")
    named = set(re.findall(r"(--[a-z][a-z-]+)", own)) - {"--tables"}
    assert len(named) > 8
    assert not [option for option in named if option not in told]
    for word in (*METHODS, *TASK_LOSSES):
        assert f"`{word}`" in DOCUMENT
