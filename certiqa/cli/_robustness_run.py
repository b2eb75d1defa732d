"""One run of ``certiqa robustness``: everything is opened first, then attacked image by image, then summed up."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json as json_
import sys
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch

from certiqa._progress import bar
from certiqa.attacks import Budget
from certiqa.cli._errors import INTERRUPTED, Complaints, complain, warn
from certiqa.cli._outputs import JsonOutput
from certiqa.cli._robustness_options import Settings
from certiqa.cli._robustness_result import Result
from certiqa.cli._robustness_text import lines
from certiqa.data.images import Picture, read_image
from certiqa.data.sets.dataset import DataSet
from certiqa.data.sets.record import Record
from certiqa.data.sets.registry import open_dataset
from certiqa.data.splits import fold
from certiqa.errors import CertiqaError, InputError, ModelError
from certiqa.evaluation.gradient_norm import gradient_l1
from certiqa.evaluation.records import RecordStore
from certiqa.trial.attacked import attacked
from certiqa.trial.chosen import Chosen
from certiqa.trial.defended import Defended, defended
from certiqa.trial.models import load_model

__all__ = ["run"]

Json = dict[str, Any]


def run(settings: Settings, model: str, *, device: str | None, store: str | None, json: str | None) -> int:
    """Attack and sum up; the exit code.

    Raises:
        CertiqaError: the model, the denoiser or the data set cannot be opened, or an output cannot be written: found
            out before any attack.
    """
    if json is not None and json != "-" and not json.endswith(".json"):
        raise InputError.of("--json", "must be - or a name ending in .json", json)
    if store is not None and not store.endswith(".jsonl"):
        raise InputError.of("--store", "must be a name ending in .jsonl", store)
    output = JsonOutput(json, [settings.root])
    kept = None if store is None else RecordStore(store, "--store")
    complaints = Complaints()
    with contextlib.redirect_stdout(sys.stderr) if output.on_stdout else contextlib.nullcontext():
        metric, where = load_model(model, device)
        data = _opened(settings)
        with defended(metric, where, settings.defence, warn) as target:
            work = _Work(settings, target, kept, complaints)
            try:
                work.all(data)
            except KeyboardInterrupt:
                told = f"; what was done stands in {store}" if store else "; with --store FILE.jsonl it would be kept"
                return complain(f"interrupted{told}") and INTERRUPTED
            result = Result.of(settings, model, target, data, work.rows, work.norms, work.left_out)
        output.write(0, result.to_dict())
        if not output.on_stdout:
            print("\n".join(lines(result)), flush=True)
    return complaints.code


def _opened(settings: Settings) -> DataSet:
    """The part of the data set, thinned by a hash of the names."""
    reader_options: Json = dict(settings.options)
    whole = open_dataset(settings.data, settings.root, decode=False, **reader_options)
    part = whole.part(settings.part)
    if not part.records:
        rule = f"must be a part with images; of {settings.data!r} in {settings.root!r} it has none"
        raise InputError.of("--part", rule, settings.part)
    if settings.limit is None or settings.limit >= len(part.records):
        return part
    order = sorted(part.records, key=lambda record: fold(record.name, 2**61, salt="robustness:"))
    names = {record.name for record in order[: settings.limit]}
    return dataclasses.replace(part, records=tuple(one for one in part.records if one.name in names))


@dataclass
class _Work:
    """What is needed for each image, and what was found.

    Attributes:
        rows: (label, budget) -> name of the image -> its record.
        norms: name of the image -> l1 norm of the gradient; None where there is none.
        left_out: (name of the image, reason).
    """

    settings: Settings
    target: Defended
    store: RecordStore | None
    complaints: Complaints
    rows: dict[tuple[str, str], dict[str, Json]] = field(default_factory=dict)
    norms: dict[str, float | None] = field(default_factory=dict)
    left_out: list[tuple[str, str]] = field(default_factory=list)

    def all(self, data: DataSet) -> None:
        """Every image; what fails is told and left out."""
        with bar(f"{self.target.name} on {data.name}") if sys.stderr.isatty() else contextlib.nullcontext() as progress:
            for done, record in enumerate(data.records, 1):
                try:
                    self._one(record)
                except CertiqaError as error:
                    self._leave_out(record, error)
                if progress is not None:
                    progress(done, len(data.records))

    def _leave_out(self, record: Record, error: CertiqaError) -> None:
        self.complaints.add(error, record.name)
        self.left_out.append((record.name, " ".join(str(error).split())))

    def _one(self, record: Record) -> None:
        picture = read_image(record.path)
        self.target.check_size(picture)
        digest = picture.sha256()
        before = float(self._kept("clean", digest, record, lambda: {"score": self._clean(picture)})["score"])
        self.norms[record.name] = self._kept("gradient", digest, record, lambda: {"norm": self._norm(picture)})["norm"]
        for one, budget in self.settings.pairs:
            what = json_.dumps([one.identity, str(budget), str(self.settings.objective)])
            try:
                found = self._kept(what, digest, record, partial(self._attack, one, picture, budget, before))
            except CertiqaError as error:
                self._leave_out(record, CertiqaError(f"{one.label} in {budget}: {error}"))
                continue
            self.rows.setdefault((one.label, str(budget)), {})[record.name] = found

    def _clean(self, picture: Picture) -> float:
        return self.target.score(torch.from_numpy(picture.pixels.copy()))

    def _norm(self, picture: Picture) -> float | None:
        """Of a metric that is one fixed function: the gradient of one draw of a random one says little."""
        if self.target.random:
            return None
        try:
            return float(gradient_l1(self.target.metric, torch.from_numpy(picture.pixels.copy())[None])[0])
        except ModelError:
            return None

    def _attack(self, one: Chosen, picture: Picture, budget: Budget, before: float) -> Json:
        s = self.settings
        return attacked(self.target, one, picture, str(s.objective), budget, s.seed, before).to_dict()

    def _kept(self, what: str, digest: str, record: Record, work: Any) -> Json:
        """From the store, or computed and added to it."""
        key = None
        if self.target.identity is not None and not what.startswith("[null"):
            text = json_.dumps([self.target.identity, what, self.settings.seed, digest])
            key = hashlib.sha256(text.encode()).hexdigest()
        known = None if self.store is None else self.store.get(key)
        if known is not None:
            return known
        found: Json = {"image": record.name, "metric": self.target.name, "what": what, **work()}
        if self.store is not None:
            self.store.add(key, found)
        return found
