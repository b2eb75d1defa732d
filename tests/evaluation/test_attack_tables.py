"""The tables of benchmarks/attack_tables.py, from rows that are made up."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from certiqa.evaluation import constant_predictor, robustness_of, soundness_of

FILE = Path(__file__).resolve().parents[2] / "benchmarks" / "attack_tables.py"
MOS = np.linspace(0, 100, 12)


@pytest.fixture(scope="module")
def tables() -> ModuleType:
    spec = importlib.util.spec_from_file_location("attack_tables", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def row(section: str, count: int, gain: float, **job: Any) -> dict[str, Any]:
    mos = MOS[:count]
    figures = robustness_of(mos, mos + gain, mos, scale=(0, 100), resamples=100).to_dict()
    base = {"section": section, "metric": "builtin", "defence": "none", "attack": "pgd", "norm": "linf", "level": 4}
    return {
        "job": base | job, "identity": {"objective": "raise", "n": 1000}, "robustness": figures, "access": "gradient",
        "constant_predictor": constant_predictor(mos, resamples=100).to_dict(), "psnr": 36.0, "ssim": 0.95,
        "queries": 41.0, "gradients": 40.0, "seconds": 1.5,
    }  # fmt: skip


def test_every_table(tables: ModuleType, tmp_path: Path) -> None:
    sound = soundness_of([]).to_dict()
    lines = [
        row("bare", 3, 7.0), row("bare", 12, 5.0), row("smoothed", 12, 2.0, defence="ms", norm="l2"),
        {"job": row("theorem", 3, 1)["job"], "n": 12, "gradient_l1_median": 12345.6,
         "ratio_quartiles": {"8/255": [0.1, 0.2, 0.3, 0.4, 0.5]}},
        {"job": row("soundness", 3, 1)["job"], "identity": {"n": 1000}, "soundness": sound, "sigma": 0.12,
         "resolution": 96, "share_of_room": {"median": 0.25, "largest": 0.5}},
    ]  # fmt: skip
    path = tmp_path / "attacks.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in lines))
    bare = tables.bare_table(path).splitlines()
    assert len({line.count(" | ") for line in bare[:1] + bare[2:4]}) == 1
    assert bare[1].count("---") == bare[0].count(" | ") + 1
    assert bare[2].startswith("| built-in | none | pgd | gradient | l_inf, 4/255 | 12 | 5.00 |"), "the larger run"
    assert "| 41, 40 | 1.5 |" in bare[2]
    assert bare[3].startswith("| constant predictor | none | any | any | any | 12 | 0 | undefined | 0 | infinite |")
    assert "| MS | pgd | gradient | l2 of the same length, 4/255 |" in tables.smoothed_table(path)
    assert "| built-in | 12 | 12346 | 0.300 (0.100 to 0.500) |" in tables.theorem_table(path)
    last = tables.soundness_table(path)
    assert "| built-in | 96 | 0.12 | 1000 | 0 | 0 | 0 | 0 | 0 | 0 | 1 | 25 % (50 %) |" in last
    widths = {line.count("|") for line in last.splitlines()[:3]}
    assert len(widths) == 1
