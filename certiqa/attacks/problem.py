"""What an attack's ``run`` is given: clean images, model, objective, budget, and numbers drawn by seed."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, final

import torch
from torch import Tensor

from certiqa.attacks.budgets.base import Budget
from certiqa.attacks.objectives import Objective
from certiqa.attacks.scorer import Scorer

__all__ = ["Best", "Problem", "generator_of"]


@final
@dataclass(frozen=True, eq=False)
class Problem:
    """One batch of images of equal size to be attacked.

    Attributes:
        clean: (B,3,H,W) float32 in [0, 1], on the model's device.
        scorer: the model, counted.
        objective: what is climbed.
        budget: what has to be kept.
        before: (B,) float64, the scores of the clean images.
        generators: one for each image, so that an image gets the same numbers alone and in a batch.
        notes: what ``run`` wants to be known of the result; it may append.
    """

    clean: Tensor
    scorer: Scorer
    objective: Objective
    budget: Budget
    before: Tensor
    generators: tuple[torch.Generator, ...]
    notes: list[str] = field(default_factory=list)

    def gain(self, images: Tensor) -> Tensor:
        """What the images gain, (B,) float64: one forward pass. -inf where the score is not finite."""
        return self._gain(self.scorer.scores(images))

    def gains(self, candidates: Tensor) -> Tensor:
        """What each of n candidates for one clean image gains, (n,) float64: n forward passes, in one batch."""
        return self._gain(self.scorer.scores(candidates, per_image=len(candidates)))

    def gradient(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The gain (B,) and its gradient (B,3,H,W): one forward and one backward pass."""
        scores, gradient = self.scorer.gradient(images)
        slope = self.objective.slope(scores, self.before).nan_to_num(0.0).to(gradient.dtype)
        return self._gain(scores), gradient * slope.view(-1, 1, 1, 1)

    def project(self, images: Tensor) -> Tensor:
        """Into the budget and [0, 1]."""
        return self.budget.project(images, self.clean)

    def uniform(self) -> Tensor:
        """Uniform in [-1, 1), of the images' shape."""
        drawn = [torch.empty(self.clean.shape[1:]).uniform_(generator=one) for one in self.generators]
        return 2 * torch.stack(drawn).to(self.clean.device) - 1

    def normal(self) -> Tensor:
        """Standard normal, of the images' shape."""
        drawn = [torch.empty(self.clean.shape[1:]).normal_(generator=one) for one in self.generators]
        return torch.stack(drawn).to(self.clean.device)

    def on(self, model: Callable[[Tensor], Any]) -> Problem:
        """The same problem for another model, with counters of its own (a substitute, say)."""
        scorer = Scorer(model)
        clean = self.clean.to(scorer.device)
        before = scorer.measure(clean)
        return dataclasses.replace(self, clean=clean, scorer=scorer, before=before)

    def one(self, index: int) -> Problem:
        """The problem of one image of the batch; passes are counted by the same counters."""
        part = slice(index, index + 1)
        return dataclasses.replace(
            self, clean=self.clean[part], before=self.before[part], generators=self.generators[part]
        )

    def _gain(self, scores: Tensor) -> Tensor:
        gain = self.objective.gain(scores, self.before)
        return torch.where(torch.isfinite(gain), gain, torch.full_like(gain, -torch.inf))


@final
class Best:
    """The best image seen so far, for each of a batch.

    >>> best = Best(torch.zeros(1, 3, 2, 2))
    >>> best.update(torch.ones(1, 3, 2, 2), torch.tensor([1.0]))
    tensor([True])
    """

    def __init__(self, images: Tensor) -> None:
        self.images = images.clone()
        self.gain = torch.full((len(images),), -torch.inf, dtype=torch.float64, device=images.device)

    def update(self, images: Tensor, gain: Tensor) -> Tensor:
        """Keep what is better than before; which images are, (B,) bool."""
        better = gain > self.gain
        self.images = torch.where(better.view(-1, 1, 1, 1), images, self.images)
        self.gain = torch.where(better, gain.to(self.gain), self.gain)
        return better


def generator_of(seed: int, what: str) -> torch.Generator:
    """The generator that belongs to this seed and this text; no other generator is touched."""
    digest = hashlib.sha256(f"certiqa-attack-1|{seed}|{what}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)
