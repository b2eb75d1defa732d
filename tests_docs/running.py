"""Run the blocks of a page: Python in one namespace, ``certiqa ...`` in this process, everything else by bash."""

from __future__ import annotations

import contextlib
import glob
import io
import os
import re
import shlex
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

from blocks import ROOT, Block

from certiqa.cli import app

SHELL = re.compile(r"[|;&<>$`]")  # bash itself has to read these


class BlockError(AssertionError):
    """A block of a page does not run."""


def run(blocks: list[Block]) -> dict[str, Any]:
    """Run them in the current folder, in their order; the namespace of the Python ones.

    Raises:
        BlockError: names the page, the line and what was said.
    """
    module = types.ModuleType("page")
    sys.modules["page"] = module  # dataclasses look up the module of their class
    space = vars(module)
    for block in blocks:
        if block.skipped:
            continue
        if block.language == "bash":
            for command in commands(block.code):
                _command(command, block)
        else:
            _python(block, space)
    return space


def _python(block: Block, space: dict[str, Any]) -> None:
    try:
        # as many empty lines before it as there are lines of the page: a traceback names the page's own line
        exec(compile("\n" * (block.line - 1) + block.code, block.page, "exec"), space)
    except Exception as error:
        raise BlockError(f"{block.place}: {type(error).__name__}: {error}") from error


def commands(code: str) -> list[str]:
    """The commands of a block: continued lines are joined; of a console block the lines behind $ are commands.

    >>> commands("$ certiqa score a.png\\nMOS 3\\n")
    ['certiqa score a.png']
    >>> commands("certiqa score a.png \\\\\\n    --quiet  # twice\\n\\n# nothing\\n")
    ['certiqa score a.png      --quiet']
    """
    lines = re.sub(r"\\\n", " ", code).splitlines()
    if any(line.startswith("$ ") for line in lines):
        lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    without = (re.sub(r"(^|\s)#.*$", "", line).strip() for line in lines)
    return [line for line in without if line]


def _command(command: str, block: Block) -> None:
    if command.startswith("certiqa ") and not SHELL.search(command):
        code, said = certiqa(words(command)[1:])
    else:
        code, said = _bash(command)
    if code != 0:
        raise BlockError(f"{block.place}: exit code {code}\n{command}\n{said[-3000:]}")


def words(command: str) -> list[str]:
    """As bash would pass them: ``~`` and ``*`` are replaced."""
    found: list[str] = []
    for word in shlex.split(command):
        home = os.path.expanduser(word)
        found += sorted(glob.glob(home)) or [home] if "*" in home else [home]
    return found


def certiqa(arguments: list[str]) -> tuple[int, str]:
    """``certiqa ARGUMENTS`` in this process, which has loaded torch already: its exit code, and all that it printed."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            app(arguments, prog_name="certiqa")
        except SystemExit as end:
            return (end.code if isinstance(end.code, int) else 1), said.getvalue()
    return 0, said.getvalue()


def _bash(command: str) -> tuple[int, str]:
    """bash, for which ``certiqa``, ``python`` and ``torchrun`` are those of this environment."""
    tools = Path(".tools")
    tools.mkdir(exist_ok=True)
    for name, module in (("certiqa", "certiqa"), ("torchrun", "torch.distributed.run")):
        (tools / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" -m {module} "$@"\n', encoding="utf-8")
        (tools / name).chmod(0o755)
    path = os.pathsep.join([str(tools.resolve()), str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "PYTHONPATH": os.pathsep.join([str(ROOT), os.getcwd()])}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command], env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr
