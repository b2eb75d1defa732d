"""One run of ``certiqa evaluate``: everything is opened first, then scored, then measured."""

from __future__ import annotations

import contextlib
import hashlib
import json as json_
import sys
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from certiqa import _provenance as provenance
from certiqa.cli._errors import INTERRUPTED, Complaints, complain
from certiqa.cli._evaluate_open import Model, Opened, open_all, progress
from certiqa.cli._evaluate_options import Settings
from certiqa.cli._evaluate_scores import scores_output, write_csv
from certiqa.cli._evaluate_text import lines
from certiqa.cli._outputs import JsonOutput
from certiqa.data.sets.dataset import DataSet
from certiqa.errors import InputError
from certiqa.evaluation.comparison import Comparison, compare
from certiqa.evaluation.correlation import Agreement, agreement
from certiqa.evaluation.scores import Scored, score_dataset
from certiqa.evaluation.store import ScoreStore
from certiqa.metrics import registry
from certiqa.metrics.calibration import Logistic, fit_logistic

__all__ = ["run"]


def run(settings: Settings, *, json: str | None) -> int:
    """Evaluate; the exit code.

    Raises:
        CertiqaError: an output cannot be written: found out before anything is read.
    """
    names = [name for name, _ in settings.data]
    if json is not None and json.endswith(".json") and len(names) > 1:
        remedy = f"Try --json {json}l, one line for each, or a folder."
        raise InputError.of("--json", "must be a .jsonl or a folder for several data sets", json, remedy)
    output = JsonOutput(json, names)
    store, table = scores_output(settings.scores, output.files)
    complaints = Complaints()
    with contextlib.redirect_stdout(sys.stderr) if output.on_stdout else contextlib.nullcontext():
        models, opened = open_all(settings, complaints)
        if complaints.code:
            return complaints.code
        rows: list[dict[str, Any]] = []
        try:
            for index, data in enumerate(opened):

                def work(index: int = index, data: Opened = data) -> None:
                    result = _Result.of(settings, models, data, store)
                    rows.extend(row for scored in result.scored for row in scored.rows())
                    output.write(index, result.to_dict())
                    print("\n".join([*([""] if index else []), *result.lines()]), flush=True)

                complaints.attempt(data.name, work)
        except KeyboardInterrupt:
            kept = f"; what was scored stands in {settings.scores}" if store is not None else ""
            return complain(f"interrupted{kept}") and INTERRUPTED
        if table is not None and rows:
            complaints.attempt(str(table), lambda: write_csv(table, rows))
    return complaints.code


@dataclass(frozen=True)
class _Result:
    """All there is to say about one data set."""

    settings: Settings
    opened: Opened
    models: list[Model]
    scored: list[Scored]
    agreements: list[Agreement]
    comparisons: tuple[Comparison, ...]

    @classmethod
    def of(cls, settings: Settings, models: list[Model], data: Opened, store: ScoreStore | None) -> _Result:
        """Score with every metric, measure, compare."""
        scored = [_score(settings, model, data.part, store) for model in models]
        curves = [_curve(settings, model, data.fit, store) for model in models]
        how: dict[str, Any] = {
            "mos_lower_better": data.part.lower_better,
            "confidence": settings.confidence,
            "resamples": settings.resamples,
            "seed": settings.seed,
        }
        agreements = [
            agreement(
                one.scores,
                one.dataset.mos(),
                contents=one.dataset.contents(),
                lower_better=one.lower_better,
                curve=curve,
                **how,
            )
            for one, curve in zip(scored, curves, strict=True)
        ]
        comparisons: tuple[Comparison, ...] = ()
        if len(scored) > 1:
            shared, columns = _shared(scored)
            names = [model.name for model in models]
            comparisons = compare(
                dict(zip(names, columns, strict=True)),
                shared.mos(),
                contents=shared.contents(),
                lower_better={name: one.lower_better for name, one in zip(names, scored, strict=True)},
                curves={name: curve for name, curve in zip(names, curves, strict=True) if curve is not None},
                **how,
            )
        return cls(settings, data, models, scored, agreements, comparisons)

    def lines(self) -> list[str]:
        """For the screen."""
        metrics = {model.name: model.metric for model in self.models}
        fit = self.settings.fit_on
        return lines(self.opened.part, self.settings.part, fit, metrics, self.scored, self.agreements, self.comparisons)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        part = self.opened.part
        return {
            "data": {
                "name": part.name,
                "root": self.opened.root,
                "part": self.settings.part,
                "fit_on": self.settings.fit_on,
                "options": self.opened.options,
                "n": len(part),
                "mos_range": list(part.mos_range),
                "lower_better": part.lower_better,
                "licence": part.licence,
                "paper": part.paper,
                "table_sha256": table_sha256(part),
                "left_out": [{"kind": p.kind, "name": p.name, "row": p.row, "detail": p.detail} for p in part.problems],
                "notes": list(part.notes),
            },
            "metrics": [self._metric(*found) for found in zip(self.models, self.scored, self.agreements, strict=True)],
            "comparisons": [one.to_dict() for one in self.comparisons],
            "command": self.settings.command(),
            "versions": provenance.versions(),
            "created": provenance.now(),
        }

    def _metric(self, model: Model, scored: Scored, found: Agreement) -> dict[str, Any]:
        own = model.name in registry.names()
        card = getattr(model.metric, "card", registry.card(model.name) if own else None)
        return {
            "model": model.name,
            "name": scored.metric,
            "model_sha256": scored.model_sha256,
            "weights": self.settings.weights.get(model.name),
            "card": None if card is None else card.to_dict(),
            "lower_better": scored.lower_better,
            "identity": scored.identity,
            "device": scored.device,
            "dtype": scored.dtype,
            "batch_size": self.settings.batch_size,
            "seconds": scored.seconds,
            "reused": scored.reused,
            "pictures_sha256": _digest(scored.sha256),
            "left_out": [one.to_dict() for one in scored.left_out],
            "agreement": found.to_dict(),
        }


def table_sha256(data: DataSet) -> str:
    """A digest of the rows that were used: name, MOS and content of each, in order."""
    return _digest(json_.dumps([record.name, record.mos, record.content]) for record in data.records)


def _digest(texts: Any) -> str:
    digest = hashlib.sha256()
    for text in texts:
        digest.update(text.encode() + b"\n")
    return digest.hexdigest()


def _score(settings: Settings, model: Model, data: DataSet, store: ScoreStore | None) -> Scored:
    with progress(f"{model.name} on {data.name}") as told:
        return score_dataset(
            model.metric,
            data,
            device=model.device,
            dtype=settings.dtype,
            batch_size=settings.batch_size,
            store=store,
            skip_bad=settings.skip_bad,
            cache=settings.cache,
            progress=told,
        )


def _curve(settings: Settings, model: Model, data: DataSet | None, store: ScoreStore | None) -> Logistic | None:
    if data is None:
        return None
    scored = _score(settings, model, data, store)
    return fit_logistic(scored.scores, scored.dataset.mos())


def _shared(scored: list[Scored]) -> tuple[DataSet, list[Any]]:
    """The images that every metric scored, and each metric's scores of them."""
    every = set.intersection(*({record.path for record in one.dataset.records} for one in scored))
    columns = [one.scores[np.array([record.path in every for record in one.dataset.records])] for one in scored]
    records = tuple(record for record in scored[0].dataset.records if record.path in every)
    return replace(scored[0].dataset, records=records), columns
