"""``python:package.module:attribute``: something of the user's own."""

from __future__ import annotations

import importlib
import os
import sys
from functools import reduce
from typing import Any

from certiqa.errors import InputError

__all__ = ["FORM", "PREFIX", "imported"]

PREFIX = "python:"
FORM = "python:package.module:attribute"


def imported(name: str, option: str) -> Any:
    """What ``name`` names; the current folder is searched first.

    Raises:
        InputError: another form, nothing there, or it cannot be imported; ``option`` is what the message blames.
    """
    module_name, _, attribute = name.removeprefix(PREFIX).partition(":")
    if not module_name or not attribute or module_name.startswith("."):
        raise InputError.of(option, f"must have the form {FORM}", name)
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        rule = f"must name a module that can be imported ({type(error).__name__}: {error})"
        raise InputError.of(option, rule, name, "The current folder is searched first.") from error
    try:
        return reduce(getattr, attribute.split("."), module)
    except AttributeError as error:
        raise InputError.of(option, f"must name an attribute that is there ({error})", name) from error
