"""``certiqa train denoiser`` and ``certiqa certify --denoiser``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from certiqa import denoisers
from certiqa.data.splits import is_validation

Invoke = Callable[[list[str]], Any]
SMALL = ["--steps", "3", "--batch", "2", "--crop", "32", "--validate-every", "2", "--architecture", "dncnn-small"]
TOY_DENOISERS = """
import torch
def halve(x, sigma): return 0.5 * x
def shrinks(x, sigma): return x[..., 1:]
class Kind: pass
number = 3
"""


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_thread: None) -> Path:
    """Twelve pictures of 40x48 in photos/, and a data set with human scores in rated/."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "toy_denoisers.py").write_text(TOY_DENOISERS)
    for folder in ("photos", "rated/images"):
        (tmp_path / folder).mkdir(parents=True)
        for i in range(12):
            pixels = np.random.default_rng(i).integers(0, 256, (6, 5, 3), dtype=np.uint8)
            Image.fromarray(pixels).resize((40, 48), Image.Resampling.BICUBIC).save(tmp_path / folder / f"{i}.png")
    rows = "".join(f"{i}.png,{8 * i}\n" for i in range(12))
    (tmp_path / "rated" / "mos.csv").write_text("image,mos\n" + rows)
    return tmp_path


def train(invoke: Invoke, *more: str, data: str = "photos") -> Any:
    return invoke(["train", "denoiser", "--data", data, "--out", "mine.safetensors", "--device", "cpu", *SMALL, *more])


def test_train_then_certify(invoke: Invoke, photos: Path) -> None:
    outcome = train(invoke, "--sigma", "0.12", "--licence", "CC0-1.0")
    assert outcome.exit_code == 0, outcome.stderr
    net = denoisers.load("mine.safetensors")
    lines = outcome.stdout.splitlines()
    left = sum(not is_validation(f"{i}.png") for i in range(12))
    assert sum(int(word) for word in lines[0].split() if word.isdigit()) == left + 1
    assert lines[-1] == f"sha256 {net.card.sha256}"
    assert lines[-2] == "mine.safetensors: the weights of step 3 of 3"
    assert net.card.licence == "CC0-1.0"
    assert net.card.sigma_range == (0.12, 0.12)
    image = "photos/0.png"
    common = [
        "certify",
        image,
        "--model",
        "builtin",
        "--n",
        "20",
        "--seed",
        "1",
        "--device",
        "cpu",
        "--json",
        "-",
        "--quiet",
    ]
    outcome = invoke([*common, "--denoiser", "mine.safetensors"])
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    told = json.loads(outcome.stdout)
    assert told["method"] == "denoised median smoothing"
    assert told["provenance"]["denoiser"] == "mine"
    outcome = invoke([*common, "--denoiser", "mine.safetensors", "--sigma", "0.3"])
    assert outcome.exit_code == 0
    warning = "the denoiser mine.safetensors was trained for sigma from 0.12 to 0.12; at 0.3 it may denoise badly"
    assert outcome.stderr == f"certiqa: warning: {warning}\n"
    assert "[sigma-untrained]" in json.loads(outcome.stdout)["provenance"]["findings"][0]


def test_losses_through_the_metric_and_resume(invoke: Invoke, photos: Path) -> None:
    losses = ["--loss", "mse=1", "--loss", "target=0.1", "--loss", "ranking=0.1", "--ranking", "soft-rank"]
    outcome = train(invoke, *losses, "--quiet", data="livec:rated")
    assert (outcome.exit_code, outcome.stdout, outcome.stderr) == (0, "", "")
    card = denoisers.load("mine.safetensors").card
    assert card.losses == {"mse": 1.0, "target": 0.1, "ranking": 0.1}
    assert card.metric == "builtin"
    assert card.sigma_range == (0.05, 0.5)
    before = (photos / "mine.safetensors").read_bytes()
    refused = train(invoke, *losses, data="livec:rated")
    assert refused.exit_code == 2
    assert "--resume" in refused.errors[0]
    again = train(invoke, *losses, "--resume", data="livec:rated")
    assert again.exit_code == 0, again.stderr
    assert "resumed at step 3" in again.stdout
    assert (photos / "mine.safetensors").read_bytes() == before


def test_own_metrics_and_denoisers_by_name(invoke: Invoke, photos: Path) -> None:
    common = ["certify", "photos/0.png", "--model", "builtin", "--n", "20", "--device", "cpu", "--json", "-", "--quiet"]
    outcome = invoke([*common, "--denoiser", "python:toy_denoisers:halve"])
    assert outcome.exit_code == 0, outcome.stderr
    assert json.loads(outcome.stdout)["provenance"]["denoiser"] == "toy_denoisers.halve"
    outcome = invoke([*common, "--denoiser", "python:toy_denoisers:shrinks"])
    assert outcome.exit_code == 2
    assert "must return an image of the shape" in outcome.errors[0]


@pytest.mark.parametrize(
    ("more", "found"),
    [
        (["--sigma", "much"], "'--sigma' must be a number, or LOW:HIGH"),
        (["--sigma", "0.1:0.2:0.3"], "'--sigma' must be"),
        (["--sigma", "0.3:0.1"], "lowest level first"),
        (["--sigma", "0"], "'sigma' must be a finite number > 0"),
        (["--loss", "mae"], "Unknown loss 'mae'"),
        (["--loss", "mse=much"], "'--loss' must have a number"),
        (["--loss", "mse=0"], "'losses' must have one weight > 0"),
        (["--loss", "ranking", "--batch", "1"], "'batch' must be at least 2"),
        (["--architecture", "unet-smal"], "Did you mean 'unet-small'"),
        (["--ranking", "hinge"], "'ranking_kind' must be one of"),
        (["--precision", "int8"], "'--precision' must be"),
        (["--crop", "64"], "'crop' must fit into every image"),
        (["--data", "nowhere"], "'--data' must be a folder with images, or NAME:DIR"),
        (["--data", "livec:nowhere"], "not there"),
        (["--data", "."], ""),
        (["--start", "nowhere.safetensors"], "cannot be read"),
        (["--start", "dsm"], "Unknown denoiser 'dsm'"),
        (["--loss", "target", "--metric", "bultin"], "Unknown model 'bultin'"),
        (["--out", "x.pt"], "'out' must end in .safetensors"),
        (["--device", "toaster"], "'device' must be"),
        (["--steps", "0"], "'steps'"),
        (["--steps", "many"], "--steps"),
    ],
)
def test_one_line_for_whatever_is_wrong(invoke: Invoke, photos: Path, more: list[str], found: str) -> None:
    if more == ["--data", "."]:
        (photos / "broken.png").write_text("no image")
        found = "broken.png"
    outcome = train(invoke, *more)
    assert outcome.exit_code == 2
    assert len(outcome.errors) == 1
    assert found in outcome.errors[0]
    assert not (photos / "mine.safetensors").exists()


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("dsm", "Unknown denoiser 'dsm'"),
        ("nowhere.safetensors", "cannot be read"),
        ("broken.safetensors", "not a whole safetensors file"),
        ("python:toy_denoisers", "must have the form"),
        ("python:nowhere:x", "can be imported"),
        ("python:toy_denoisers:nowhere", "an attribute that is there"),
        ("python:toy_denoisers:Kind", "must name the denoiser itself"),
        ("python:toy_denoisers:number", "must name the denoiser itself"),
    ],
)
def test_bad_denoisers(invoke: Invoke, photos: Path, name: str, found: str) -> None:
    (photos / "broken.safetensors").write_bytes(b"x" * 20)
    outcome = invoke(
        ["certify", "photos/0.png", "--model", "builtin", "--n", "20", "--device", "cpu", "--denoiser", name]
    )
    assert outcome.exit_code == 2
    assert len(outcome.errors) == 1
    assert found in outcome.errors[0]


def test_help(invoke: Invoke) -> None:
    outcome = invoke(["train"])
    assert outcome.exit_code == 2
    assert "denoiser" in outcome.stdout
    outcome = invoke(["train", "denoiser", "--help"])
    assert outcome.exit_code == 0
    for option in ("data", "out", "loss", "sigma", "architecture", "metric", "start", "steps", "batch", "resume"):
        assert f"--{option}" in outcome.stdout
    assert "--denoiser" in invoke(["certify", "--help"]).stdout
    assert torch.get_num_threads() >= 1
