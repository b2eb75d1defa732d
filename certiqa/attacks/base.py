"""The attack as a class: a subclass writes ``run``; the final call checks, re-clips, measures, quantises, re-scores."""

from __future__ import annotations

import dataclasses
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from certiqa import _checks as check
from certiqa._provenance import model_name
from certiqa.attacks._finish import Found, Request, finish, inside, unchanged
from certiqa.attacks._gate import check_callback, checked_budget, groups_of, seed_of
from certiqa.attacks._number import check_flag
from certiqa.attacks.adaptive import EOT, eot
from certiqa.attacks.budgets.base import KINDS, Budget
from certiqa.attacks.objectives import Objective, RankFlip
from certiqa.attacks.objectives import objective as parsed
from certiqa.attacks.problem import Problem, generator_of
from certiqa.attacks.result import AttackResult
from certiqa.attacks.scorer import Scorer
from certiqa.data.images import Picture
from certiqa.errors import InputError

__all__ = ["Attack"]

Progress = Callable[[int, int], object]


@dataclass(frozen=True, kw_only=True)
class Attack(ABC):
    """A method that changes images so that their scores change.

    A subclass is a frozen dataclass (``kw_only``) whose fields are its options, with :meth:`run` and the class
    attributes ``name``, ``summary``, ``paper``, ``access``, ``norms`` of its :class:`~certiqa.attacks.AttackCard`;
    ``singly`` says that run() wants one image at a time. It is never trusted: whatever ``run`` returns is clipped to
    the budget and to [0, 1] and scored again, and what is no better than the clean image is replaced by it.

    Attributes:
        quantise: also make an 8-bit image that keeps the budget. Budgets below one grey level are then refused.
        samples: calls per step of a randomised model (:func:`certiqa.attacks.eot` with its mean; wrap the model
            yourself for the median).
    """

    name: ClassVar[str] = ""
    summary: ClassVar[str] = ""
    paper: ClassVar[str] = ""
    access: ClassVar[str] = "gradient"
    norms: ClassVar[tuple[str, ...]] = KINDS
    singly: ClassVar[bool] = False

    quantise: bool = True
    samples: int = 1

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if "__call__" in cls.__dict__:
            raise TypeError(f"{cls.__name__} must not define __call__, which looks after the budget. Write run().")

    def __post_init__(self) -> None:
        check_flag(self.quantise, "quantise")
        check.check_count(self.samples, "samples")

    @abstractmethod
    def run(self, problem: Problem) -> Tensor:
        """The attacked images, (B,3,H,W), for the problem's clean images."""

    def options(self) -> dict[str, Any]:
        """The options as plain values; models and other objects by name."""
        return {one.name: _plain(getattr(self, one.name)) for one in dataclasses.fields(self)}

    @final
    def __call__(
        self,
        model: Callable[[Tensor], Any],
        images: object,
        objective: Objective | RankFlip | str,
        budget: Budget | str,
        *,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> list[AttackResult]:
        """Attack every image; one result each, in order.

        Args:
            model: (B,3,H,W) RGB in [0, 1] -> (B,), (B,1) or (B,1,1) scores. A module's parameters say the device and
                the dtype; their gradients are not touched.
            images: what :func:`certiqa.data.images.read_images` takes, or a list of these. The images of a tensor
                (B,3,H,W) are attacked together; those of a list, which may have different sizes, one by one.
            objective: for example Raise(), Lower(), Move(), Target(50), RankFlip(), or their names as text.
            budget: for example LInf(4 / 255), L2(0.5), SSIM(0.98), or its text "linf:4/255".
            seed: of every random draw, a whole number >= 0. An image's draws depend on the seed and its pixels only.
                No global random state is read or changed. A model that draws noise itself is not determined by it.
            progress: called with (images done, images in all).

        Raises:
            InputError: an argument breaks its rule, or the budget is none that this attack can use (``norms``).
            ImageError: an image cannot be read, or is smaller than the metric's ``min_size``.
            GradientError: the attack needs a gradient and the model gives none.
            ModelError, ModelOutputError: the model failed, or its score of a clean image is not finite.
        """
        aim = parsed(objective)
        seed = seed_of(seed)
        limit = checked_budget(budget, self.norms, self.name or type(self).__name__)
        check_callback(progress)
        groups = groups_of(images, model, limit, self.quantise, self.singly or isinstance(aim, RankFlip))
        total = sum(map(len, groups))
        if isinstance(aim, RankFlip) and total != 2:
            rule = "must be exactly two for the objective 'rank-flip'"
            raise InputError.of("images", rule, total, "Pass a list of two images, or a tensor (2,3,H,W).")
        with torch.inference_mode(False):
            if isinstance(aim, RankFlip):
                return self._pair(model, groups, aim, limit, seed, progress)
            request = self._request(str(aim), limit, seed)
            results: list[AttackResult] = []
            for pictures in groups:
                results += self._attacked(model, pictures, aim, request)
                if progress is not None:
                    progress(len(results), total)
            return results

    def _request(self, words: str, budget: Budget, seed: int) -> Request:
        return Request(self.name or type(self).__name__, self.options(), self.quantise, words, budget, seed)

    def _attacked(
        self, model: Callable[[Tensor], Any], pictures: list[Picture], aim: Objective, request: Request
    ) -> list[AttackResult]:
        """One batch: run for each alternative of the objective, keep each image's best, record."""
        begin = time.perf_counter()
        scorer = self._scorer(model)
        clean = torch.from_numpy(_stacked(pictures)).to(scorer.device)
        before = scorer.measure(clean)
        Found.check_clean(before, pictures)
        found = Found.none(clean, before)
        for one in aim.alternatives():
            generators = tuple(generator_of(request.seed, picture.sha256()) for picture in pictures)
            problem = Problem(clean, scorer, one, request.budget, before, generators)
            images, notes = inside(self.run(problem), clean, request.budget)
            scores = scorer.measure(images)
            found.keep(images, scores, one.gain(scores, before), str(one), [[*problem.notes, *more] for more in notes])
        return finish(request, pictures, found, scorer, aim, begin)

    def _scorer(self, model: Callable[[Tensor], Any]) -> Scorer:
        if self.samples == 1:
            return Scorer(model)
        if isinstance(model, EOT):
            rule = "must be 1 for a model behind attacks.eot, which has samples of its own"
            raise InputError.of("samples", rule, self.samples)
        return Scorer(eot(model, self.samples))

    def _pair(
        self,
        model: Callable[[Tensor], Any],
        groups: list[list[Picture]],
        aim: RankFlip,
        budget: Budget,
        seed: int,
        progress: Progress | None,
    ) -> list[AttackResult]:
        """Each of the two images for itself; then the order is looked at."""
        scorer = self._scorer(model)
        cleans = [torch.from_numpy(_stacked(pictures)).to(scorer.device) for pictures in groups]
        before = torch.cat([scorer.measure(clean) for clean in cleans])
        Found.check_clean(before, [picture for pictures in groups for picture in pictures])
        results = []
        for pictures, one in zip(groups, aim.of_pair(before), strict=True):
            request = self._request(f"rank-flip:{one or 'keep'}", budget, seed)
            if one is None:
                results += unchanged(request, pictures, scorer)
            else:
                results += self._attacked(model, pictures, one, request)
            if progress is not None:
                progress(len(results), 2)
        first, second = results
        up = first.score_before > second.score_before
        floats = _turned(up, first.score_after, second.score_after)
        stored = _turned(up, first.score_quantised, second.score_quantised)
        return [dataclasses.replace(one, flipped=floats, flipped_quantised=stored) for one in results]


def _turned(up: bool, first: float | None, second: float | None) -> bool | None:
    if first is None or second is None:
        return None
    return first < second if up else first > second


def _stacked(pictures: list[Picture]) -> npt.NDArray[np.float32]:
    return np.stack([picture.as_float() for picture in pictures])


def _plain(value: object) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, tuple | list):
        return [_plain(one) for one in value]
    if isinstance(value, Attack):
        return {"attack": value.name, **value.options()}
    return value if isinstance(value, dict) else model_name(value)
