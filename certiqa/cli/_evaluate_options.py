"""The options of ``certiqa evaluate``, checked before anything is loaded or read."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from certiqa.errors import InputError, UnknownNameError

__all__ = ["Settings"]


@dataclass(frozen=True)
class Settings:
    """What was asked for.

    Attributes:
        models: the metric, then those to compare it with; no name twice.
        weights: name -> weight file.
        data: (name, root) of each data set.
        options: of the reader of each data set.
    """

    models: tuple[str, ...]
    weights: dict[str, str]
    data: tuple[tuple[str, str], ...]
    part: str
    fit_on: str | None
    options: tuple[dict[str, str], ...]
    skip_bad: bool
    confidence: float
    resamples: int
    seed: int
    device: str | None
    dtype: str
    batch_size: int
    cache: str | None
    scores: str | None

    @classmethod
    def of(
        cls,
        *,
        models: Sequence[str],
        weights: Sequence[str],
        data: Sequence[str],
        roots: Sequence[str],
        part: str,
        fit_on: str | None,
        options: Sequence[str],
        **given: Any,
    ) -> Settings:
        """Check all of them.

        Raises:
            InputError: one breaks its rule.
        """
        from certiqa import _checks as check
        from certiqa.data.sets.dataset import PARTS
        from certiqa.evaluation.bootstrap import check_confidence

        if not data or len(data) != len(roots):
            rule = "must be given as --data NAME ROOT, a name and a folder each time"
            found = f"{len(data)} names and {len(roots)} folders"
            raise InputError.of("--data", rule, found, "Try --data livec path/to/livec.")
        twice = sorted({name for name in models if models.count(name) > 1})
        if twice:
            raise InputError.of("--compare", "must name other metrics than --model, each once", twice[0])
        for name in (part, fit_on or part):
            if name not in PARTS:
                raise UnknownNameError.among("part", name, PARTS)
        if fit_on == part:
            raise InputError.of("--fit-on", "must be another part than --part", fit_on, "Leave it out.")
        check_confidence(given["confidence"])
        check.check_count(given["resamples"], "resamples", 100, "Try --resamples 2000.")
        check.check_seed(given["seed"])
        check.check_count(given["batch_size"], "batch_size")
        return cls(
            models=tuple(models),
            weights=_weights(weights, models),
            data=tuple(zip(data, roots, strict=True)),
            part=part,
            fit_on=fit_on,
            options=_options(options, data),
            **given,
        )

    def command(self) -> str:
        """The command that asks for the same figures."""
        words = ["certiqa", "evaluate", "--model", self.models[0]]
        for name in self.models[1:]:
            words += ["--compare", name]
        for name, path in self.weights.items():
            words += ["--weights", f"{name}={path}"]
        for name, root in self.data:
            words += ["--data", name, root]
        words += ["--part", self.part]
        words += ["--fit-on", self.fit_on] if self.fit_on else []
        for key in dict.fromkeys(key for found in self.options for key in found):
            values = [found[key] for found in self.options if key in found]
            for value in values if len(set(values)) > 1 else values[:1]:
                words += ["--option", f"{key}={value}"]
        words += ["--skip-bad"] if self.skip_bad else []
        words += ["--confidence", f"{self.confidence:g}", "--resamples", str(self.resamples), "--seed", str(self.seed)]
        words += ["--device", self.device] if self.device else []
        words += ["--dtype", self.dtype] if self.dtype != "auto" else []
        words += ["--batch-size", str(self.batch_size)] if self.batch_size != 1 else []
        return shlex.join(words)


def _weights(given: Sequence[str], models: Sequence[str]) -> dict[str, str]:
    """MODEL=PATH, or a PATH for the first model."""
    found: dict[str, str] = {}
    for text in given:
        name, equals, path = text.partition("=")
        model, path = (name, path) if equals and name in models else (models[0], text)
        if model in found:
            raise InputError.of("--weights", f"must be given once for {model!r}", text)
        if not Path(path).is_file():
            remedy = "" if equals or len(models) == 1 else "For a compared metric: MODEL=PATH."
            raise InputError.of("--weights", "must be a file that is there", text, remedy)
        found[model] = path
    return found


def _options(given: Sequence[str], data: Sequence[str]) -> tuple[dict[str, str], ...]:
    """What goes to the reader of each data set.

    A key that is given once goes to every data set whose reader takes it; given as often as there are such data sets,
    each gets its own value, in their order.
    """
    from certiqa.data.sets.registry import options

    known = [options(name) for name in data]
    values: dict[str, list[str]] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals:
            raise InputError.of("--option", "must have the form KEY=VALUE", text)
        if not any(key in keys for keys in known):
            raise UnknownNameError.among(f"option of {', '.join(dict.fromkeys(data))}", key, sorted({*chain(*known)}))
        values.setdefault(key, []).append(value)
    found: tuple[dict[str, str], ...] = tuple({} for _ in data)
    for key, each in values.items():
        takers = [index for index, keys in enumerate(known) if key in keys]
        if len(each) not in (1, len(takers)):
            raise _so_often(key, each, [data[index] for index in takers])
        for index, value in zip(takers, each * (len(takers) if len(each) == 1 else 1), strict=True):
            found[index][key] = value
    return found


def _so_often(key: str, values: Sequence[str], takers: Sequence[str]) -> InputError:
    rule, remedy = f"must be given once for {key!r}", "Keep one of them."
    if len(takers) > 1:
        rule += f", or once for each of the {len(takers)} data sets that take it ({', '.join(takers)}), in their order"
        remedy = "Give one value, or one for each; or evaluate the data sets one by one."
    return InputError.of("--option", rule, ", ".join(f"{key}={value}" for value in values), remedy)
