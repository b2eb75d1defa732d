"""One run of ``certiqa attack``: every image by itself, kept as soon as it is done."""

from __future__ import annotations

import contextlib
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from certiqa import _provenance as provenance
from certiqa.attacks import AttackResult, Budget
from certiqa.cli._attack_options import Settings
from certiqa.cli._attack_picture import PictureOutput
from certiqa.cli._attack_text import Table
from certiqa.cli._attack_verdict import Verdicts
from certiqa.cli._errors import Complaints, warn
from certiqa.cli._images import image_path
from certiqa.cli._outputs import JsonOutput, files_for
from certiqa.data.images import Picture, read_image
from certiqa.errors import CertiqaError, InputError
from certiqa.trial.attacked import attacked
from certiqa.trial.defended import Defended, defended, seed_for
from certiqa.trial.models import load_model

__all__ = ["run"]


def run(
    images: list[str],
    model: str,
    settings: Settings,
    *,
    device: str | None,
    save: str | None,
    json: str | None,
    picture: str | None,
) -> int:
    """Attack the images; the exit code.

    Raises:
        CertiqaError: the model or the denoiser cannot be loaded, or an output cannot be written: found out before any
            attack.
    """
    output, drawings = JsonOutput(json, images), PictureOutput(picture, images)
    files = _folder(save, images)
    if both := sorted({str(file) for file in files} & {str(file) for file in drawings.files}):
        raise InputError.of("--picture", "must not be written over what --save writes", both[0], "Name another folder.")
    with contextlib.redirect_stdout(sys.stderr) if output.on_stdout else contextlib.nullcontext():
        metric, where = load_model(model, device)
        with defended(metric, where, settings.defence, warn) as target:
            table = Table(len(images), settings, target, silent=output.on_stdout)
            verdicts = Verdicts(settings.certify, seed_for(settings.seed, "certificate"))
            work = _Work(settings, target, output, drawings, files, table, verdicts, Complaints())
            work.complaints.each(images, work.one)
            work.record_failures(len(images))
            table.finish(verdicts.lines())
            work.complaints.attempt("", verdicts.check)
    return work.complaints.code


def _folder(save: str | None, images: list[str]) -> list[Path]:
    if save is None:
        return []
    if Path(save).suffix and not Path(save).is_dir() and not save.endswith(("/", os.sep)):
        raise InputError.of("--save", "must be a folder", save, "The images keep their names, as PNG.")
    return files_for(save, "--save", images, (), ".png", "a folder")


@dataclass(frozen=True)
class _Work:
    """What is needed for each image."""

    settings: Settings
    target: Defended
    output: JsonOutput
    drawings: PictureOutput
    files: list[Path]
    table: Table
    verdicts: Verdicts
    complaints: Complaints
    failed: list[tuple[int, str, str]] = field(default_factory=list)

    def one(self, index: int, image: str) -> None:
        """Attack one image; what fails is remembered for the record."""
        try:
            self._one(index, image)
        except CertiqaError as error:
            self.failed.append((index, image, " ".join(str(error).split())))
            raise

    def record_failures(self, images: int) -> None:
        """A line for each image that failed, unless all did: an older record is then left as it is."""
        for index, image, reason in self.failed if len(self.failed) < images else ():
            record = {"image": image, "error": reason}
            self.complaints.attempt(image, lambda index=index, record=record: self.output.write(index, record))  # type: ignore[misc]

    def _one(self, index: int, image: str) -> None:
        """Keep the file first, then look at it, then record and show."""
        s = self.settings
        clean = read_image(image_path(image))
        self.target.check_size(clean)
        before = self.target.score(torch.from_numpy(clean.pixels.copy()))
        found = attacked(self.target, s.chosen, clean, str(s.objective), s.budget, s.seed, before)
        record: dict[str, Any] = {"image": image, **found.to_dict(), "label": s.chosen.label, "access": s.chosen.access}
        record |= {"model": self.target.name, "model_sha256": provenance.model_sha256(self.target.metric)}
        record |= {"defence": s.defence.to_dict(), "lower_better": self.target.lower_better, "file": None}
        if self.files:
            saved: list[bool] = []
            self.complaints.attempt(image, lambda: saved.append(self._save(index, clean, found.result)))
            record |= {"file": str(self.files[index]) if saved else None, "read_again": bool(saved)}
        self.complaints.attempt(image, lambda: record.update(verdict=self.verdicts.judge(self.target, clean, found)))
        record |= {"versions": provenance.versions(), "created": provenance.now()}
        self.complaints.attempt(image, lambda: self.output.write(index, record))
        self.complaints.attempt(image, lambda: self.drawings.write(index, image, clean, found))
        self.table.show(image, found)
        if not found.result.within_budget_quantised:
            self.complaints.add("no 8-bit image is inside the budget: the image itself is off the 8-bit grid", image)

    def _save(self, index: int, clean: Picture, result: AttackResult) -> bool:
        """Write the PNG, and read it again: the same pixels, inside the budget."""
        path = self.files[index]
        result.save_png(path)
        again = read_image(str(path))
        check_stored(again, clean, result, self.settings.budget)
        return True


def check_stored(again: Picture, clean: Picture, result: AttackResult, budget: Budget) -> None:
    """The file that was read again is what was attacked, and inside the budget.

    Raises:
        CertiqaError: it is not.
    """
    if result.quantised is None or not np.array_equal(again.pixels, result.quantised.transpose(2, 0, 1)):
        raise CertiqaError(f"{again.name} does not hold the pixels that were written to it.")
    exact = [
        torch.from_numpy(one.pixels.astype(np.float64) / (255 if one.on_grid else 1))[None] for one in (again, clean)
    ]
    if not bool(budget.allows(*exact)):
        used = float(budget.distance(*exact))
        raise CertiqaError(f"{again.name} is outside of the budget {budget}: it was read again, and uses {used:.6g}.")
