"""The command line: it reads arguments and prints; what it prints was proved behind :func:`certiqa.certify`.

torch is imported when a command needs it, so that ``certiqa --help`` answers at once.
"""

from __future__ import annotations

import io
import os
import sys
from typing import TextIO, cast

from certiqa.cli._app import app
from certiqa.cli._errors import Watched

__all__ = ["app", "main"]


def main() -> None:
    """Run the command line.

    It exits with 0 (fine), 1 (a bug, with its traceback), 2 (bad input or model, or a stdout that cannot be written to)
    or 130 (Ctrl-C).
    """
    # OpenMP's threads would wait actively after each forward pass, and take a core from the noise.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # started with this stream closed (>&-)
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # file names need not fit the terminal's encoding
    stdout = Watched(sys.stdout)
    sys.stdout = cast(TextIO, stdout)
    try:
        app(prog_name="certiqa")
    except (OSError, SystemExit):
        code = stdout.ended()
        if code is None:
            raise
    sys.exit(code)
