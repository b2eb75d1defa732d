"""certiqa score and certiqa samples."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from certiqa import samples

Run = Callable[..., Any]


def test_the_bare_score(run: Run, folder: Path) -> None:
    with Image.open(folder / "a.png") as image:
        expected = sum(image.tobytes()) / len(image.tobytes()) / 255
    result = run("score", "a.png", model="net")
    assert result.stdout == f"a.png: {expected:.6g}; net: lower is better, range 0 to 1\n"
    assert result.exit_code == 0


def test_the_smoothed_score_follows_the_seed(run: Run) -> None:
    options = ["a.png", "b.png", "--sigma", "0.1", "--seed", "3", "--json", "-"]
    first, second = (run("score", *options, model="loud") for _ in range(2))
    assert first.stdout == second.stdout
    data = [json.loads(line) for line in first.stdout.splitlines()]
    assert [d["image"] for d in data] == ["a.png", "b.png"]
    for d in data:
        assert d["smoothed"] == pytest.approx(d["score"], abs=2)
        assert (d["sigma"], d["n"]) == (0.1, 60)
    text = run("score", "a.png", "--sigma", "0.1", "--seed", "3").stdout
    assert f"smoothed {data[0]['smoothed']:.6g} (sigma 0.1, n 60)" in text


def test_the_smoothed_score_is_the_certificates(run: Run) -> None:
    score = json.loads(run("score", "a.png", "--sigma", "0.1", "--seed", "3", "--json", "-").stdout)
    certificate = json.loads(run("certify", "a.png", "--sigma", "0.1", "--seed", "3", "--json", "-").stdout)
    assert score["smoothed"] == pytest.approx(certificate["score"], rel=1e-6)


def test_scores_in_files(run: Run, folder: Path) -> None:
    run("score", "a.png", "--json", "one.json")
    run("score", "a.png", "b.png", "--json", "all.jsonl")
    run("score", "a.png", "b.png", "--json", "each")
    one = json.loads((folder / "one.json").read_text())
    assert json.loads((folder / "all.jsonl").read_text().splitlines()[0]) == one
    assert json.loads((folder / "each" / "a.json").read_text()) == one


def test_samples_lists_names_and_files(invoke: Callable[[list[str]], Any]) -> None:
    result = invoke(["samples"])
    assert result.exit_code == 0
    assert result.stdout.split() == [word for n in samples.names() for word in (f"sample:{n}", str(samples.path(n)))]
