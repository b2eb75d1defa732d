"""certiqa benchmark."""

from __future__ import annotations

import json
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Invoke = Callable[[list[str]], Any]
MODULE = "certiqa_benchmark_toys"
METRICS = """
import torch

class Net(torch.nn.Module):
    name, lower_better, output_range, range_enforced = "net", False, (0.0, 100.0), True
    def forward(self, x):
        return 100 * torch.tanh(30 * (x[..., 1:] - x[..., :-1]).square().mean((1, 2, 3)))

class Stops(Net):
    calls = 0
    def forward(self, x):
        Stops.calls += 1
        if Stops.calls == 12: raise KeyboardInterrupt
        return super().forward(x)

net, stops, training = Net().eval(), Stops().eval(), Net()
"""
CONFIG = """
name = "mine"
sigmas = [0.1]
resamples = 100
[[data]]
name = "distorted-samples"
[[metric]]
name = "python:certiqa_benchmark_toys:net"
[[defence]]
name = "undefended"
[[defence]]
name = "MS"
smooth = true
[agreement]
images = 6
draws = 1
[certificates]
images = 1
n = 120
[attacks]
images = 1
names = ["fgsm"]
budgets = ["l2:0.05"]
samples = 1
fresh = 50
[examples]
images = 1
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: mine.toml and its metrics."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / f"{MODULE}.py").write_text(METRICS)
    (tmp_path / "mine.toml").write_text(CONFIG)
    yield tmp_path
    sys.modules.pop(MODULE, None)


def test_a_run_with_its_plan_table_and_report(here: Path, invoke: Invoke) -> None:
    done = invoke(["benchmark", "mine.toml", "--out", "out"])
    assert done.exit_code == 0
    assert "plan: 16 figures to compute, 0 there already" in done.stderr
    assert "SROCC" in done.stdout
    assert "certified down to" in done.stdout
    assert "0 alarms in 2 attacks inside certified radii" in done.stdout
    for name in ("comparison.json", "table.csv", "report.html", "report.md"):
        assert str(Path("out") / name) in done.stdout
        assert (here / "out" / name).stat().st_size > 500
    told = json.loads((here / "out" / "comparison.json").read_text())
    proved = next(row["certified"]["psnr_at_half_sd"]["value"] for row in told["rows"] if row["defence"] == "MS")
    shown = float(re.search(r"certified down to (\S+) dB", done.stdout)[1])
    assert 0 <= shown - proved < 0.1 + 1e-9
    assert round(proved, 1) < proved, "else nearest would do"
    assert told["command"] == "certiqa benchmark mine.toml --out out"
    assert "certiqa benchmark mine.toml --out out" in (here / "out" / "report.md").read_text()
    again = invoke(["benchmark", "mine.toml", "--out", "out", "--no-report"])
    assert "plan: 0 figures to compute, 16 there already" in again.stderr


def test_only_the_plan(here: Path, invoke: Invoke) -> None:
    done = invoke(["benchmark", "mine.toml", "--out", "out", "--plan"])
    assert done.exit_code == 0
    assert "MS sigma 0.1: 6 scores, 1 certificate, 1 transferred attack, 1 adaptive attack" in done.stderr
    assert not (here / "out" / "table.csv").exists()


def test_the_report_only(here: Path, invoke: Invoke) -> None:
    invoke(["benchmark", "mine.toml", "--out", "out", "--no-report"])
    assert not (here / "out" / "report.html").exists()
    done = invoke(["benchmark", "mine.toml", "--out", "out", "--report-only"])
    assert done.exit_code == 0
    assert (here / "out" / "report.html").exists()


def test_shares(here: Path, invoke: Invoke) -> None:
    first = invoke(["benchmark", "mine.toml", "--out", "out", "--part", "0/2"])
    assert (
        "missing: score of undefended of python:certiqa_benchmark_toys:net on distorted-samples: 3 of 6" in first.stdout
    )
    second = invoke(["benchmark", "mine.toml", "--out", "out", "--part", "1/2"])
    assert "missing" not in second.stdout


def test_ctrl_c_keeps_what_is_done(here: Path, invoke: Invoke) -> None:
    (here / "mine.toml").write_text(CONFIG.replace(":net", ":stops"))
    done = invoke(["benchmark", "mine.toml", "--out", "out"])
    assert done.exit_code == 130
    assert "certiqa: error: interrupted; what was done stands in out" in done.stderr
    again = invoke(["benchmark", "mine.toml", "--out", "out"])
    assert again.exit_code == 0
    assert "0 there already" not in again.stderr


def test_presets_are_listed_and_shown(invoke: Invoke, tmp_path: Path) -> None:
    listed = invoke(["benchmark", "--list"]).stdout.splitlines()
    assert [line.split()[0] for line in listed] == ["cpu", "full", "paper-dms", "paper-nt", "smoke"]
    shown = invoke(["benchmark", "--show", "cpu"]).stdout
    (tmp_path / "cpu.toml").write_text(shown)
    from certiqa.benchmark.reading import read_config

    assert read_config(tmp_path / "cpu.toml") == read_config("cpu")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--out", "out"], "'CONFIG' must be a preset (cpu, full, paper-dms, paper-nt, smoke) or a .toml file"),
        (["smoke"], "'--out' must be given"),
        (["smok", "--out", "out"], "Unknown preset 'smok'. Did you mean 'smoke'?"),
        (["none.toml", "--out", "out"], "'CONFIG' must be a file that can be read"),
        (["--show", "cpuu"], "Unknown preset 'cpuu'. Did you mean 'cpu'?"),
        (["cpu", "--out", "out"], "must name the folder of 'livec'. Got None instead. Pass --data livec FOLDER"),
        (["cpu", "--out", "out", "--data", "livec"], "'--data' must be given as --data NAME ROOT"),
        (["cpu", "--out", "out", "--data", "livec", "a", "--data", "livec", "b"],
         "'--data' must not name a data set twice. Got 'livec'"),
        (["smoke", "--out", "out", "--data", "livec", "x"], "'--data' must be of a data set of this config"),
        (["smoke", "--out", "out", "--part", "2/2"], "'--part' must be SHARE/SHARES"),
        (["smoke", "--out", "out", "--part", "half"], "'--part' must have the form K/N"),
        (["mine.toml", "--out", "mine.toml"], "'--out' must be a folder that is there or can be made"),
        (["mine.toml", "--out", "out", "--device", "cuda:99"], "cuda:99"),
        (["mine.toml", "--out", "out", "--report-only"], "'--out' must be a folder that a run was begun in"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line(here: Path, invoke: Invoke, arguments: list[str], words: str) -> None:
    done = invoke(["benchmark", *arguments])
    assert done.exit_code == 2
    (line,) = done.errors
    assert words in line
    assert not (here / "out" / "table.csv").exists()


def test_bad_configs_are_one_line(here: Path, invoke: Invoke) -> None:
    for old, new, words in (
        ("smooth = true", "smoth = true", "must be a key of defence[2]. Got True instead. Did you mean 'smooth'?"),
        (":net", ":none", "must name an attribute that is there"),
        (":net", ":training", "train mode"),
        ('name = "MS"', 'name = "MS"\nmetric = "nt.safetensors"', "defence 'MS' of"),
        ('"fgsm"', '"uap:pattern=none.safetensors"', "attack 'uap:pattern=none.safetensors'"),
    ):  # fmt: skip
        (here / "mine.toml").write_text(CONFIG.replace(old, new))
        done = invoke(["benchmark", "mine.toml", "--out", "out"])
        assert done.exit_code == 2
        (line,) = done.errors
        assert words in line
        assert not [*(here / "out" / "records").glob("*.jsonl")] if (here / "out").exists() else True


def test_another_config_of_the_same_folder(here: Path, invoke: Invoke) -> None:
    invoke(["benchmark", "mine.toml", "--out", "out", "--no-report"])
    (here / "mine.toml").write_text(CONFIG.replace("n = 120", "n = 121"))
    done = invoke(["benchmark", "mine.toml", "--out", "out"])
    assert done.exit_code == 2
    assert done.errors == [
        "The parameter '--out' must be new, or of this config; it is of one that differs in certificates. Got 'out' "
        "instead. Name another folder."
    ]


def test_an_alarm_fails_the_run_and_keeps_the_report(
    here: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    from certiqa.benchmark import summary
    from certiqa.evaluation.alarms import Soundness

    unsound = Soundness(9, 9, 9, 9, 9, 0.009, 1e-20, 1e-6)
    monkeypatch.setattr(summary, "row_soundness", lambda folder: (("MS", unsound),))
    done = invoke(["benchmark", "mine.toml", "--out", "out"])
    assert done.exit_code == 2
    assert "certiqa: error: MS: SOUNDNESS ALARM: 9 alarms in 9 attacks" in done.stderr
    assert (here / "out" / "report.html").exists()


LIMITED = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000))
sys.argv = ["certiqa", "benchmark", "mine.toml", "--out", "out"]
from certiqa.cli import main
main()
"""


@pytest.mark.skipif(not hasattr(signal, "SIGXFSZ"), reason="no limit of the size of files here")
def test_files_that_cannot_grow_end_the_run_in_one_line_and_keep_what_is_there(here: Path, invoke: Invoke) -> None:
    """A limit of the size of files, in the place of a full disk."""
    assert resource.getrlimit(resource.RLIMIT_FSIZE)
    invoke(["benchmark", "mine.toml", "--out", "whole", "--no-report"])
    (here / "out").mkdir()
    (here / "whole" / "distorted-samples").rename(here / "out" / "distorted-samples")  # pictures above the limit
    done = subprocess.run([sys.executable, "-c", LIMITED], cwd=here, capture_output=True, text=True)
    assert done.returncode == 2
    errors = [line for line in done.stderr.splitlines() if line.startswith("certiqa: error: ")]
    assert len(errors) == 1
    assert "Cannot write" in errors[0]
    assert "Traceback" not in done.stderr
    kept = (here / "out" / "records" / "0-of-1.jsonl").read_text()
    assert kept.endswith("\n")
    assert len(kept.splitlines()) >= 12
    resumed = invoke(["benchmark", "mine.toml", "--out", "out", "--no-report"])
    assert resumed.exit_code == 0
    assert (here / "out" / "table.csv").read_bytes() == (here / "whole" / "table.csv").read_bytes()
