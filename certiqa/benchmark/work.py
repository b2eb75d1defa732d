"""The work of one cell: a score, a certificate, or an attack with its judgement, as a record of plain values."""

from __future__ import annotations

import hashlib
import math
import time
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from certiqa._provenance import now
from certiqa.attacks import AttackResult, Budget
from certiqa.benchmark.cells import Cell
from certiqa.benchmark.folder import Folder, write_whole
from certiqa.benchmark.opening import Opened
from certiqa.benchmark.peak import Peak
from certiqa.benchmark.subject import Subject
from certiqa.certificate import Certificate
from certiqa.certifiers import MedianCertifier
from certiqa.certifiers.soundness import attack_length
from certiqa.data.images import Picture, read_image
from certiqa.errors import CertiqaError, ImageError, InputError
from certiqa.statistics.percentile import psnr_db
from certiqa.trial.defended import device_of, seed_for

__all__ = ["Worker"]

Json = dict[str, Any]


class Worker:
    """Computes cells that are not there yet.

    Args:
        opened: what is measured.
        folder: where records go.
    """

    def __init__(self, opened: Opened, folder: Folder) -> None:
        self._opened, self._folder = opened, folder
        self._picture = lru_cache(maxsize=2)(read_image)
        self._undefended = lru_cache(maxsize=64)(self._score_of)
        self._works = {"score": self._score, "certificate": self._certificate}

    def do(self, cell: Cell) -> Json:
        """Its record, computed and written unless it is there.

        Raises:
            CertiqaError: the metric, the attack or the image failed, or the record cannot be written.
        """
        known = self._folder.get(cell.key)
        if known is not None:
            return known
        picture = self._picture(cell.record.path)
        cell.subject.defended.check_size(picture)
        begin = time.perf_counter()
        found = self._works.get(cell.what, self._attacked)(cell, picture)
        record: Json = {
            "what": cell.what,
            "data": cell.data.name,
            "metric": cell.subject.metric,
            "defence": cell.subject.entry.name,
            "sigma": cell.subject.sigma,
            "image": cell.record.name,
            "mos": cell.record.mos,
            "content": cell.record.content,
            **({"attack": cell.attack, "budget": cell.budget} if cell.attack else {}),
            **found,
            "seconds": round(time.perf_counter() - begin, 4),
            "date": now(),
        }
        self._folder.add(cell.key, record)
        return record

    def _score(self, cell: Cell, picture: Picture) -> Json:
        peak = Peak(device_of(cell.subject.defended.metric))
        return {"score": cell.subject.defended.score(_pixels(picture)), "peak_mb": peak.mebibytes()}

    def _certificate(self, cell: Cell, picture: Picture) -> Json:
        named = replace(picture, name=cell.record.name)
        return {"certificate": self._certifier(cell.subject).certify(named).to_dict()}

    def _certifier(self, subject: Subject) -> MedianCertifier:
        config = self._opened.config
        return MedianCertifier.of(
            subject.defended.metric,
            subject.sigma,
            n=None if subject.cheap else config.certificates.n,  # None: as many as the metric was made for
            alpha=config.certificates.alpha,
            denoiser=subject.denoiser,
            seed=seed_for(config.seed, "certificate"),
            resolution=subject.entry.resolution,
            dtype=config.dtype,
        )

    def _attacked(self, cell: Cell, picture: Picture) -> Json:
        """Made on the undefended metric or on the defended one, and judged by scores that the attack never saw."""
        aim = self._aim(cell, picture)
        if cell.what == "transferred":
            stored, told = self._shared(cell, picture, aim)
        else:
            result = self._run(cell, cell.subject.defended.target, picture, aim)
            stored, told = _stored(result), _told(result)
        length = attack_length(picture, read_image(stored))
        told |= {"aim": aim, "length": length, "psnr": psnr_db(length, picture.dimension) if length > 0 else None}
        if cell.subject.sigma is None:
            after = cell.subject.defended.score(torch.from_numpy(stored.copy()).permute(2, 0, 1))
            return {"before": self._before(cell), "after": after, "verdict": None, **told}
        return {**self._judged(cell, picture, stored), **told}

    def _before(self, cell: Cell) -> float:
        """The score of the clean image, which an earlier phase drew."""
        return float(self.do(Cell("score", cell.data, cell.record, cell.subject))["score"])

    def _judged(self, cell: Cell, picture: Picture, stored: Any) -> Json:
        config, subject = self._opened.config, cell.subject
        there = self.do(Cell("certificate", cell.data, cell.record, subject))
        certificate = Certificate.from_dict(there["certificate"])
        seed = seed_for(config.seed, f"fresh|{cell.key}")
        certifier, attacked = self._certifier(subject), read_image(stored)
        n = subject.forwards if subject.cheap else config.attacks.fresh
        one = certifier.judge(certificate, picture, attacked, seed=seed, n=n)
        return {"before": certificate.score, "after": one.median, "verdict": one.to_dict()}

    def _aim(self, cell: Cell, picture: Picture) -> str:
        objective = self._opened.config.attacks.objective
        if objective != "far":
            return objective
        score = self._undefended(cell.subject.metric, cell.record.path)
        return "lower" if score >= self._opened.middles[cell.subject.metric] else "raise"

    def _score_of(self, metric: str, path: Path) -> float:
        return self._opened.bases[metric].score(_pixels(self._picture(path)))

    def _shared(self, cell: Cell, picture: Picture, aim: str) -> tuple[Any, Json]:
        """The image that the attack makes of the undefended metric, kept for all rows and for readers."""
        path = self._folder.path / "images" / f"{hashlib.sha256(cell.shared_key.encode()).hexdigest()[:24]}.png"
        known = self._folder.get(cell.shared_key)
        if known is not None:
            try:
                stored = read_image(path).pixels.transpose(1, 2, 0)
            except (ImageError, InputError, OSError):
                stored = None
            if stored is not None and hashlib.sha256(stored.tobytes()).hexdigest() == known["sha256"]:
                return stored, dict(known["told"])
        result = self._run(cell, self._opened.bases[cell.subject.metric].target, picture, aim)
        stored, told = _stored(result), _told(result)
        write_whole(path, lambda file: Image.fromarray(stored).save(file, format="PNG"))
        digest = hashlib.sha256(stored.tobytes()).hexdigest()
        if known is None or known["sha256"] != digest:
            made = {"what": "made", "file": f"images/{path.name}", "sha256": digest, "told": told, "date": now()}
            self._folder.add(cell.shared_key, made)
        return stored, told

    def _run(self, cell: Cell, target: Any, picture: Picture, aim: str) -> AttackResult:
        (result,) = self._opened.attacks[cell.subject.metric, cell.attack].attack(
            target, _pixels(picture)[None], aim, Budget.parse(cell.budget), seed=self._opened.config.seed
        )
        return result


def _pixels(picture: Picture) -> torch.Tensor:
    return torch.from_numpy(picture.pixels.copy())


def _stored(result: AttackResult) -> Any:
    if result.quantised is None:
        raise InputError.of("attacks.names", "must make 8-bit images (quantise=true)", result.attack)
    return result.quantised


def _told(result: AttackResult) -> Json:
    """What the report says of the attack itself."""
    found = result.to_dict()
    if not found["within_budget_quantised"]:
        raise CertiqaError(f"The attack {found['attack']} left its budget {found['budget']}: its image is not counted.")
    seconds = found["seconds"]
    return {
        "queries": found["queries"],
        "ssim": found["ssim_quantised"] if math.isfinite(found["ssim_quantised"]) else None,
        "attack_seconds": round(seconds, 4),
    }
