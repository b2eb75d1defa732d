"""Files below a root: found whatever the case of their letters, never outside."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from pathlib import Path

from certiqa.data.sets.problem import refuse

__all__ = ["Place", "either", "inside"]


class Place:
    """Looks up names below a root folder; each folder is listed once.

    The parts of a name are matched exactly if they can be, else whatever the case of their letters, if that leaves no
    choice: published tables and published files do not always agree (``I01_01_1.bmp`` and ``i01_01_1.bmp``), and some
    file systems tell them apart. A backslash separates folders as a slash does.

    Attributes:
        root: the folder.
        renamed: what was found under another case: name asked for -> name found.
        absent: the names of the folders that were looked for and are not there; "." at the end: the root stands in.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.renamed: dict[str, str] = {}
        self.absent: list[tuple[str, ...]] = []
        self._folders: dict[Path, dict[str, list[str]]] = {}

    def find(self, name: str) -> Path | None:
        """The file or folder of that name; None if there is none, or if several differ from it in case only.

        Raises:
            ValueError: the name leads out of the root, or is none.
        """
        path = self._find(name)
        if path is not None:
            asked, there = "/".join(inside(name)), path.relative_to(self.root).as_posix()
            if asked != there:
                self.renamed[asked] = there
        return path

    def _find(self, name: str) -> Path | None:
        here = self.root
        for part in inside(name):
            candidates = self._listing(here).get(part.casefold(), [])
            if part not in candidates and len(candidates) != 1:
                return None
            here = here / (part if part in candidates else candidates[0])
        return here

    def folder(self, *names: str) -> str:
        """The first of these folders that is there, as it is spelled there; the first name if none is."""
        for at, name in enumerate(names):
            path = self.root if name == "." else self._find(name)
            if path is not None and path.is_dir():
                if name == "." and at:
                    self.absent.append(names[: at + 1])
                return path.relative_to(self.root).as_posix()
        self.absent.append(names)
        return names[0]

    def table(self, *names: str) -> Path | None:
        """The first of these files that is there."""
        for name in names:
            path = self._find(name)
            if path is not None and path.is_file():
                return path
        return None

    def need(self, *tables: tuple[str, ...], instead: str = "") -> list[Path]:
        """A file for each tuple of names that it may have.

        Args:
            tables: the names.
            instead: another way out than to put the tables there, in words.

        Raises:
            DataError: one is missing. The message names all that are missing, what is there, and what to do.
        """
        found = [self.table(*names) for names in tables]
        missing = [either(names) for names, path in zip(tables, found, strict=True) if not path]
        if missing:
            verb, them = ("is", "it") if len(missing) == 1 else ("are", "them")
            detail = f"the table {' and the table '.join(missing)} {verb} missing; {self.contents()}"
            raise refuse("table", detail, f"Pass the folder that holds {them}{f', or {instead}' if instead else ''}")
        return [path for path in found if path]

    def contents(self) -> str:
        """What lies in the root, in words."""
        names = sorted(name for group in self._listing(self.root).values() for name in group)
        shown = ", ".join(repr(name) for name in names[:12])
        return f"the folder holds {shown}{', ...' if len(names) > 12 else ''}" if names else "the folder is empty"

    def _listing(self, folder: Path) -> dict[str, list[str]]:
        if folder not in self._folders:
            names = defaultdict(list)
            try:
                for name in os.listdir(folder):
                    names[name.casefold()].append(name)
            except OSError:  # a file, or not readable: nothing can be found in it
                names.clear()
            self._folders[folder] = dict(names)
        return self._folders[folder]


def either(names: tuple[str, ...]) -> str:
    """The names something may have, without the folders it may also lie in.

    >>> either(("a.mat", "inner/a.mat", "b.mat"))
    "'a.mat' or 'b.mat'"
    """
    first = {name.rpartition("/")[2]: name for name in reversed(names)}
    return " or ".join(repr(name) for name in names if name in first.values())


def inside(name: str) -> list[str]:
    """The parts of a name that stays below the root.

    Raises:
        ValueError: the name leads out of the root, is absolute, or is none.

    >>> inside("a\\\\b/./c.png")
    ['a', 'b', 'c.png']
    """
    text = name.replace("\\", "/")
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if not parts or text.startswith("/") or re.match("[A-Za-z]:", text) or ".." in parts or "\0" in text:
        raise ValueError(f"{name!r} leads out of the root")
    return parts
