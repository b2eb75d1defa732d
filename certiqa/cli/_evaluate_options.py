"""The options of ``certiqa evaluate``, checked before anything is loaded or read."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
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
        options: name of a data set -> the options of its reader.
    """

    models: tuple[str, ...]
    weights: dict[str, str]
    data: tuple[tuple[str, str], ...]
    part: str
    fit_on: str | None
    options: dict[str, dict[str, str]]
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
        pairs = dict.fromkeys(f"{key}={value}" for found in self.options.values() for key, value in found.items())
        for pair in pairs:
            words += ["--option", pair]
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


def _options(given: Sequence[str], data: Sequence[str]) -> dict[str, dict[str, str]]:
    """Each KEY=VALUE goes to every data set whose reader takes it."""
    from certiqa.data.sets.registry import options

    known = {name: options(name) for name in data}
    found: dict[str, dict[str, str]] = {name: {} for name in data}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals:
            raise InputError.of("--option", "must have the form KEY=VALUE", text)
        takers = [name for name in found if key in known[name]]
        if not takers:
            every = sorted({one for keys in known.values() for one in keys})
            raise UnknownNameError.among(f"option of {', '.join(known)}", key, every)
        for name in takers:
            found[name][key] = value
    return found
