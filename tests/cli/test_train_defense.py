"""``certiqa train defense``, and its files where a metric's name is asked for."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from certiqa import defenses, metrics
from certiqa.data.splits import is_validation
from certiqa.metrics import MetricCard, MetricModule

Invoke = Callable[[list[str]], Any]
SMALL = ["--steps", "3", "--batch", "2", "--crop", "32", "--validate-every", "2", "--lr", "1e-3"]
TOYS = """
import torch
class Net(torch.nn.Module):
    name = "toy-net"
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(3))
    def forward(self, x): return (self.weight * x.square().mean((2, 3))).sum(1)
class Cut(Net):
    def forward(self, x): return super().forward(x.detach())
net, cut = Net().eval(), Cut().eval()
def mean(x): return x.mean((1, 2, 3))
"""


class Registered(MetricModule):
    def __init__(self) -> None:
        super().__init__(MetricCard("toy-registered", "for tests", False, (0.0, 100.0), True))
        self.net = nn.Conv2d(3, 1, 3)
        self.net.weight.data = torch.linspace(-1, 1, 27).view(1, 3, 3, 3)
        self.net.bias.data = torch.zeros(1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return 100 * torch.sigmoid(self.net(images).mean((1, 2, 3)))


@pytest.fixture
def rated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one_thread: None) -> Iterator[Path]:
    """Twelve rated pictures of 40x48, in the plain form of LIVEC; a registered toy."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "defense_toys.py").write_text(TOYS)
    (tmp_path / "rated" / "images").mkdir(parents=True)
    names = [f"{i}.png" for i in range(12)]
    for i, name in enumerate(names):
        pixels = np.random.default_rng(i).integers(0, 256, (6, 5, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((40, 48), Image.Resampling.BICUBIC).save(tmp_path / "rated" / "images" / name)
    rows = "".join(f"{name},{8 * i}\n" for i, name in enumerate(names))
    (tmp_path / "rated" / "mos.csv").write_text("image,mos\n" + rows)
    with torch.random.fork_rng():
        card = Registered().card
        metrics.register(card, lambda device, weights: Registered().to(device).requires_grad_(False).eval())
    yield tmp_path
    metrics.registry.unregister("toy-registered")


def train(invoke: Invoke, *more: str, method: str = "nt", model: str = "toy-registered") -> Any:
    start = ["train", "defense", "--method", method, "--model", model, "--data", "livec:rated", "--device", "cpu"]
    weight = ["--lambda", "1e-3"] if method == "nt" and "--lambda" not in more else []
    return invoke([*start, "--out", "mine.safetensors", *SMALL, *weight, *more])


def test_train_then_use(invoke: Invoke, rated: Path) -> None:
    outcome = train(invoke, "--h", "0.01", "--std", "imagenet", "--licence", "CC0-1.0")
    assert (outcome.exit_code, outcome.stderr) == (0, "")
    lines = outcome.stdout.splitlines()
    left = sum(not is_validation(f"{i}.png") for i in range(12))
    assert sum(int(word) for word in lines[0].split() if word.isdigit()) == left + 1
    metric = defenses.load("mine.safetensors")
    assert lines[-1] == f"sha256 {metric.card.weights_sha256}"
    assert lines[-2] == "mine.safetensors: the weights of step 3 of 3"
    config = metric.tuned.training["config"]
    assert (config["lam"], config["h"], config["std"]) == (1e-3, 0.01, [0.229, 0.224, 0.225])
    assert metric.card.licence == "CC0-1.0"
    assert metric.card.trained_on == ("livec",)
    image = "rated/images/0.png"
    common = ["--n", "20", "--seed", "1", "--device", "cpu", "--json", "-", "--quiet"]
    outcome = invoke(["certify", image, "--model", "mine.safetensors", *common])
    assert outcome.exit_code == 0, outcome.stderr
    told = json.loads(outcome.stdout)
    assert told["provenance"]["model"] == "toy-registered+nt"
    outcome = invoke(["score", image, "--model", "mine.safetensors", "--device", "cpu"])
    assert outcome.exit_code == 0, outcome.stderr
    picture = torch.from_numpy(np.array(Image.open(image))).permute(2, 0, 1)[None] / 255
    assert f"{float(metric(picture)):.2f}"[:4] in outcome.stdout
    outcome = invoke(
        ["evaluate", "--data", "livec", "rated", "--part", "all", "--model", "mine.safetensors", "--device", "cpu"]
    )
    assert outcome.exit_code == 0, outcome.stderr
    assert "toy-registered+nt" in outcome.stdout or "mine.safetensors" in outcome.stdout


@pytest.mark.parametrize(
    ("method", "more"),
    [
        ("nt", ["--norm", "l2", "--power", "1", "--sigma", "0.1", "--loss", "mse"]),
        ("at", ["--eps", "0.02", "--attack-steps", "2", "--label-drop", "0.1", "--adversarial", "0.5"]),
        ("clean", ["--scratch", "--loss", "plcc", "--precision", "bfloat16"]),
        ("noise", ["--sigma", "0.12", "--score-range", "0:10", "--split", "certiqa"]),
        ("nt", ["--ema", "0.9", "--start-share", "0.5", "--share", "2"]),
    ],
)
def test_methods_and_resume(invoke: Invoke, rated: Path, method: str, more: list[str]) -> None:
    outcome = train(invoke, *more, "--quiet", method=method)
    assert (outcome.exit_code, outcome.stdout, outcome.stderr) == (0, "", "")
    before = (rated / "mine.safetensors").read_bytes()
    refused = train(invoke, *more, method=method)
    assert refused.exit_code == 2
    assert "--resume" in refused.errors[0]
    again = train(invoke, *more, "--resume", method=method)
    assert again.exit_code == 0, again.stderr
    assert "resumed at step 3" in again.stdout
    assert (rated / "mine.safetensors").read_bytes() == before
    assert defenses.load("mine.safetensors").name == f"toy-registered+{method}"


def test_shares_go_to_the_data_sets_in_their_order(invoke: Invoke, rated: Path) -> None:
    shutil.copytree(rated / "rated", rated / "two")
    shares = ["--data", "livec:two", "--share", "1", "--share", "3", "--batch", "4"]
    outcome = train(invoke, *shares, "--ema", "0.9", "--start-share", "0.5")
    assert outcome.exit_code == 0, outcome.stderr
    config = defenses.load("mine.safetensors").tuned.training["config"]
    assert (config["shares"], config["ema"], config["start_share"]) == ([1, 3], 0.9, 0.5)


def test_a_metric_of_ones_own_and_a_recipe(invoke: Invoke, rated: Path) -> None:
    own = "python:defense_toys:net"
    outcome = train(invoke, "--recipe", "builtin", model=own)
    assert outcome.exit_code == 0, outcome.stderr
    assert "recipe builtin" in outcome.stdout
    assert "Not published: lam, h, " in outcome.stdout
    outcome = invoke(["score", "rated/images/0.png", "--model", "mine.safetensors", "--device", "cpu"])
    assert outcome.exit_code == 2
    assert "base=your_metric" in outcome.errors[0]
    from importlib import import_module

    found = defenses.load("mine.safetensors", base=import_module("defense_toys").net)
    assert found.name == "toy-net+nt"
    assert found.tuned.training["config"]["optimizer"] == "adamw"


@pytest.mark.parametrize(
    ("more", "found"),
    [
        (["--lambda", "-1"], "'lam' must be a finite number >= 0"),
        (["--lambda", "0"], "'lam' must be > 0 for 'nt'"),
        (["--h", "0"], "'h' must be a finite number > 0"),
        (["--std", "much"], "'--std' must be none, imagenet"),
        (["--std", "1,2"], "'std' must be None or three numbers"),
        (["--score-range", "much"], "'--score-range' must be LOW:HIGH"),
        (["--method", "sam"], "'--method' must be one of"),
        (["--method", "noise"], "'--lambda' must not be given for --method noise"),
        (["--method", "clean", "--ramp", "0.5", "--lambda", "1"], "'--ramp' must not be given for --method clean"),
        (["--ramp", "1.5"], "'ramp' must be in [0, 1]"),
        (["--ema", "1"], "'ema' must be in [0, 1)"),
        (["--start-share", "1"], "'start_share' must be in [0, 1)"),
        (["--share", "3"], "'shares' must sum to batch (2)"),
        (["--share", "1", "--share", "1"], "'shares' must be one number for each of the 1 data sets"),
        (["--eps", "0.1"], "'--eps' must not be given for --method nt: it is a setting of at"),
        (["--norm", "linf"], "'norm'"),
        (["--loss", "huber"], "'task_loss'"),
        (["--epochs", "2"], "not both"),
        (["--recipe", "hyperiq"], "Did you mean 'hyperiqa'"),
        (["--precision", "int8"], "'--precision' must be"),
        (["--crop", "64"], "'crop' must fit into every image"),
        (["--data", "rated"], "'--data' must be NAME:DIR"),
        (["--data", "livec:nowhere"], "not there"),
        (["--out", "x.pt"], "'out' must end in .safetensors"),
        (["--patience", "2"], "must leave 5 images at least for development"),
        (["--split", "nt-livec"], "must hold images"),
        (["--backbone", "res."], "'backbone' must be beginnings"),
        (["--frozen", "net."], "must have parameters to train"),
        (["--model", "bultin"], "Unknown model 'bultin'"),
        (["--model", "nowhere.safetensors"], "cannot be read"),
        (["--model", "python:defense_toys:mean"], "must be a torch.nn.Module"),
        (["--model", "python:defense_toys:cut"], "the graph breaks in the metric's own forward"),
        (["--device", "toaster"], "'device' must be"),
        (["--steps", "many"], "--steps"),
    ],
)
def test_one_line_for_whatever_is_wrong(invoke: Invoke, rated: Path, more: list[str], found: str) -> None:
    outcome = train(invoke, *more, *([] if "--method" not in more else ["--lambda", "1"]))
    assert outcome.exit_code == 2
    assert len(outcome.errors) == 1
    assert found in outcome.errors[0]
    assert not list(rated.glob("mine.safetensors*"))


def test_help(invoke: Invoke) -> None:
    assert "defense" in invoke(["train"]).stdout
    outcome = invoke(["train", "defense", "--help"])
    assert outcome.exit_code == 0
    for option in ("method", "lambda", "h", "std", "model", "recipe", "eps", "sigma", "split", "resume"):
        assert f"--{option}" in outcome.stdout
