"""The rows that benchmarks/attacks.py plans: each can be run, and those that were run are still among them."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from certiqa import attacks

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import attack_effects  # noqa: E402
import attack_plan  # noqa: E402

PRESETS = attack_plan.PRESETS
WHERE = ("defence", "norm", "level")


def jobs(preset: str, section: str = "smoothed") -> list[dict[str, Any]]:
    """As JSON has them."""
    found = json.loads(json.dumps([asdict(job) for job in attack_plan.plan(PRESETS[preset])]))
    return [job for job in found if job["section"] == section]


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_every_row_can_be_run(preset: str) -> None:
    keys = set()
    for job in jobs(preset) + jobs(preset, "bare"):
        card, options = attacks.card(job["attack"]), dict(job["options"])
        assert job["norm"] in card.norms
        for name in ("source", "pattern"):  # attacks.py puts a metric and a pattern in their place
            if options.pop(name, None) is not None:
                assert job["attack"] == {"source": "transfer", "pattern": "uap"}[name]
        if job["attack"] not in ("transfer", "uap"):
            attacks.load(job["attack"], **options)
        keys.add((attack_effects.label(job), *(job[name] for name in ("section", "metric", *WHERE))))
    assert len(keys) == len(jobs(preset) + jobs(preset, "bare")), "two rows that the tables cannot tell apart"


@pytest.mark.parametrize("defence", ["ms", "dms-iqa"])
@pytest.mark.parametrize("level", [2, 8])
def test_a_smoothed_metric_is_attacked_from_all_sides(defence: str, level: int) -> None:
    here = [job for job in jobs("cpu") if (job["defence"], job["norm"], job["level"]) == (defence, "linf", level)]
    adaptive = {job["attack"] for job in here if attack_effects.adaptive(job)}
    blind = {job["attack"] for job in here if not attack_effects.adaptive(job)}
    assert adaptive == {"fgsm", "pgd", "apgd", "uap", "square", "korhonen", "perceptual"}
    assert blind == {"transfer", "uap"}
    assert {attacks.card(name).access for name in adaptive} == {"gradient", "scores", "transfer"}
    own, other = (dict(job["options"])["pattern"] for job in here if job["attack"] == "uap")
    assert (own, other) == (f"builtin {defence}", "builtin")


def test_transfer_is_the_same_attack_without_knowing_the_defence() -> None:
    planned = jobs("cpu")
    named = {(attack_effects.label(job), *(job[name] for name in WHERE)): dict(job["options"]) for job in planned}
    blind = {key: options for key, options in named.items() if key[0] == "transfer from bare"}
    assert len(blind) == 2 * 3, "two defences, three sizes"
    for (_, *where), options in blind.items():
        assert options["source"] == "builtin"
        assert options["attack_options"] == named["pgd", *where]
    assert attacks.load("transfer", source=len).options()["attack"] == "pgd"


def test_rows_that_were_run_are_found_again() -> None:
    """What a row is found by is its job, and the draws and scores of its preset."""
    text = (BENCHMARKS / "results" / "attacks.jsonl").read_text(encoding="utf-8")
    rows = [row for row in map(json.loads, text.splitlines()) if row["job"]["metric"] != "eonss"]  # of weights outside
    for row in rows:
        preset = PRESETS[row["identity"]["preset"]]
        if row["job"]["section"] == "bare" and row["job"]["attack"] in ("transfer", "uap"):
            continue
        assert json.loads(json.dumps(row["job"])) in jobs(row["identity"]["preset"], row["job"]["section"])
        if row["job"]["section"] == "smoothed":
            assert (row["identity"]["draws"], row["identity"]["n"]) == (preset.draws, preset.n)
    assert sum(row["job"]["section"] == "smoothed" for row in rows) >= 26
