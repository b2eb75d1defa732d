"""Data sets by name."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from certiqa.data.sets.dataset import DataSet
from certiqa.data.sets.facts import Facts
from certiqa.data.sets.listing import Listing
from certiqa.data.sets.place import Place
from certiqa.data.sets.problem import Problem, data_error
from certiqa.errors import DataError, InputError, UnknownNameError

__all__ = ["info", "names", "open_dataset", "options"]

_READERS = ("agiqa3k", "csiq", "flive", "folder", "kadid10k", "koniq10k", "live", "livec", "spaq", "tid2013")


def names() -> tuple[str, ...]:
    """The names that :func:`open_dataset` knows, sorted.

    >>> names()
    ('agiqa3k', 'csiq', 'flive', 'folder', 'kadid10k', 'koniq10k', 'live', 'livec', 'spaq', 'tid2013')
    """
    return _READERS


def info(name: str) -> Facts:
    """The facts of one data set; nothing is read.

    Raises:
        UnknownNameError: no such data set; near names are suggested.

    >>> info("KADID-10k").mos_range, info("csiq").lower_better
    ((1.0, 5.0), True)
    """
    facts: Facts = _module(name).FACTS
    return facts


def options(name: str) -> tuple[str, ...]:
    """The names of the options that a reader takes.

    >>> options("koniq10k")
    ('images', 'scale')
    """
    return _options(_module(name).read)


def open_dataset(
    name: str, root: str | os.PathLike[str], *, skip_bad: bool = False, decode: bool = False, **options: object
) -> DataSet:
    """Open a data set: read its tables, find its images, check every row.

    Args:
        name: one of :func:`names`; case, hyphens and spaces do not matter.
        root: the folder that holds the published files (see docs/datasets.md).
        skip_bad: leave out bad rows and go on; they stand in ``problems``. Without it any bad row is an error.
        decode: also decode every image, to find those that are damaged. It takes minutes for a large data set.
        options: of the reader: see its module.

    Returns:
        The data set. Every record has a finite MOS on the scale, a content, and a file that exists.

    Raises:
        UnknownNameError: no such data set, or no such option of it.
        InputError: an option breaks its rule, and nothing else is wrong.
        DataError: everything that is wrong, told once and together. What makes all rows unreadable (no root, no table,
            other columns, another data set's table, no folder of images, an option that breaks its rule) is an error
            with ``skip_bad`` too, and so is a table of which nothing is left.
        MissingExtraError: an .xlsx, and openpyxl is not installed.
    """
    module = _module(name)
    facts: Facts = module.FACTS
    read: Callable[..., Listing] = module.read
    for option in options:
        if option not in _options(read):
            raise UnknownNameError.among(f"option of {facts.name!r}", option, _options(read))
    what, folder = f"The data set {facts.name!r} in {os.fspath(root)!r}", Path(root)
    from certiqa.data.sets.assemble import assemble

    place = Place(folder)
    try:
        if not folder.is_dir():
            raise DataError("no root", (_no_root(folder, facts), *_wrong_options(read, place, options)))
        dataset = assemble(place, facts, read(place, **options), decode=decode)
    except DataError as error:
        if all(problem.kind == "option" for problem in error.problems):
            raise InputError(" ".join(problem.detail for problem in error.problems)) from None
        raise data_error(what, error.problems) from None
    if dataset.problems and not skip_bad:
        raise data_error(what, dataset.problems)
    if not dataset.records:
        detail = f"no usable row is left. Repair the rows, or pass another folder: expected in it: {_expected(facts)}"
        raise data_error(what, [Problem("table", detail, fatal=True), *dataset.problems])
    return dataset


def _no_root(folder: Path, facts: Facts) -> Problem:
    found = "a file" if folder.exists() else "not there"
    detail = f"the root must be a folder, and it is {found}; expected in it: {_expected(facts)}"
    remedy = "Pass the folder that holds these files"
    if not folder.is_absolute():
        remedy += f"; the path is seen from {os.getcwd()!r}"
    return Problem("root", f"{detail}. {remedy}", fatal=True)


def _wrong_options(read: Callable[..., Listing], place: Place, options: dict[str, object]) -> list[Problem]:
    """What a reader has to say of its options, where it finds nothing to read."""
    try:
        read(place, **options)
    except InputError as error:
        return [Problem("option", str(error), fatal=True)]
    except DataError as error:
        return [problem for problem in error.problems if problem.kind == "option"]
    return []


def _expected(facts: Facts) -> str:
    return ", ".join(facts.files)


def _options(read: Callable[..., Listing]) -> tuple[str, ...]:
    parameters = inspect.signature(read).parameters.values()
    return tuple(sorted(one.name for one in parameters if one.kind is inspect.Parameter.KEYWORD_ONLY))


def _module(name: str) -> Any:
    key = "".join(letter for letter in name.casefold() if letter.isalnum())
    if key not in _READERS:
        raise UnknownNameError.among("data set", name, _READERS)
    return import_module(f"certiqa.data.sets.{key}")
