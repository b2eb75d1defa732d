"""The installed command, as a user runs it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import certiqa
from certiqa.cli import main

_INSTALLED = Path(sys.executable).with_name("certiqa")
COMMAND = [str(_INSTALLED)] if _INSTALLED.exists() else [sys.executable, "-m", "certiqa"]
Invoke = Callable[[list[str]], Any]
SLOW = """
import pathlib, time
def mean(x):
    if x.mean() > 0.7:
        pathlib.Path("asleep").touch()
        time.sleep(30)
    return x.mean((1, 2, 3))
"""
OPTIONS = {
    "certify": (
        "model denoiser resolution sigma eps tau n kind alpha side seed device dtype batch-size range json plot quiet"
    ),
    "score": "model sigma n seed device json",
}


def certiqa_command(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], cwd=cwd, capture_output=True, text=True, timeout=120, check=False)


def test_the_built_in_model_on_a_sample_photograph(tmp_path: Path) -> None:
    out = certiqa_command(
        *("certify", "sample:rocket", "--n", "500", "--eps", "0.03", "--json", "out.json", "--plot", "out.png"),
        cwd=tmp_path,
    )
    assert out.stderr == ""
    assert out.returncode == 0
    assert out.stdout.startswith("sample:rocket (640x427) under builtin-energy\nsmoothed score ")
    certificate = certiqa.Certificate.from_json(tmp_path / "out.json")
    assert f"smoothed score {certificate.score:.4g}: median of 500 scores" in out.stdout
    assert certificate.bounds(at=0.03).certified
    assert (tmp_path / "out.png").read_bytes().startswith(b"\x89PNG")


def test_a_metric_of_the_current_folder_a_bad_image_and_a_pipe(folder: Path) -> None:
    (folder / "mine.py").write_text("def mean(x):\n    return x.mean((1, 2, 3))\n")
    out = certiqa_command(
        *("certify", "a.png", "text.png", "b.png", "--model", "python:mine:mean", "--n", "40", "--json", "-"),
        cwd=folder,
    )
    assert out.returncode == 2
    assert [json.loads(line)["provenance"]["image"] for line in out.stdout.splitlines()] == ["a.png", "b.png"]
    errors = [line for line in out.stderr.splitlines() if line.startswith("certiqa: error: ")]
    assert len(errors) == 1
    assert "text.png" in errors[0]
    assert "Traceback" not in out.stderr


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_ctrl_c_exits_130_with_what_is_done(folder: Path) -> None:
    (folder / "slow.py").write_text(SLOW)
    arguments = ["certify", "a.png", "bright.png", "--model", "python:slow:mean", "--n", "40", "--json", "out"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job would inherit "ignore"
    try:
        process = subprocess.Popen([*COMMAND, *arguments], cwd=folder, **pipes)
    finally:
        signal.signal(signal.SIGINT, before)
    with process:
        try:
            deadline = time.monotonic() + 60
            while not (folder / "asleep").exists():
                assert process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            stdout, stderr = process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130
    assert stderr == "certiqa: error: interrupted at bright.png: 1 of 2 images done and kept\n"
    assert "a.png (24x16)" in stdout
    assert [file.name for file in (folder / "out").iterdir()] == ["a.json"]


def test_version(tmp_path: Path) -> None:
    out = certiqa_command("--version", cwd=tmp_path)
    assert out.returncode == 0
    assert re.fullmatch(
        rf"certiqa {re.escape(certiqa.__version__)} \(torch \d\S+, Python 3\.\d+\.\d+\S*\)\n", out.stdout
    )


def test_help_needs_no_torch(tmp_path: Path) -> None:
    code = "import sys\nfrom certiqa.cli import app\n"
    code += "try:\n    app(['certify', '--help'])\nfinally:\n    print('torch' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert out.stdout.endswith("False\n")


@pytest.mark.parametrize("flag", ["--help", "-h"])
@pytest.mark.parametrize("command", OPTIONS)
def test_help_names_every_option_and_gives_examples(invoke: Invoke, command: str, flag: str) -> None:
    result = invoke([command, flag])
    assert result.exit_code == 0
    for option in OPTIONS[command].split():
        assert re.search(rf"^ .*--{option}\b", result.stdout, re.MULTILINE)
    assert f"  certiqa {command} " in result.stdout
    assert "completion" not in result.stdout


def test_the_overview_names_every_command(invoke: Invoke) -> None:
    result = invoke(["--help"])
    assert result.exit_code == 0
    assert all(
        f"\n  {name} " in result.stdout
        for name in ("certify", "score", "samples", "models", "evaluate", "data", "train")
    )
    assert "certiqa certify sample:coffee" in result.stdout
    assert "--install-completion" not in result.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["certif"], "No such command 'certif'"),
        (["certify"], "Missing argument 'IMAGE'"),
        (["score", "--sigm"], "--sigma"),
    ],
)
def test_wrong_usage_is_one_line(invoke: Invoke, arguments: list[str], words: str) -> None:
    result = invoke(arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith("certiqa: error: ")
    assert result.stderr.count("\n") == 1
    assert words in result.stderr


def test_no_command_shows_the_help(invoke: Invoke) -> None:
    result = invoke([])
    assert result.exit_code == 2
    assert "Usage: certiqa" in result.stdout


FULL = Path("/dev/full")
LOST = "certiqa: error: stdout cannot be written to (No space left on device): the run ends here, and files that were "
LOST += "saved before are kept. Send stdout to a place with room.\n"


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "arguments",
    [
        ["samples"],
        ["--help"],
        ["data", "list"],
        ["certify", "a.png", "b.png", "--model", "python:mine:mean", "--n", "40", "--json", "out.jsonl"],
        ["certify", "a.png", "b.png", "--model", "python:mine:mean", "--n", "40", "--json", "-"],
    ],
    ids=lambda arguments: " ".join(arguments[:1] + arguments[-1:]),
)
def test_a_full_stdout_is_one_line_and_loses_no_result(unbuffered: str, arguments: list[str], folder: Path) -> None:
    (folder / "mine.py").write_text("def mean(x):\n    return x.mean((1, 2, 3))\n")
    with FULL.open("w") as full:
        out = subprocess.run(
            [*COMMAND, *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
            check=False,
        )
    assert (out.returncode, out.stderr) == (2, LOST)
    if "out.jsonl" in arguments:
        (line,) = (folder / "out.jsonl").read_text().splitlines()
        assert json.loads(line)["provenance"]["image"] == "a.png"


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full")
def test_a_full_stdout_that_was_not_needed_is_no_error(folder: Path) -> None:
    (folder / "mine.py").write_text("def mean(x):\n    return x.mean((1, 2, 3))\n")
    arguments = ["certify", "a.png", "--model", "python:mine:mean", "--n", "40", "--json", "out.json", "--quiet"]
    with FULL.open("w") as full:
        out = subprocess.run(
            [*COMMAND, *arguments], cwd=folder, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (out.returncode, out.stderr) == (0, "")


@pytest.mark.skipif(os.name != "posix", reason="pipes of POSIX")
def test_a_reader_that_goes_away_is_no_error_of_ours(tmp_path: Path) -> None:
    out = subprocess.run(
        ["sh", "-c", '"$@" | true', "sh", *COMMAND, "models", "--json"], cwd=tmp_path, capture_output=True, check=False
    )
    assert (out.returncode, out.stderr) == (0, b"")


def test_an_oserror_of_another_origin_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def bug(**_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("certiqa.cli.app", bug)
    monkeypatch.setattr("sys.stdout", sys.stdout)  # put back afterwards
    with pytest.raises(OSError, match="No space left"):
        main()


@pytest.mark.skipif(os.name != "posix", reason="closes file descriptors as a POSIX shell does")
@pytest.mark.parametrize("closed", [1, 2])
def test_a_closed_stream_loses_no_result(closed: int, folder: Path) -> None:
    (folder / "mine.py").write_text("def mean(x):\n    return x.mean((1, 2, 3))\n")
    arguments = ["certify", "a.png", "b.png", "--model", "python:mine:mean", "--n", "40", "--json", "out.jsonl"]
    shell = ["sh", "-c", f'"$@" {closed}>&-', "sh", *COMMAND, *arguments]
    out = subprocess.run(shell, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert (out.returncode, out.stderr) == (0, "")
    assert len((folder / "out.jsonl").read_text().splitlines()) == 2
