"""One attack on one image, judged by scores that the attack never saw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from certiqa.data.images import Picture
from certiqa.errors import InputError
from certiqa.trial.chosen import Chosen
from certiqa.trial.defended import Defended

if TYPE_CHECKING:
    from certiqa import attacks
    from certiqa.attacks import AttackResult, Budget

__all__ = ["Attacked", "attacked", "checked_objective", "effect"]


@dataclass(frozen=True, eq=False)
class Attacked:
    """What came of it.

    Attributes:
        result: of the attack.
        before: deployed score of the clean image.
        after: of the float image.
        quantised: of the 8-bit image.
    """

    result: AttackResult
    before: float
    after: float
    quantised: float

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values: the attack's own record, and the deployed scores instead of the ones it saw."""
        scores = {"score_before": self.before, "score_after": self.after, "score_quantised": self.quantised}
        return self.result.to_dict() | scores


def attacked(
    target: Defended, chosen: Chosen, picture: Picture, objective: str, budget: Budget, seed: int, before: float
) -> Attacked:
    """Attack the picture; ``before`` is its deployed score.

    Raises:
        CertiqaError: the attack or the metric failed.
    """
    image = torch.from_numpy(picture.pixels.copy())
    (result,) = chosen.attack(target.target, image[None], objective, budget, seed=seed)
    if result.quantised is None:
        raise InputError.of("--attack", "must make 8-bit images (quantise=true)", chosen.label)
    stored = torch.from_numpy(result.quantised.copy()).permute(2, 0, 1)
    return Attacked(result, before, target.score(result.image), target.score(stored))


def checked_objective(text: str) -> attacks.Objective:
    """An objective for one image at a time.

    Raises:
        InputError: it takes two; UnknownNameError: no such objective.
    """
    from certiqa.attacks import RankFlip, objective

    found = objective(text)
    if isinstance(found, RankFlip):
        rule = "must be raise, lower, move or target:VALUE on the command line"
        raise InputError.of("--objective", rule, text, "Pairs: certiqa.attacks.RankFlip.")
    return found


def effect(objective: attacks.Objective, before: float, after: float) -> float:
    """How far the attack got with what it was after; negative if it went the wrong way."""
    scores = torch.tensor([after, before], dtype=torch.float64)
    return float(objective.gain(scores[:1], scores[1:]))
