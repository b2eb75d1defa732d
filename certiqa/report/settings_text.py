"""The config as text in the manner of TOML: for reading; JSON's null is shown as a comment."""

from __future__ import annotations

import json
import math
import re
from typing import Any

__all__ = ["settings_text"]


def settings_text(config: dict[str, Any]) -> str:
    """Tables under their headings, lists of tables with double brackets, everything else as JSON writes it.

    >>> config = {"name": "small", "noise": {"sigma": [0.1, 0.2], "seed": None}, "attack": [{"name": "pgd"}]}
    >>> print(settings_text(config))
    name = "small"
    <BLANKLINE>
    [noise]
    sigma = [0.1, 0.2]
    # seed is not set
    <BLANKLINE>
    [[attack]]
    name = "pgd"
    """
    return "\n".join(_lines(config, ())).strip("\n")


def _lines(table: dict[str, Any], path: tuple[str, ...]) -> list[str]:
    found, below = [], []
    for name, value in table.items():
        key = str(name) if re.fullmatch(r"[A-Za-z0-9_-]+", str(name)) else json.dumps(str(name), ensure_ascii=False)
        inner = (*path, key)
        if isinstance(value, dict):
            below += ["", f"[{'.'.join(inner)}]", *_lines(value, inner)]
        elif isinstance(value, list | tuple) and value and all(isinstance(one, dict) for one in value):
            for one in value:
                below += ["", f"[[{'.'.join(inner)}]]", *_lines(one, inner)]
        elif value is None:
            found.append(f"# {key} is not set")
        else:
            found.append(f"{key} = {_value(value)}")
    return found + below


def _value(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(_value(one) for one in value)}]"
    return json.dumps(value, ensure_ascii=False, default=str)
