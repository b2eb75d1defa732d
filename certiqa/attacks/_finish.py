"""What follows an attack's ``run``: what it returned is clipped, measured and scored before anything is believed."""

from __future__ import annotations

import copy
import dataclasses
import math
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from certiqa.attacks.budgets._l2 import lengths
from certiqa.attacks.budgets.base import Budget
from certiqa.attacks.objectives import Move, Objective, Raise
from certiqa.attacks.result import AttackResult, Distances
from certiqa.attacks.scorer import Scorer
from certiqa.attacks.ssim import ssim
from certiqa.data.images import Picture
from certiqa.errors import InputError, ModelOutputError

__all__ = ["Found", "Request", "finish", "inside", "unchanged"]

_SLACK = 1e-4  # of the budget: what the rounding of float32 explains


def inside(returned: object, clean: Tensor, budget: Budget) -> tuple[Tensor, list[list[str]]]:
    """The images that run() returned, clipped to the budget and [0, 1], and what had to be done to each, in words."""
    if not isinstance(returned, Tensor) or returned.shape != clean.shape:
        found = tuple(returned.shape) if isinstance(returned, Tensor) else type(returned).__name__
        rule = f"must return images of shape {tuple(clean.shape)}"
        raise InputError.of("run", rule, found, "It is the attack that is at fault, not the image.")
    images = returned.detach().to(clean)
    finite = torch.isfinite(images)
    images = torch.where(finite, images, clean)
    ranged = images.clamp(0.0, 1.0)
    far = (images - ranged).abs().amax((1, 2, 3)) > 1e-6
    outside = budget.distance(ranged, clean) > budget.limit * (1 + _SLACK)
    images = budget.project(ranged, clean)
    images = torch.where(budget.allows(images, clean).view(-1, 1, 1, 1), images, clean)
    notes = []
    for bad, left, wide in zip((~finite).flatten(1).any(1).tolist(), far.tolist(), outside.tolist(), strict=True):
        one = ["the attack returned values that are not finite: taken from the clean image"] if bad else []
        one += ["the attack left [0, 1]: clipped"] if left else []
        notes.append(one + (["the attack left the budget: moved back inside"] if wide else []))
    return images, notes


@dataclass
class Found:
    """The best so far, for each image of a batch; at first the clean images themselves."""

    clean: Tensor
    images: Tensor
    before: Tensor
    after: Tensor
    gain: Tensor
    words: list[str | None]
    notes: list[list[str]]

    @classmethod
    def none(cls, clean: Tensor, before: Tensor) -> Found:
        """Nothing gained yet."""
        count = len(clean)
        return cls(clean, clean, before, before, torch.zeros_like(before), [None] * count, [[] for _ in range(count)])

    @staticmethod
    def check_clean(before: Tensor, pictures: list[Picture]) -> None:
        """The scores of clean images are finite.

        Raises:
            ModelOutputError: one is not.
        """
        for score, picture in zip(before.tolist(), pictures, strict=True):
            if not math.isfinite(score):
                raise ModelOutputError(f"The model's score of the clean image {picture.name} is {score}, not finite.")

    def keep(self, images: Tensor, scores: Tensor, gain: Tensor, word: str, notes: list[list[str]]) -> None:
        """Take over each image whose fresh score gains more than what is held; a NaN gains nothing."""
        better = gain > self.gain
        self.images = torch.where(better.view(-1, 1, 1, 1), images, self.images)
        self.after, self.gain = torch.where(better, scores, self.after), torch.where(better, gain, self.gain)
        for index, won in enumerate(better.tolist()):
            self.words[index] = word if won else self.words[index]
            self.notes[index] += [note for note in notes[index] if note not in self.notes[index]]


@dataclass(frozen=True)
class Request:
    """What was asked for, as the records say it.

    Attributes:
        attack: name of the attack.
        options: of the attack, as plain values.
        quantise: whether an 8-bit image is wanted, too.
        objective: as text.
        budget: that is kept.
        seed: of every draw.
    """

    attack: str
    options: dict[str, Any]
    quantise: bool
    objective: str
    budget: Budget
    seed: int


def finish(
    request: Request, pictures: list[Picture], found: Found, scorer: Scorer, aim: Objective, begin: float
) -> list[AttackResult]:
    """Quantise, re-score, measure: the records of one batch."""
    budget = request.budget
    exact = torch.from_numpy(np.stack([_exact(picture) for picture in pictures])).to(found.clean.device)
    levels, stored = None, None
    if request.quantise:
        levels = budget.quantise(found.images, exact)
        stored = scorer.measure(_intensities(levels))
        worse = ~(aim.gain(stored, found.before) > 0)
        if bool(worse.any()):
            plain = (255 * exact).round().to(torch.uint8)
            levels = torch.where(worse.view(-1, 1, 1, 1), plain, levels)
            stored = torch.where(worse, scorer.measure(_intensities(levels)), stored)
    floats = _distances(found.images.double(), found.clean.double(), budget)
    grid = None if levels is None else _distances(levels.double() / 255, exact, budget)
    seconds = (time.perf_counter() - begin) / len(pictures)
    return [
        _record(request, one, index, found, scorer, seconds, floats, levels, stored, grid, aim)
        for index, one in enumerate(pictures)
    ]


def _record(
    request: Request, picture: Picture, index: int, found: Found, scorer: Scorer, seconds: float,
    floats: list[Distances], levels: Tensor | None, stored: Tensor | None, grid: list[Distances] | None, aim: Objective,
) -> AttackResult:  # fmt: skip
    budget, words = request.budget, request.objective
    near, far = floats[index], None if grid is None else grid[index]
    notes = [*found.notes[index], *scorer.notes(index)]
    if found.words[index] is None:
        notes.append("nothing better than the clean image was found: the clean image is returned")
    elif far is not None and far.l2 == 0:
        notes.append("the 8-bit image is the clean one: rounded to whole grey levels, nothing was gained")
    fits = None if far is None else far.used <= budget.limit * (1 + 1e-9)
    if fits is False:
        notes.append("the clean image is not on the 8-bit grid, and no 8-bit image is near enough to it")
    if isinstance(aim, Move) and found.words[index]:
        words = f"{words}:{found.words[index]}"
    quantised = None
    if levels is not None:
        quantised = np.ascontiguousarray(levels[index].permute(1, 2, 0).cpu().numpy())
        quantised.setflags(write=False)
    return AttackResult(
        attack=request.attack, objective=words, budget=str(budget), picture=picture.name,
        image=found.images[index].cpu().clone(), quantised=quantised,
        score_before=float(found.before[index]), score_after=float(found.after[index]),
        score_quantised=None if stored is None else float(stored[index]),
        l2=near.l2, linf=near.linf, psnr=near.psnr, ssim=near.ssim, used=near.used,
        l2_quantised=far and far.l2, linf_quantised=far and far.linf, psnr_quantised=far and far.psnr,
        ssim_quantised=far and far.ssim, used_quantised=far and far.used,
        within_budget=near.used <= budget.limit * (1 + 1e-9), within_budget_quantised=fits,
        queries=scorer.queries, gradients=scorer.gradients, seconds=seconds, seed=request.seed,
        options=copy.deepcopy(request.options), notes=tuple(notes),
    )  # fmt: skip


def unchanged(request: Request, pictures: list[Picture], scorer: Scorer) -> list[AttackResult]:
    """The record of an image that is left as it is."""
    clean = torch.from_numpy(np.stack([one.as_float() for one in pictures])).to(scorer.device)
    found = Found.none(clean, scorer.measure(clean))
    records = finish(request, pictures, found, scorer, Raise(), time.perf_counter())
    return [dataclasses.replace(one, notes=()) for one in records]


def _exact(picture: Picture) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return picture.pixels.astype(np.float64) / (255 if picture.on_grid else 1)


def _intensities(levels: Tensor) -> Tensor:
    """8-bit levels as the gate for pictures would read them."""
    return levels.float() / 255


def _distances(images: Tensor, clean: Tensor, budget: Budget) -> list[Distances]:
    change = (images - clean).flatten(1)
    length, largest = lengths(change), change.abs().amax(1)
    similarity, used = ssim(images, clean), budget.distance(images, clean)
    peak = [20 * math.log10(change.shape[1] ** 0.5 / x) if x > 0 else math.inf for x in length.tolist()]
    rows = zip(length.tolist(), largest.tolist(), peak, similarity.tolist(), used.tolist(), strict=True)
    return [Distances(*row) for row in rows]
