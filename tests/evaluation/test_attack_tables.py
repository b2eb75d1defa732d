"""The tables of benchmarks/attack_tables.py, from rows that are made up."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from certiqa.evaluation import constant_predictor, robustness_of, soundness_of

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

import attack_tables as tables
import effect_tables

MOS = np.linspace(0, 100, 12)


def row(section: str, count: int, gain: float, options: object = (), **job: Any) -> dict[str, Any]:
    mos = MOS[:count]
    figures = robustness_of(mos, mos + gain, mos, scale=(0, 100), resamples=100).to_dict()
    base = {"section": section, "metric": "builtin", "defence": "none", "attack": "pgd", "norm": "linf", "level": 4}
    base["options"] = options
    return {
        "job": base | job, "identity": {"objective": "raise", "n": 1000}, "robustness": figures, "access": "gradient",
        "constant_predictor": constant_predictor(mos, resamples=100).to_dict(), "psnr": 36.0, "ssim": 0.95,
        "queries": 41.0, "gradients": 40.0, "seconds": 1.5,
    }  # fmt: skip


def test_every_table(tmp_path: Path) -> None:
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


def written(tmp_path: Path, lines: list[dict[str, Any]]) -> Path:
    path = tmp_path / "attacks.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in lines))
    return path


def test_the_summary_of_smoothed_metrics_says_who_knows_the_defence(tmp_path: Path) -> None:
    lines = [
        row("smoothed", 12, 1.0, [["source", "builtin"]], defence="ms", attack="transfer"),
        row("smoothed", 12, 2.0, [["pattern", "builtin ms"]], defence="ms", attack="uap"),
        row("smoothed", 12, 3.0, [["pattern", "builtin"]], defence="ms", attack="uap"),
        row("smoothed", 12, 5.0, defence="dms-iqa"), row("smoothed", 12, 4.0, defence="ms"),
        row("smoothed", 6, 6.0, defence="ms", norm="l2"),
        row("smoothed", 12, 7.0, [["restarts", 3]], defence="ms"),
    ]  # fmt: skip
    table = tables.summary_table("smoothed", written(tmp_path, lines)).splitlines()
    assert table[0] == "| metric | defence | attack | adaptive | l_inf 4 | l2 4 |"
    assert len({line.count("|") for line in table[:9]}) == 1
    assert table[8] == "| constant predictor | any | any | any | undefined; - | undefined; - |"
    found = [tuple(line.split(" | ")[1:4]) for line in table[2:8]]
    assert found == [
        ("MS", "uap", "yes"), ("MS", "pgd", "yes"), ("MS", "pgd, 3 starts", "yes"),
        ("MS", "transfer from bare", "no"), ("MS", "uap from bare", "no"), ("DMS-IQA", "pgd", "yes"),
    ]  # fmt: skip
    assert table[3].endswith("| 0.12; 1.00 | 0.35; 1.00 (6) |"), "fewer images are said"
    assert "In brackets: the images, where not 12." in table[-1]
    bare = tables.summary_table("bare", written(tmp_path, [row("bare", 12, 1.0)])).splitlines()
    assert bare[0] == "| metric | defence | attack | l_inf 4 |"
    assert "In brackets" not in bare[-1]


def test_tables_of_attacks_in_pairs(tmp_path: Path) -> None:
    line = {
        "metric": "builtin",
        "level": 8,
        "adaptive": True,
        "n": 12,
        "effect": {"value": 20.04, "interval": [18, 22]},
    }
    none = {"over_pgd": None, "stronger_than_pgd": None, "on_ms_over_here": None, "one_aim": None}
    over = {"over_pgd": {"value": -15.0, "interval": None}, "stronger_than_pgd": 1, "adaptive": False}
    path = tmp_path / "effects.json"
    ms = {**line, **none, "defence": "ms", "attack": "pgd"}
    dms = {
        **line,
        **over,
        "defence": "dms-iqa",
        "attack": "transfer from bare",
        "on_ms_over_here": line["effect"],
        "one_aim": 9,
    }
    path.write_text(json.dumps([ms, dms]))
    first, second = effect_tables.effects_table(path).splitlines()[2:4]
    assert first == "| MS | l_inf 8/255 | pgd | yes | 12 | 20.0 (18.0 to 22.0) | - | - |"
    assert second == (
        "| DMS-IQA | l_inf 8/255 | transfer from bare | no | 12 | 20.0 (18.0 to 22.0) | -15.0 | 1 of 12 |"
    )
    pairs = effect_tables.defences_table(path).splitlines()
    assert pairs[0] == "| MS less | attack | l_inf 8/255 |"
    assert pairs[2:4] == ["| DMS-IQA | transfer from bare | 20.0 (18.0 to 22.0) |", ""]
    assert "on 9 of 12 images it is the same" in pairs[-1]


def test_what_is_said_of_smoothed_metrics(tmp_path: Path) -> None:
    sizes = {"pgd": 20.0, "apgd": 21.0, "transfer from bare": 5.0, "square": 1.0}
    line = {"metric": "builtin", "defence": "ms", "level": 8}
    path = tmp_path / "effects.json"
    path.write_text(json.dumps([{**line, "attack": name, "effect": {"value": one}} for name, one in sizes.items()]))
    assert effect_tables.words(path) == (
        "* MS, l_inf 8/255: most is done by apgd, 21.0 points on average. As a share of what adaptive "
        "PGD does: PGD made on the bare metric 25 %, square 5 %."
    )
