"""What an attack comes back with: images, scores, the budget that was used, and what it cost."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import numpy as np
import numpy.typing as npt
from PIL import Image
from torch import Tensor

from certiqa.errors import InputError

__all__ = ["AttackResult", "Distances"]


@final
@dataclass(frozen=True)
class Distances:
    """How far an image is from the clean one, all in intensities in [0, 1].

    Attributes:
        l2: Euclidean length of the change over all 3*H*W intensities.
        linf: the largest change of an intensity.
        psnr: in dB, peak 1; infinite for no change.
        ssim: :func:`certiqa.attacks.ssim.ssim`.
        used: the budget's own distance, in the units of its limit (1 - SSIM for an SSIM budget).
    """

    l2: float
    linf: float
    psnr: float
    ssim: float
    used: float


@final
@dataclass(frozen=True, eq=False)
class AttackResult:
    """One attacked image. Two images, really: the float image, and an 8-bit image that can be stored.

    Everything here was measured by the attack's final call, not reported by its method: both images were clipped to
    the budget, measured in float64 and scored afresh. The float image is compared with the clean image as float32,
    whose intensities lie up to 2**-25 beside k/255. Fields ending in ``_quantised`` speak of the 8-bit image, compared
    with the exact clean one; they are None if the attack was loaded with ``quantise=False``.

    Attributes:
        attack: its name.
        objective: in words ("raise"; for "move", what it came down to: "move:lower").
        budget: in words ("linf:4/255").
        picture: the name of the clean image.
        image: (3,H,W) float32 in [0, 1], on the CPU.
        quantised: (H,W,3) uint8, read-only.
        score_before: of the clean image, by the model as it is deployed.
        score_after, score_quantised: of the two attacked images.
        l2, linf, psnr, ssim: of the float image; see :class:`Distances`.
        used: how much of the budget, in its own units.
        within_budget: whether the float image is inside the budget; never False.
        within_budget_quantised: False only where no 8-bit image near enough exists, because the clean image is not on
            the 8-bit grid.
        queries: forward passes per image that the attack made (each draw of a randomised model behind eot counts); the
            scores of this record are not counted.
        gradients: backward passes per image that the attack made.
        seconds: wall-clock time, the batch's divided by its images.
        seed: of the attack's draws.
        options: of the attack, as plain values.
        notes: what should be known: zero gradients, a fall-back to the clean image, a re-clip.
        flipped, flipped_quantised: for the objective "rank-flip": whether the order of the pair was turned round.
    """

    attack: str
    objective: str
    budget: str
    picture: str
    image: Tensor = field(repr=False)
    quantised: npt.NDArray[np.uint8] | None = field(repr=False)
    score_before: float
    score_after: float
    score_quantised: float | None
    l2: float
    linf: float
    psnr: float
    ssim: float
    used: float
    l2_quantised: float | None
    linf_quantised: float | None
    psnr_quantised: float | None
    ssim_quantised: float | None
    used_quantised: float | None
    within_budget: bool
    within_budget_quantised: bool | None
    queries: int
    gradients: int
    seconds: float
    seed: int
    options: dict[str, Any]
    notes: tuple[str, ...] = ()
    flipped: bool | None = None
    flipped_quantised: bool | None = None

    @property
    def name(self) -> str:
        """The attack's name."""
        return self.attack

    @property
    def change(self) -> float:
        """score_after - score_before."""
        return self.score_after - self.score_before

    @property
    def change_quantised(self) -> float | None:
        """score_quantised - score_before."""
        return None if self.score_quantised is None else self.score_quantised - self.score_before

    def to_dict(self) -> dict[str, Any]:
        """Everything but the pixels, as plain JSON values; an infinite PSNR (no change) is None."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__ if name not in ("image", "quantised")}
        plain = {name: list(value) if isinstance(value, tuple) else value for name, value in plain.items()}
        return {name: None if _endless(value) else value for name, value in plain.items()}

    def save_png(self, path: str | os.PathLike[str]) -> Path:
        """Write the 8-bit image as a PNG; read again, it is the same pixels, and so inside the budget.

        A file of that name is replaced.

        Raises:
            InputError: there is no 8-bit image, the name does not end in .png, or the file cannot be written.
        """
        target = Path(path)
        if self.quantised is None:
            rule = "must be True for save_png: this result has no 8-bit image"
            raise InputError.of("quantise", rule, False, "Load the attack without quantise=False.")
        if target.suffix.lower() != ".png":
            rule = "must end in .png: other formats would change the pixels"
            raise InputError.of("path", rule, str(path), f"Try {target.with_suffix('.png')}.")
        try:
            Image.fromarray(self.quantised).save(target, format="PNG")
        except OSError as error:
            rule = f"must be a file that can be written ({error.strerror or error})"
            raise InputError.of("path", rule, str(path)) from error
        return target


def _endless(value: object) -> bool:
    return isinstance(value, float) and math.isinf(value)
