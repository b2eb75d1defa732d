"""The Python of docs/evaluation.md runs, and the command line that it shows is the one that there is."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from certiqa.cli import app

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "evaluation.md").read_text(encoding="utf-8")


def test_the_python_runs(capsys):
    blocks = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert len(blocks) == 2
    space: dict[str, object] = {}
    for block in blocks:
        exec(block, space)
    out = capsys.readouterr().out
    assert out.splitlines()[0].endswith("as declared")
    assert "sharp against blunt, SROCC: +" in out


def test_the_options_exist():
    import typer

    commands = typer.main.get_command(app).commands
    shown = [shlex.split(line, comments=True) for line in re.findall(r"^certiqa .*$", TEXT, re.MULTILINE)]
    assert len(shown) == 4
    for _, name, *words in shown:
        known = {option for parameter in commands[name].params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= known
