"""Score a data set with a metric: every image by itself, kept as soon as it is there."""

from __future__ import annotations

import dataclasses
import math
import os
import time
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from certiqa import _provenance as provenance
from certiqa._checks import check_count
from certiqa._counted import counted
from certiqa._facts import facts_of
from certiqa.data.cache import DecodingCache
from certiqa.data.images import Picture
from certiqa.data.sets.dataset import DataSet
from certiqa.data.sets.decoding import reader
from certiqa.data.sets.record import Record
from certiqa.errors import AuditError, CertiqaError, ImageError, InputError, ModelError, ModelOutputError
from certiqa.evaluation.store import ScoreStore, score_identity
from certiqa.frontends import Identity
from certiqa.smoothing.base import BaseScore, is_out_of_memory, resolve_device, resolve_dtype
from certiqa.smoothing.sampler import Progress, smaller_batch
from certiqa.smoothing.view import check_size

__all__ = ["LeftOut", "Scored", "check_sizes", "score_dataset"]


@dataclass(frozen=True)
class LeftOut:
    """An image without a score.

    Attributes:
        path: its file.
        name: as the table names it.
        reason: in words.
    """

    path: Path
    name: str
    reason: str

    def to_dict(self) -> dict[str, str]:
        """Name and reason."""
        return {"name": self.name, "reason": self.reason}


@dataclass(frozen=True, eq=False)
class Scored:
    """A data set with a metric's scores.

    Attributes:
        dataset: the images that were scored, in the table's order; ``dataset.mos()`` and ``.contents()`` go with
            ``scores``.
        scores: (n,) float64, finite, read-only, as the metric gives them.
        sha256: of each picture's pixels.
        metric: the metric's name.
        model_sha256: of its class and weights; None if it has no such fingerprint.
        identity: what the scores are stored under; None if they are not found again.
        lower_better: the metric's direction; None if unknown.
        left_out: images without a score (``skip_bad``).
        reused: how many scores were in the store already, or belong to a picture equal to an earlier one.
        device: "cpu", "cuda:0".
        dtype: of the arithmetic.
        seconds: wall time.
    """

    dataset: DataSet
    scores: npt.NDArray[np.float64] = field(repr=False)
    sha256: tuple[str, ...] = field(repr=False)
    metric: str
    model_sha256: str | None
    identity: str | None
    lower_better: bool | None
    left_out: tuple[LeftOut, ...]
    reused: int
    device: str
    dtype: str
    seconds: float

    def rows(self) -> list[dict[str, Any]]:
        """One row per image: data, metric, name, content, mos, score, sha256."""
        return [
            {
                "data": self.dataset.name,
                "metric": self.metric,
                "name": record.name,
                "content": record.content,
                "mos": record.mos,
                "score": float(score),
                "sha256": sha256,
            }
            for record, score, sha256 in zip(self.dataset.records, self.scores, self.sha256, strict=True)
        ]


def score_dataset(
    metric: Any,
    dataset: DataSet,
    *,
    device: torch.device | str | None = None,
    dtype: str | torch.dtype = "auto",
    batch_size: int = 1,
    store: ScoreStore | None = None,
    skip_bad: bool = False,
    cache: DecodingCache | str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> Scored:
    """The bare scores of all images of a data set.

    Args:
        metric: (B,3,H,W) float RGB in [0,1] -> (B,), in eval mode. Scores keep their direction and scale.
        dataset: opened by :func:`certiqa.data.open_dataset`.
        device: default: where the metric's parameters are; for a plain callable, a GPU if there is one.
        dtype: as for :func:`certiqa.certify`.
        batch_size: images of one size that follow each other are scored together, at most so many; halved when memory
            runs out. 1 makes a score depend on its own image to the last bit.
        store: scores found there are not computed again; new ones are added at once.
        skip_bad: leave out images that cannot be read or scored, and go on.
        cache: where decoded pictures are kept.
        progress: told (done, total).

    Raises:
        ImageError: an image cannot be read, or images are smaller than the metric takes: the latter all together, and
            before any is scored.
        ModelError: the metric failed on an image, which is named (ModelOutputError: wrong shape, not finite;
            AuditError: it is in train mode).
        InputError: no image is left.
    """
    check_count(batch_size, "batch_size")
    begin = time.perf_counter()
    scorer = _Scorer(metric, resolve_device(metric, device), resolve_dtype(metric, dtype), batch_size)
    facts = facts_of(metric)
    small = check_sizes(metric, dataset) if facts.min_size > 2 else ()
    if small and not skip_bad:
        raise ImageError(small_words(dataset, small))
    too_small = {one.path: one for one in small}
    left_out: dict[Path, LeftOut] = {}
    scores: dict[Path, tuple[float, str]] = {}
    reused = 0

    def keep(record: Record, sha256: str, score: float | CertiqaError) -> None:
        if isinstance(score, CertiqaError):
            if not skip_bad:
                raise score
            left_out[record.path] = LeftOut(record.path, record.name, str(score))
            return
        scores[record.path] = score, sha256

    read = reader(cache)

    def pictures() -> Iterator[tuple[Record, Picture]]:
        for record in dataset.records:
            if record.path in too_small:
                left_out[record.path] = too_small[record.path]
                continue
            try:
                picture = read(record.path)
                check_size(picture, metric, Identity())
            except ImageError as error:
                keep(record, "", error)
            else:
                yield record, picture

    for batch in _batches(pictures(), scorer):
        fresh = []
        for record, picture in batch:
            sha256 = picture.sha256()
            known = store.get(scorer.identity, sha256) if store else None
            if known is None:
                fresh.append((record, picture, sha256))
            else:
                keep(record, sha256, known)
                reused += 1
        for (record, _, sha256), score in zip(fresh, scorer([p for _, p, _ in fresh]), strict=True):
            named = _named(score, record) if isinstance(score, ModelError) else score
            if store is not None and isinstance(named, float):
                store.add(scorer.identity, sha256, named, metric=scorer.name, data=dataset.name, name=record.name)
            keep(record, sha256, named)
        if progress is not None:
            progress(len(scores) + len(left_out), len(dataset.records))
    if not scores:
        why = next(iter(left_out.values()), None)
        detail = f" The first: {why.name}: {why.reason}" if why else ""
        raise InputError(f"No image of {dataset.name!r} could be scored with {scorer.name!r}.{detail}")
    records = tuple(record for record in dataset.records if record.path in scores)
    values = np.array([scores[record.path][0] for record in records], np.float64)
    values.setflags(write=False)
    return Scored(
        dataset=dataclasses.replace(dataset, records=records),
        scores=values,
        sha256=tuple(scores[record.path][1] for record in records),
        metric=scorer.name,
        model_sha256=provenance.model_sha256(metric),
        identity=scorer.identity,
        lower_better=facts.lower_better,
        left_out=tuple(left_out.values()),
        reused=reused,
        device=str(scorer.device),
        dtype=str(scorer.dtype).removeprefix("torch."),
        seconds=round(time.perf_counter() - begin, 3),
    )


def check_sizes(metric: object, dataset: DataSet) -> tuple[LeftOut, ...]:
    """The images that are smaller than the metric's ``min_size``, by the headers of their files."""
    least = facts_of(metric).min_size
    found = []
    for record in dataset.records:
        try:
            with warnings.catch_warnings(action="ignore"), Image.open(record.path) as image:
                width, height = image.size
        except Exception:  # untrusted bytes, of any size: decoding will say what is wrong
            continue
        if min(width, height) < least:
            reason = f"{width}x{height} is less than the {least} pixels on each side that the metric needs"
            found.append(LeftOut(record.path, record.name, reason))
    return tuple(found)


def small_words(dataset: DataSet, small: Iterable[LeftOut]) -> str:
    """One sentence about all of them."""
    found = list(small)
    first = "; ".join(f"{one.name}: {one.reason}" for one in found[:3])
    more = f"; and {len(found) - 3} more" if len(found) > 3 else ""
    return (
        f"{counted(len(found), 'image')} of {dataset.name!r} too small ({first}{more}). "
        "Leave them out: skip_bad (--skip-bad)."
    )


def _batches(pictures: Iterator[tuple[Record, Picture]], scorer: _Scorer) -> Iterator[list[tuple[Record, Picture]]]:
    """Pictures that follow each other and have one size, as many as are scored together."""
    for _, run in groupby(pictures, key=lambda item: item[1].shape):
        batch: list[tuple[Record, Picture]] = []
        for item in run:
            batch.append(item)
            if len(batch) >= scorer.batch_size:
                yield batch
                batch = []
        if batch:
            yield batch


def _named(error: ModelError, record: Record) -> ModelError:
    kind = ModelOutputError if isinstance(error, ModelOutputError) else ModelError
    named = kind(f"{record.name}: {error}")
    named.__cause__ = error
    return named


class _Scorer:
    """Pictures of one size -> a score or an error for each."""

    def __init__(self, metric: Any, device: torch.device, dtype: torch.dtype, batch_size: int) -> None:
        if isinstance(metric, torch.nn.Module) and any(part.training for part in metric.modules()):
            raise AuditError("The model is in train mode. Call model.eval().", ("train-mode",))
        self.base = BaseScore(metric, None, 0.0, None, dtype)
        self.device, self.dtype, self.batch_size = device, dtype, batch_size
        self.name = provenance.model_name(metric)
        self.identity = score_identity(metric, dtype, device)

    def __call__(self, pictures: list[Picture]) -> list[float | ModelError]:
        done: list[float | ModelError] = []
        while len(done) < len(pictures):
            part = pictures[len(done) : len(done) + self.batch_size]
            try:
                done += self._scores(part)
            except ModelError as error:
                done += [error] if len(part) == 1 else [one for p in part for one in self._alone(p)]
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                try:
                    self.batch_size = smaller_batch(len(part), error)
                except ModelError as too_large:
                    done.append(too_large)
        return done

    def _alone(self, picture: Picture) -> list[float | ModelError]:
        try:
            return self._scores([picture])
        except ModelError as error:
            return [error]

    def _scores(self, pictures: list[Picture]) -> list[float | ModelError]:
        images = torch.from_numpy(np.stack([picture.as_float() for picture in pictures])).to(self.device)
        with torch.no_grad():
            found = self.base.raw(images).tolist()
        return [
            score if math.isfinite(score) else ModelOutputError(f"The model must return finite scores. Got {score}.")
            for score in found
        ]
