"""benchmarks/attacks.py itself, on two real photographs: a smoothed metric, an adaptive pattern and one that is not."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import attack_effects  # noqa: E402
import attacks as benchmark  # noqa: E402

pytestmark = pytest.mark.shared


@pytest.fixture
def run(shared_data, tmp_path):
    """The rows of a smoke run; what stands in the file is not computed again."""

    def rows(only: str) -> list[dict[str, object]]:
        given = ["--data", str(shared_data), "--preset", "smoke", "--section", "smoothed", "--objective", "raise"]
        given += ["--only", only, "--out", str(tmp_path / "rows.jsonl"), "--threads", str(torch.get_num_threads())]
        benchmark.main(given)
        return [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]

    return rows


def test_smoothed_metrics_are_attacked_with_and_without_knowing(run, tmp_path):
    rows = run("builtin ms uap linf 2")
    assert [attack_effects.label(row["job"]) for row in rows] == ["uap", "uap from bare"]
    first, second = (np.array(row["scores"]) for row in rows)
    assert first.shape == second.shape == (2, 3)
    assert np.array_equal(first[:, 0], second[:, 0]), "the clean scores of one defence are the same in all its rows"
    assert all(row["all_within_budget"] for row in rows)
    assert len((tmp_path / "rows_images.jsonl").read_text().splitlines()) == 4
    assert run("builtin ms uap linf 2") == rows, "nothing is computed twice"


def test_the_gradient_of_the_smoothed_metric_is_looked_at(run):
    (row,) = run("builtin ms fgsm linf 8")
    assert len(row["gradient_l1"]) == 2
    assert min(row["gradient_l1"]) > 0
    assert row["queries"] == row["gradients"] == 2, "two noisy copies in a smoke run"


def test_patterns_of_a_defence_and_of_the_bare_metric_are_two(shared_data, tmp_path):
    args = benchmark.parse(["--data", str(shared_data), "--preset", "smoke", "--out", str(tmp_path / "rows.jsonl")])
    world = benchmark.World(args, benchmark.PRESETS["smoke"])
    bare, smoothed = world.pattern("builtin", "raise"), world.pattern("builtin ms", "raise")
    assert not torch.equal(bare.pixels, smoothed.pixels)
    assert bare.card["images_sha256"] == smoothed.card["images_sha256"]
    assert world.pattern("builtin ms", "raise") is smoothed
