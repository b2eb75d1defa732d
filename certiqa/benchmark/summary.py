"""From the records of a folder to the Comparison that the report reads; nothing is loaded or computed anew."""

from __future__ import annotations

import base64
import io
import json
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from certiqa.benchmark.config import Config
from certiqa.benchmark.folder import Folder
from certiqa.benchmark.result import Comparison, Example, Row
from certiqa.benchmark.rows import Found, constant_row, row_of
from certiqa.certificate import Certificate
from certiqa.errors import InputError
from certiqa.evaluation.alarms import Soundness, soundness_of

__all__ = ["as_json", "comparison_of", "row_soundness"]

Json = dict[str, Any]


def comparison_of(
    folder: Folder,
    missing: Iterable[str] = (),
    pictures: Callable[[str, str], Path | None] | None = None,
) -> Comparison:
    """Everything that stands in the folder, as one Comparison.

    Args:
        folder: that was begun.
        missing: what was planned and is not there, in words.
        pictures: (data set, image) -> its file, for small pictures of examples; None: none are shown.

    Raises:
        InputError: the folder was never begun, or a file in it is of another kind.
    """
    about = folder.about
    if about is None:
        raise InputError.of("--out", "must be a folder that a benchmark was begun in", str(folder.path))
    config = Config.of(about["config"])
    seconds, newest = 0.0, ""
    for record in dict(folder.records()).values():
        seconds += record.get("seconds", 0.0)  # the making of a shared image is in the first record that needed it
        newest = max(newest, record["date"])
    rows: list[Row] = []
    examples: list[Example] = []
    for here in _groups(folder, about, config):
        first, made = here[0], [(row_of(one), one) for one in here]
        rows += [row for row, _ in made]
        largest = max(here, key=Found.size)
        rows.append(constant_row(config, first.data, first.subject["metric"], largest, made))
        examples += _examples(config, made, pictures if config.examples.thumbnails else None)
    gaps = (*about["left_out"], *missing)
    return Comparison(
        name=config.name,
        config=config.to_dict(),
        config_sha256=about["config_sha256"],
        command=about["command"],
        date=newest,
        versions=about["versions"],
        machine=about["machine"],
        seconds=round(seconds, 1),
        complete=not gaps,
        missing=gaps,
        datasets=tuple({key: value for key, value in one.items() if value is not None} for one in about["datasets"]),
        rows=tuple(rows),
        examples=tuple(examples),
    )


def row_soundness(folder: Folder) -> tuple[tuple[str, Soundness], ...]:
    """Row by row whether chance explains the alarms: the certificates of one row are independent, its images differ.

    Those of one image in different rows are not: they may share their noise.
    """
    about = folder.about
    if about is None:
        return ()
    found = []
    for one in (one for here in _groups(folder, about, Config.of(about["config"])) for one in here):
        attacks = [record for record in one.records if record.get("verdict")]
        verdicts = [verdict for record in attacks if (verdict := one.judged(record))]
        if verdicts:
            found.append((one.label, soundness_of(verdicts)))
    return tuple(found)


def _groups(folder: Folder, about: Json, config: Config) -> list[list[Found]]:
    """What was recorded, row by row; the rows of one metric on one data set together, in the config's order."""
    records: dict[tuple[Any, ...], list[Json]] = {}
    for record in dict(folder.records()).values():
        if record["what"] != "made":
            row = record["data"], record["metric"], record["defence"], record["sigma"]
            records.setdefault(row, []).append(record)
    groups = []
    for data in about["datasets"]:
        for metric in config.metrics:
            here = []
            for subject in _in_order(about["subjects"], config, metric.name):
                mine = records.get((data["name"], metric.name, subject["defence"], subject["sigma"]), [])
                if any(one["what"] == "score" for one in mine):
                    here.append(Found(config, data, subject, mine))
            if here:
                groups.append(here)
    return groups


def _in_order(subjects: list[Json], config: Config, metric: str) -> list[Json]:
    """In the config's order, whatever order they were opened in."""
    names = [one.name for one in config.defences]
    sigmas = {one.name: list(one.sigmas or config.sigmas) for one in config.defences}
    mine = [one for one in subjects if one["metric"] == metric and one["defence"] in names]

    def place(one: Json) -> tuple[int, int]:
        own = sigmas[one["defence"]]  # without the sigma that a metric declares, its only one
        return names.index(one["defence"]), own.index(one["sigma"]) if one["sigma"] in own else 0

    return sorted(mine, key=place)


def _examples(
    config: Config, here: list[tuple[Row, Found]], pictures: Callable[[str, str], Path | None] | None
) -> list[Example]:
    """The first images, under the defence that agrees best and under the one whose certificate reaches farthest."""
    certified = [(row, found) for row, found in here if row.certified is not None]
    if not certified or not config.examples.images:
        return []
    best = max(certified, key=lambda one: abs(one[0].srocc.value) if one[0].srocc else -1.0)
    far = min(certified, key=_reach)
    chosen = {id(one[1]): one for one in (best, far)}
    return [
        _example(row, record, pictures)
        for row, found in chosen.values()
        for record in found.of("certificate")[: config.examples.images]
    ]


def _reach(one: tuple[Row, Found]) -> float:
    certified = one[0].certified
    return certified.psnr_at_half_sd.value if certified and certified.psnr_at_half_sd else float("inf")


def _example(row: Row, record: Json, pictures: Callable[[str, str], Path | None] | None) -> Example:
    certificate = Certificate.from_dict(record["certificate"])
    curve = certificate.curve(points=33)

    def ends(values: Any) -> tuple[float | None, ...]:
        return tuple(float(one) if math.isfinite(one) else None for one in values)

    path = pictures(row.data, record["image"]) if pictures else None
    return Example(
        data=row.data,
        image=record["image"],
        mos=record["mos"],
        defence=row.defence,
        sigma=row.sigma,
        thumbnail=None if path is None else _thumbnail(path),
        score=certificate.score,
        eps=tuple(float(one) for one in curve.eps),
        lower=ends(curve.lower),
        upper=ends(curve.upper),
        statement=" ".join(str(certificate).split()),
    )


def _thumbnail(path: Path) -> str:
    from PIL import Image

    with Image.open(path) as opened:
        small = opened.convert("RGB")
        small.thumbnail((160, 160))
        file = io.BytesIO()
        small.save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def as_json(comparison: Comparison) -> str:
    """The whole of it."""
    return json.dumps(comparison.to_dict(), indent=1, allow_nan=False) + "\n"
