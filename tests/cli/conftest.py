"""A folder with small images and toy metrics, and a way to run the command line in it."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from certiqa.cli import app

TOYS = """
import torch

def mean(x): return 100 * x.mean((1, 2, 3))

def loud(x):
    print("a model that talks")
    return mean(x)

def stops(x):
    if x.mean() > 0.7:
        raise KeyboardInterrupt
    return mean(x)

def large(x): raise MemoryError

def breaks(x): raise KeyError("a layer")

def nan(x): return x.mean((1, 2, 3)) * float("nan")

def five(x): return x[:, 0, 0, :5]

def elsewhere(x): return x.mean((1, 2, 3)).to("meta")

def make(): return mean

number = 3

class Net(torch.nn.Module):
    name, lower_better, output_range, range_enforced, min_size = "net", True, (0.0, 1.0), True, 8
    def forward(self, x): return x.mean((1, 2, 3))

training, net = Net(), Net().eval()

class Bounded(torch.nn.Module):
    output_range, range_enforced = (0.0, 100.0), True
    def forward(self, x): return 100 * x.mean((1, 2, 3))
    def ball_bounds(self, z, radii):
        score, steepest = 100 * float(z.mean()), 100 / z.size**0.5 * (1 + 1e-9)
        return score, (score - steepest * radii - 1e-9).clip(0), (score + steepest * radii + 1e-9).clip(max=100)

bounded = Bounded().eval()
"""


@pytest.fixture(scope="session")
def toys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("toys")
    (folder / "certiqa_toys.py").write_text(TOYS)
    (folder / "certiqa_broken_toys.py").write_text("raise RuntimeError('two\\nlines')")
    return folder


@dataclass(frozen=True)
class Outcome:
    exit_code: int
    stdout: str
    stderr: str

    @property
    def errors(self) -> list[str]:
        """What stands on stderr: one line per error, and nothing else."""
        lines = self.stderr.splitlines()
        assert all(line.startswith("certiqa: error: ") for line in lines), self.stderr
        return [line.removeprefix("certiqa: error: ") for line in lines]


def photograph(path: Path, low: int = 0, high: int = 256, size: tuple[int, int] = (16, 24)) -> None:
    pixels = np.random.default_rng(len(path.name)).integers(low, high, (*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def folder(tmp_path: Path, toys: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: a.png, b.png (good), bright.png, tiny ones, and files that are no images."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(toys), *sys.path])
    for name in ("a.png", "b.png", "good.jpg"):
        photograph(tmp_path / name)
    photograph(tmp_path / "bright.png", 240)
    photograph(tmp_path / "tiny.png", size=(1, 1))
    photograph(tmp_path / "small.png", size=(4, 4))
    whole = (tmp_path / "good.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.png").write_text("not a picture")
    (tmp_path / "empty.png").touch()
    return tmp_path


@pytest.fixture(scope="session")
def invoke() -> Callable[[list[str]], Outcome]:
    """Run ``certiqa ARGUMENTS`` in this process."""

    def command(arguments: list[str]) -> Outcome:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as exit_:
            app(arguments, prog_name="certiqa")
        assert isinstance(exit_.value.code, int)
        return Outcome(exit_.value.code, out.getvalue(), err.getvalue())

    return command


@pytest.fixture
def run(folder: Path, invoke: Callable[[list[str]], Outcome]) -> Callable[..., Outcome]:
    """Run ``certiqa COMMAND ARGUMENTS`` there, with 60 scores under the toy metric unless told otherwise."""

    def command(name: str, *arguments: str, model: str | None = "mean", n: int | None = 60) -> Outcome:
        extra = ["--model", f"python:certiqa_toys:{model}"] if model else []
        extra += ["--n", str(n)] if n is not None else []
        return invoke([name, *extra, *arguments])

    return command
