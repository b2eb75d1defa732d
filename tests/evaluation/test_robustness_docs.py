"""The Python of docs/robustness.md runs, the command line that it shows is there, and its tables name what there is."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from certiqa import attacks, purifications
from certiqa.cli import app

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "robustness.md").read_text(encoding="utf-8")


def test_the_python_runs(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert len(blocks) == 3
    space: dict[str, object] = {}
    for block in blocks:
        exec(block, space)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("purifications.load('jpeg', metric, quality=50") and lines[0].endswith(" True")  # noqa: PT018
    assert lines[1].startswith("holds: ")
    assert lines[2].startswith("0 alarms in 1 attacks within their radius")
    assert lines[3].endswith("as declared")
    assert "R infinite: the score of none of the 200 images changed" in lines[4]
    assert lines[5].startswith("steps: clear: ")


def test_the_options_exist() -> None:
    import typer

    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    shown = [shlex.split(line, comments=True) for line in re.findall(r"^certiqa .*$", TEXT, re.MULTILINE)]
    assert len(shown) == 6
    for _, name, *words in shown:
        known = {option for parameter in commands[name].params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known
    for name in re.findall(r"--attack ([a-z-]+)", TEXT):
        assert name in attacks.names()


def test_the_purifications_are_those_that_there_are() -> None:
    rows = re.findall(r"^\| `(\w+)` \| .* \| (.*) \| (yes|no) \|$", TEXT, re.MULTILINE)
    assert {name for name, _, _ in rows} == set(purifications.names())
    for name, gradient, random in rows:
        card = purifications.card(name)
        assert (random == "yes") == card.random
        assert (gradient == "exact") == (card.differentiable == "exactly")


def test_there_is_no_measured_number_without_a_result_file() -> None:
    prose = re.sub(r"```.*?```|^\|.*?$|arXiv [\d.]+|section [\d.]+", "", TEXT, flags=re.DOTALL | re.MULTILINE)
    assert not re.findall(r"\d+\.\d+", prose), "figures belong into generated tables"
