"""Everything that a run needs is opened before anything is computed: what is missing is told at once, and together."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from certiqa._facts import facts_of
from certiqa.benchmark.config import Config
from certiqa.benchmark.distorted_samples import NAME, distorted_samples
from certiqa.benchmark.sections import NT_TEST, Data, DefenceEntry
from certiqa.benchmark.subject import Subject
from certiqa.data.sets.dataset import DataSet
from certiqa.errors import CertiqaError, InputError
from certiqa.smoothing.declared import sigma_for
from certiqa.trial.chosen import Chosen, chosen
from certiqa.trial.defence import Defence
from certiqa.trial.defended import Defended, defended, device_of

__all__ = ["Opened", "opened"]

_HEAD_DRAWS = 4096
"""Scores that a deployed median is of, at least, behind a front end of numbers."""
_OUTSIDE = ("source", "substitute", "pattern")
"""Options of attacks that are a metric or a file."""


@dataclass(frozen=True)
class Opened:
    """What there is to measure.

    Attributes:
        config: what was asked for.
        data: in the config's order, images in an order that is drawn by a hash of their names, the same everywhere.
        subjects: in the config's order.
        bases: the undefended metrics, by name.
        middles: of the scale of each metric; for the objective "far".
        attacks: (metric, attack as the config names it) -> the attack.
        left_out: what is missing and was to be skipped, in words.
    """

    config: Config
    data: tuple[DataSet, ...]
    subjects: tuple[Subject, ...]
    bases: dict[str, Defended]
    middles: dict[str, float]
    attacks: dict[tuple[str, str], Chosen]
    left_out: tuple[str, ...]

    def facts(self) -> list[dict[str, Any]]:
        """Of the data sets, for the report and for telling one state of a folder of images from another."""
        return [
            {
                "name": one.name,
                "part": wanted.part,
                "images": len(one),
                "contents": len(set(one.contents())),
                "mos_range": list(one.mos_range),
                "lower_better": one.lower_better,
                "licence": one.licence,
                "sha256": _digest([(r.name, r.mos, r.content, _content(r.path)) for r in one.records]),
            }
            for one in self.data
            for wanted in self.config.data
            if wanted.name == one.name
        ]

    def attack_digests(self) -> dict[str, str]:
        """Of the attacks that hold a file or a model, which no config tells from another of the same name."""
        return {
            f"{text} on {metric}": _digest(one.identity)
            for (metric, text), one in self.attacks.items()
            if one.identity is not None and any(f"{option}=" in text for option in _OUTSIDE)
        }


@contextlib.contextmanager
def opened(
    config: Config,
    folder: Path,
    *,
    device: str | None = None,
    models: Mapping[str, Any] | None = None,
    skip_missing: bool = False,
    told: Callable[[str], object] = lambda text: None,
) -> Iterator[Opened]:
    """Open the data sets, metrics and denoisers of a config, for as long as this lasts.

    Args:
        config: with the folders of its data sets.
        folder: where made data may lie.
        device: of the metrics.
        models: metrics of the caller's own, in eval mode, by the names that the config uses.
        skip_missing: leave out what cannot be opened; it stands in ``left_out``.
        told: is given one line for what should be known beforehand.

    Raises:
        InputError: something cannot be opened: all of it, each with its reason.
    """
    problems: list[str] = []
    with contextlib.ExitStack() as stack:
        data = [one for wanted in config.data if (one := _tried(problems, wanted.name, _data, wanted, config, folder))]
        loader = _Loader(device, dict(models or {}))
        bases: dict[str, Defended] = {}
        middles: dict[str, float] = {}
        for metric in config.metrics:
            base = _tried(problems, f"metric {metric.name!r}", loader.base, metric.name, config, stack)
            if base is None:
                continue
            middle = (
                metric.middle if base.output_range is None or metric.middle is not None else sum(base.output_range) / 2
            )
            if middle is None and config.attacks.objective == "far" and config.attacks.images != 0:
                problems.append(
                    f"metric {metric.name!r}: it declares no range, and the objective 'far' needs the middle of its "
                    "scale. Give middle in [[metric]], or another objective."
                )
                continue
            bases[metric.name], middles[metric.name] = base, 0.0 if middle is None else middle
        subjects: list[Subject] = []
        attacks: dict[tuple[str, str], Chosen] = {}
        for name in bases:
            for text in config.attacks.names if config.attacks.images != 0 else ():
                attack = _tried(problems, f"attack {text!r} on {name!r}", _attack, text, name, bases[name])
                if attack is not None:
                    attacks[name, text] = attack
            for entry in config.defences:
                weights = entry.weights_for(name)
                if weights is None:
                    continue
                what = f"defence {entry.name!r} of {name!r}"
                for sigma in _tried(problems, what, loader.sigmas, weights, entry, config) or ():
                    one = _tried(problems, what, loader.subject, name, weights, entry, sigma, config, stack, told)
                    if one is None:
                        break
                    subjects.append(one)
        if problems and not skip_missing:
            remedy = "Repair it, or pass --skip-missing to go on without it."
            raise InputError(f"Not everything is there: {'; '.join(problems)} {remedy}")
        if not data or not subjects:
            raise InputError(f"Nothing is left to measure: {'; '.join(problems)}")
        for name in dict.fromkeys(one.metric for one in subjects if one.metric_sha256 is None):
            told(f"metric {name}: it has no fingerprint (it is no module): in this folder another one is not noticed")
        yield Opened(config, tuple(data), tuple(subjects), bases, middles, attacks, tuple(problems))


def _tried(problems: list[str], what: str, work: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return work(*arguments)
    except (CertiqaError, OSError) as error:
        text = " ".join(str(error).split())
        problems.append(f"{what}: {text}")
        return None


class _Loader:
    """Metrics by name, each loaded once."""

    def __init__(self, device: str | None, own: dict[str, Any]) -> None:
        self._device, self._there = device, own

    def metric(self, name: str) -> Any:
        from certiqa.trial.models import load_model

        if name not in self._there:
            self._there[name] = load_model(name, self._device)[0]
        return self._there[name]

    def base(self, name: str, config: Config, stack: contextlib.ExitStack) -> Defended:
        plain = Defence((), None, None, 1, config.attacks.samples, config.seed)
        metric = self.metric(name)
        return stack.enter_context(defended(metric, device_of(metric), plain))

    def sigmas(self, weights: str, entry: DefenceEntry, config: Config) -> tuple[float | None, ...]:
        """The noise levels of a row: its own, else that of a metric with its own front end, else the config's."""
        if not entry.smooth:
            return (None,)
        metric = self.metric(weights)
        if entry.sigmas is None and not entry.purify and facts_of(metric).front_end is not None:
            return (sigma_for(metric, None),)
        return entry.sigmas or config.sigmas

    def subject(
        self,
        name: str,
        weights: str,
        entry: DefenceEntry,
        sigma: float | None,
        config: Config,
        stack: contextlib.ExitStack,
        told: Callable[[str], object],
    ) -> Subject:
        from certiqa.purifications import parse

        metric = self.metric(weights)
        draws = config.agreement.draws
        if not (entry.purify or facts_of(metric).scores_pictures):  # a pass of the head costs next to nothing
            draws = max(draws, _HEAD_DRAWS)
        defence = Defence(
            purify=tuple(parse(text) for text in entry.purify),
            sigma=sigma,
            denoiser=entry.denoiser,
            n=draws,
            samples=config.attacks.samples,
            seed=config.seed,
            resolution=entry.resolution,
            dtype=config.dtype,
        )
        found = stack.enter_context(defended(metric, device_of(metric), defence, told))
        if sigma is not None and _draws(found.metric):
            rule = "must give one score for one image, to be smoothed; this draws random numbers"
            raise InputError.of("smooth", rule, found.name, "Give the purification a seed, or leave out smooth.")
        more = {"defence": defence.to_dict(), "draws": draws}
        return Subject.of(name, entry, sigma, found, more)


def _draws(metric: Any) -> bool:
    """Whether a purification in front of it has no seed: each call then gives another score."""
    from certiqa.purifications import Purification

    while isinstance(metric, Purification):
        if metric.purification.random and metric.options.get("seed") is None:
            return True
        metric = metric.metric
    return False


def _attack(text: str, metric: str, base: Defended) -> Chosen:
    """The attack on this metric: "{metric}" in the text is its name, with a hyphen for a colon."""
    resolved = text.replace("{metric}", metric.replace(":", "-"))
    return chosen(resolved, device=str(device_of(base.metric)))


def _data(wanted: Data, config: Config, folder: Path) -> DataSet:
    from certiqa.data.sets.registry import open_dataset
    from certiqa.data.splits import fold
    from certiqa.defenses.livec_split import nt_test_part

    if wanted.name == NAME:
        whole = distorted_samples(folder / NAME)
    else:
        whole = open_dataset(wanted.name, wanted.root or "", decode=False, **wanted.options)
    part = nt_test_part(whole) if wanted.part == NT_TEST else whole.part(wanted.part)
    if not part.records:
        raise InputError.of("part", f"must be one with images; {wanted.name!r} has none in it", wanted.part)
    order = sorted(part.records, key=lambda record: (fold(record.name, 2**61, salt="benchmark:"), record.name))
    return dataclasses.replace(part, records=tuple(order[: config.agreement.images]))


def _content(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"Cannot read {str(path)!r}: {error.strerror or error}.") from error


def _digest(values: Any) -> str:
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()
