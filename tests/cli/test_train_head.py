"""``certiqa train head``, and its files where a metric's name is asked for."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from certiqa import metrics
from certiqa.data.splits import is_validation
from certiqa.heads.examples import is_development

Invoke = Callable[[list[str]], Any]
SMALL = ["--steps", "4", "--batch", "8", "--hidden", "8", "--members", "2", "--validate-every", "2", "--side", "64"]
COUNT = 30


@pytest.fixture
def rated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_thread: None) -> Path:
    """Thirty small pictures with scores in rated/, as a data set of the plain form."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rated" / "images").mkdir(parents=True)
    for i in range(COUNT):
        pixels = np.random.default_rng(i).integers(0, 256, (6, 5, 3), dtype=np.uint8)
        picture = Image.fromarray(pixels).resize((40, 48), Image.Resampling.BICUBIC)
        picture.save(tmp_path / "rated" / "images" / f"{i}.png")
    rows = "".join(f"{i}.png,{3 * i}\n" for i in range(COUNT))
    (tmp_path / "rated" / "mos.csv").write_text("image,mos\n" + rows)
    return tmp_path


def train(invoke: Invoke, *more: str) -> Any:
    return invoke(["train", "head", "--data", "livec:rated", "--out", "mine.safetensors", *SMALL, *more])


def test_train_then_certify(invoke: Invoke, rated: Path) -> None:
    outcome = train(invoke, "--psnr", "36", "--radius", "2", "--rings", "6", "--licence", "CC0-1.0", "--crops", "1")
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    metric = metrics.load("mine.safetensors", "cpu")
    lines = outcome.stdout.splitlines()
    apart = sum(is_development(f"{i}.png") for i in range(COUNT))
    fit = sum(not is_validation(f"{i}.png") for i in range(COUNT)) - apart
    assert lines[0] == f"{fit} pictures to train on, {apart} kept apart for the log; sigma 0.00792"
    assert lines[-2] == "mine.safetensors: the weights of step 4 of 4"
    assert metric.front_end.to_dict() == {
        "name": "energies", "side": 64, "rings": 6, "orientations": 1, "signed": 4
    }  # fmt: skip
    assert (metric.card.licence, metric.certified_n) == ("CC0-1.0", 100_000)
    common = ["--n", "20", "--seed", "1", "--device", "cpu", "--json", "-", "--quiet"]
    outcome = invoke(["certify", "rated/images/0.png", "--model", "mine.safetensors", *common])
    assert outcome.exit_code == 0, outcome.stderr
    told = json.loads(outcome.stdout)
    assert told["provenance"]["model"] == "mine"


def test_resume(invoke: Invoke, rated: Path) -> None:
    outcome = train(invoke, "--quiet", "--all")
    assert (outcome.exit_code, outcome.stdout, outcome.stderr) == (0, "", "")
    before = (rated / "mine.safetensors").read_bytes()
    refused = train(invoke, "--all")
    assert refused.exit_code == 2
    assert "--resume" in refused.errors[0]
    again = train(invoke, "--resume", "--all")
    assert again.exit_code == 0, again.stderr
    assert "none kept apart" in again.stdout
    assert "resumed at step 4" in again.stdout
    assert (rated / "mine.safetensors").read_bytes() == before


@pytest.mark.parametrize(
    ("more", "found"),
    [
        (["--psnr", "0"], "psnr"),
        (["--draws", "3"], "draws"),
        (["--rings", "1"], "rings"),
        (["--crops", "-1"], "crops"),
        (["--data", "nowhere"], "--data"),
        (["--out", "mine.pt"], ".safetensors"),
    ],
)
def test_one_line_for_whatever_is_wrong(invoke: Invoke, rated: Path, more: list[str], found: str) -> None:
    outcome = train(invoke, *more)
    assert outcome.exit_code == 2
    assert len(outcome.errors) == 1
    assert found in outcome.errors[0]


def test_help(invoke: Invoke) -> None:
    outcome = invoke(["train", "head", "--help"])
    assert outcome.exit_code == 0
    assert "--psnr" in outcome.stdout
