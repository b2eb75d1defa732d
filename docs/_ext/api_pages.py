"""Before a build: a page of the API for every room of the package.

Every module without an underscore is on the page of its room, with every name of its ``__all__``; what two modules
offer stands at the shorter path. A name that is new in an ``__all__`` is on the site with the next build.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from pathlib import Path
from types import ModuleType
from typing import Any

from sphinx.pycode import ModuleAnalyzer

import certiqa

LEFT_OUT = ("certiqa.cli",)  # the command line has a page of its own
_LONGEST = 120
_INTRODUCTION = """Every public name, from its docstring. The names directly below a room's title are the ones to use;
the modules after them are what these are made of."""


def modules() -> list[str]:
    """Every public module, the package's own first."""
    found = [module.name for module in pkgutil.walk_packages(certiqa.__path__, "certiqa.")]
    public = [name for name in found if not any(part.startswith("_") for part in name.split("."))]
    return ["certiqa", *sorted(name for name in public if not name.startswith(LEFT_OUT))]


def room(module: str) -> str:
    """The page of a module: the package below certiqa, or the module itself.

    >>> room("certiqa.attacks.budgets.linf"), room("certiqa")
    ('attacks', 'certiqa')
    """
    return module.split(".")[1] if "." in module else module


def placed() -> dict[str, list[str]]:
    """For each public module the names that are described there: each object once, at its shortest path."""
    taken: set[tuple[str, int]] = set()
    result: dict[str, list[str]] = {}
    for name in sorted(modules(), key=lambda one: (one.count("."), one)):
        module = importlib.import_module(name)
        result[name] = []
        for public in getattr(module, "__all__", []):
            value = getattr(module, public)
            if isinstance(value, ModuleType):
                continue
            if (public, id(value)) not in taken:
                taken.add((public, id(value)))
                result[name].append(public)
    return result


def _directive(module: str, name: str) -> list[str]:
    value = getattr(importlib.import_module(module), name)
    if inspect.isclass(value):
        return [f".. autoclass:: {module}.{name}", "   :members:", "   :show-inheritance:", ""]
    if inspect.isroutine(value) or hasattr(value, "__wrapped__"):  # the second: a function with a cache
        return [f".. autofunction:: {module}.{name}", ""]
    if ("", name) in ModuleAnalyzer.for_module(module).find_attr_docs():
        return [f".. autodata:: {module}.{name}", "   :no-value:", ""]
    # autodata would show the docstring of its type
    return [f".. py:data:: {name}", f"   :module: {module}", f"   :value: {_short(value)}", ""]


def _short(value: object) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _module(name: str) -> list[str]:
    """The module's docstring; a function of its package may have the same name, and is what the name leads to."""
    parent, _, last = name.rpartition(".")
    hidden = parent and not isinstance(getattr(importlib.import_module(parent), last, None), ModuleType)
    return [f".. automodule:: {name}", "   :no-members:", *(["   :no-index:"] if hidden else []), ""]


def page(name: str, here: list[str], names: dict[str, list[str]]) -> str:
    """A room's page in reStructuredText."""
    title = name if name == "certiqa" else f"certiqa.{name}"
    lines = [title, "=" * len(title), ""]
    for module in here:
        if module != title:
            lines += [module, "-" * len(module), ""]
        lines += _module(module)
        for public in names[module]:
            lines += _directive(module, public)
    return "\n".join(lines)


def write(folder: Path, pages: dict[str, str], suffix: str) -> None:
    """Exactly these pages; a page whose text has not changed is left alone, so that Sphinx need not read it again."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.*"):
        if old.stem not in pages:
            old.unlink()
    for name, text in pages.items():
        path = folder / f"{name}{suffix}"
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def api() -> dict[str, str]:
    """Name and text of every page of the API, and of the index that lists them."""
    names = placed()
    rooms: dict[str, list[str]] = {}
    for module in names:
        rooms.setdefault(room(module), []).append(module)
    pages = {name: page(name, sorted(here), names) for name, here in rooms.items()}
    entries = ["certiqa", *sorted(set(pages) - {"certiqa"})]
    index = ["API", "===", "", _INTRODUCTION, "", ".. toctree::", "   :maxdepth: 1", "", *(f"   {e}" for e in entries)]
    return {**pages, "index": "\n".join([*index, ""])}


def _builder_inited(app: Any) -> None:
    write(Path(app.srcdir) / "api", api(), ".rst")


def setup(app: Any) -> dict[str, Any]:
    """Sphinx asks for this."""
    app.connect("builder-inited", _builder_inited)
    return {"version": "1", "parallel_read_safe": True}
