"""What ``certiqa evaluate`` opens: the metrics and the data sets, with everything that is wrong told before scoring.

What is cheap to know (names, tables, files that are missing, the sizes in the images' headers, parts that nothing can
be measured on) is looked at first and told together; images are decoded, which takes minutes, only if all of it is
well.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from certiqa._counted import counted
from certiqa._progress import bar
from certiqa.cli._errors import Complaints
from certiqa.cli._evaluate_options import Settings
from certiqa.data.sets.dataset import DataSet
from certiqa.data.sets.decoding import decode_all
from certiqa.data.sets.problem import data_error
from certiqa.data.sets.registry import open_dataset
from certiqa.errors import ImageError, InputError
from certiqa.evaluation.scores import LeftOut, check_sizes, small_words
from certiqa.smoothing.sampler import Progress
from certiqa.trial.models import load_model

__all__ = ["Model", "Opened", "open_all", "progress"]

_LEAST = 5
"""The four-parameter logistic needs so many images."""


@dataclass(frozen=True)
class Model:
    """A metric that was loaded."""

    name: str
    metric: Any
    device: Any


@dataclass(frozen=True)
class Opened:
    """A data set: the part that is measured, and the one that the logistic is fitted on.

    Attributes:
        options: of its reader.
    """

    name: str
    root: str
    options: dict[str, str]
    part: DataSet
    fit: DataSet | None

    def given(self) -> Iterator[tuple[str, DataSet]]:
        """The parts, each with the option that names it."""
        yield "--part", self.part
        if self.fit is not None:
            yield "--fit-on", self.fit


def progress(title: str) -> AbstractContextManager[Progress | None]:
    """A bar, where somebody sees it."""
    return bar(title) if sys.stderr.isatty() else contextlib.nullcontext()


def open_all(settings: Settings, complaints: Complaints) -> tuple[list[Model], list[Opened]]:
    """The metrics and the data sets; whatever is wrong with any of them is told here."""
    models: list[Model] = []
    opened: list[Opened] = []
    for name in settings.models:
        complaints.attempt(name, partial(_load, settings, models, name))
    for (name, root), options in zip(settings.data, settings.options, strict=True):
        complaints.attempt(name, partial(_read, settings, complaints, opened, name, root, options))
    for one in opened:
        _check(settings, complaints, models, one)
    if complaints.code:
        return models, opened
    decoded: list[Opened] = []
    for one in opened:
        complaints.attempt(one.name, partial(_decode, settings, decoded, one))
    for one in decoded if settings.skip_bad else ():  # what does not decode was left out
        _check(settings, complaints, models, one)
    return models, decoded


def _load(settings: Settings, models: list[Model], name: str) -> None:
    metric, device = load_model(name, settings.device, settings.dtype, settings.weights.get(name))
    models.append(Model(name, metric, device))


def _read(
    settings: Settings, complaints: Complaints, opened: list[Opened], name: str, root: str, options: dict[str, str]
) -> None:
    """The tables, and where the images lie."""
    whole = open_dataset(name, root, skip_bad=True, decode=False, **options)  # the bad rows are told here
    if whole.problems and not settings.skip_bad:
        complaints.add(data_error(_words(whole, root), whole.problems), name)
    asked = (settings.part,) if settings.fit_on is None else (settings.part, settings.fit_on)
    parts: list[DataSet] = []
    for part in asked:
        complaints.attempt(name, lambda part=part: parts.append(whole.part(part)))  # type: ignore[misc]
    if len(parts) == len(asked):
        opened.append(Opened(name, root, options, parts[0], parts[1] if settings.fit_on else None))


def _words(data: DataSet, root: str) -> str:
    return f"The data set {data.name!r} in {root!r}"


def _check(settings: Settings, complaints: Complaints, models: list[Model], one: Opened) -> None:
    """Every part can be measured on, by every metric."""
    for option, data in one.given():
        if fault := _unfit(settings, option, data, one):
            complaints.add(fault, one.name)
            continue
        for model in models:
            small = check_sizes(model.metric, data)
            if small and not settings.skip_bad:
                complaints.add(ImageError(f"{model.name}: {small_words(data, small)}"), model.name)
            elif small and (fault := _unfit(settings, option, _without(data, small), one)):
                left = counted(len(small), "image")
                complaints.add(f"{model.name}, without the {left} too small for it: {fault}", model.name)


def _without(data: DataSet, left: Iterable[LeftOut]) -> DataSet:
    gone = {one.path for one in left}
    return replace(data, records=tuple(record for record in data.records if record.path not in gone))


def _unfit(settings: Settings, option: str, data: DataSet, one: Opened) -> InputError | None:
    """Why no figures can come of a part, whatever the scores."""
    where, mos = f"of {one.name!r} in {one.root!r}", data.mos()
    if len(data) < _LEAST:
        rule = f"must be a part with {_LEAST} images at least; {where} it has {len(data)}"
    elif (mos == mos[0]).all():
        rule = f"must be a part whose MOS differ, or no correlation is defined; {where} all {len(data)} are {mos[0]:g}"
    else:
        return None
    remedy = "leave this data set out" if option == "--part" else f"leave {option} out"
    given = settings.part if option == "--part" else settings.fit_on
    return InputError.of(option, rule, given, f"Try another {option}, or {remedy}.")


def _decode(settings: Settings, decoded: list[Opened], one: Opened) -> None:
    """The parts without the images that do not decode.

    Raises:
        DataError: there are such images, and --skip-bad was not given.
    """
    part = _decoded(one.part, settings.cache)
    fit = None if one.fit is None else _decoded(one.fit, settings.cache)
    problems = tuple(dict.fromkeys([*part.problems, *(fit.problems if fit else ())]))
    if problems and not settings.skip_bad:
        raise data_error(_words(part, one.root), problems)
    decoded.append(replace(one, part=part, fit=fit))


def _decoded(chosen: DataSet, cache: str | None) -> DataSet:
    with progress(f"decoding {chosen.name}") as report:
        found = decode_all(chosen.records, cache, report or (lambda done, total: None))
    return replace(chosen, records=found.records, problems=(*chosen.problems, *found.problems))
