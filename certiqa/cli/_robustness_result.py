"""What ``certiqa robustness`` found: rows, curves, the constant predictor, signs of gradient masking."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from certiqa import _provenance as provenance
from certiqa.cli._robustness_masking import masking_of
from certiqa.cli._robustness_options import Settings
from certiqa.data.sets.dataset import DataSet
from certiqa.data.sets.record import Record
from certiqa.errors import InputError
from certiqa.evaluation.constant import constant_predictor
from certiqa.evaluation.masking import MaskingReport
from certiqa.evaluation.robustness import Robustness, robustness_of
from certiqa.trial.chosen import Chosen
from certiqa.trial.defended import Defended

__all__ = ["Result", "Row"]

Json = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """One attack in one budget, over the images that it could attack.

    Attributes:
        label: the attack with its options.
        access: "gradient", "scores" or "transfer".
        options: of the attack, all of them.
        budget: in words.
        images: names, in the data set's order.
        figures: of the 8-bit images.
        psnr: median over the images, in dB; infinite if most did not change.
        ssim: mean.
        seconds: mean for one image.
        queries: mean forward passes for one image.
        notes: what the attack said -> of how many images.
    """

    label: str
    access: str
    options: Json
    budget: str
    images: tuple[str, ...]
    figures: Robustness
    psnr: float
    ssim: float
    seconds: float
    queries: float
    notes: dict[str, int]

    def to_dict(self) -> Json:
        """Plain JSON values."""
        names = ("label", "access", "options", "budget", "ssim", "seconds", "queries", "notes")
        data = {name: getattr(self, name) for name in names}
        data |= {"psnr": self.psnr if math.isfinite(self.psnr) else None, "images": len(self.images)}
        return data | {"robustness": self.figures.to_dict()}


@dataclass(frozen=True)
class Result:
    """All there is to say."""

    settings: Settings
    model: str
    target: Defended
    data: DataSet
    rows: tuple[Row, ...]
    constant: Robustness
    masking: dict[str, MaskingReport]
    left_out: tuple[tuple[str, str], ...]

    @classmethod
    def of(
        cls,
        settings: Settings,
        model: str,
        target: Defended,
        data: DataSet,
        found: dict[tuple[str, str], dict[str, Json]],
        norms: dict[str, float | None],
        left_out: list[tuple[str, str]],
    ) -> Result:
        """Sum up the records of all images.

        Raises:
            InputError: no image is left.
        """
        records = {record.name: record for record in data.records}
        if not found:
            first = f" The first: {left_out[0][0]}: {left_out[0][1]}" if left_out else ""
            raise InputError(f"No image of {data.name!r} could be attacked.{first}")
        scale = settings.scale or target.output_range
        how: Json = {**settings.figures, "scale": scale, "seed": settings.seed, "mos_lower_better": data.lower_better}
        rows = []
        for one, budget in settings.pairs:
            if results := found.get((one.label, str(budget))):
                rows.append(_row(one, str(budget), results, records, {**how, "lower_better": target.lower_better}))
        contents = [record.content for record in data.records]
        plain = {name: value for name, value in how.items() if name != "scale"}
        constant = constant_predictor(data.mos(), contents=contents, scale=data.mos_range, **plain)
        masking = masking_of(settings, found, norms)
        return cls(settings, model, target, data, tuple(rows), constant, masking, tuple(left_out))

    def to_dict(self) -> Json:
        """Plain JSON values."""
        s, part = self.settings, self.data
        return {
            "data": {"name": part.name, "root": s.root, "part": s.part, "limit": s.limit, "n": len(part)},
            "model": self.model,
            "name": self.target.name,
            "model_sha256": provenance.model_sha256(self.target.metric),
            "identity": self.target.identity,
            "lower_better": self.target.lower_better,
            "output_range": self.target.output_range and list(self.target.output_range),
            "defence": s.defence.to_dict(),
            "objective": str(s.objective),
            "scores": "of the 8-bit images",
            "rows": [row.to_dict() for row in self.rows],
            "constant_predictor": self.constant.to_dict(),
            "masking": {budget: report.to_dict() for budget, report in self.masking.items()},
            "left_out": [{"name": name, "reason": reason} for name, reason in self.left_out],
            "seed": s.seed,
            "versions": provenance.versions(),
            "created": provenance.now(),
        }


def _row(one: Chosen, budget: str, results: dict[str, Json], records: dict[str, Record], how: Json) -> Row:
    names = [name for name in records if name in results]
    kept = [results[name] for name in names]
    notes: dict[str, int] = {}
    for note in (note for result in kept for note in result["notes"]):
        notes[note] = notes.get(note, 0) + 1

    def column(field: str) -> list[float]:
        return [math.inf if result[field] is None else float(result[field]) for result in kept]

    figures = robustness_of(
        column("score_before"),
        column("score_quantised"),
        [records[name].mos for name in names],
        contents=[records[name].content for name in names],
        **how,
    )
    return Row(
        label=one.label,
        access=one.access,
        options=one.attack.options(),
        budget=budget,
        images=tuple(names),
        figures=figures,
        psnr=_median(column("psnr_quantised")),
        ssim=float(np.mean(column("ssim_quantised"))),
        seconds=float(np.mean(column("seconds"))),
        queries=float(np.mean(column("queries"))),
        notes=notes,
    )


def _median(values: list[float]) -> float:
    ordered = sorted(values)
    return ordered[(len(ordered) - 1) // 2]
