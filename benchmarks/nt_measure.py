"""The measurements of benchmarks/nt.py on one model: clean figures, attacks, strength, masking, rank flips, tau/SD."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import certiqa
from certiqa import attacks
from certiqa.attacks import LInf, Lower, Raise
from certiqa.evaluation import agreement
from certiqa.evaluation.gradient_norm import gradient_l1
from certiqa.evaluation.masking import masking_report
from certiqa.evaluation.robustness import robustness_of

__all__ = ["FEW_ROWS", "ROWS", "Preset", "Scene", "measure"]

EPS = 4 / 255
SCALE = (0.0, 100.0)
MIDDLE = 50.0
LEVELS = 4


@dataclass(frozen=True)
class Preset:
    """How much is done.

    Attributes:
        settings: of the training.
        images: for clean figures and UAP; 0: all.
        one_step: for FGSM; 0: all.
        attacked: for attacks of many steps; 0: all.
        steps: of PGD and the perceptual attack.
        queries: of the square attack.
        uap: images that a universal pattern is trained on.
        pairs: for rank flips.
        certified: images with a certificate.
        n: of a certificate.
        side: of the central window that stands for an image; 0: the whole image.
        strengths: eps, in grey levels, for the strength of the attack.
        dtype: of forward passes under noise, for certificates.
    """

    settings: dict[str, Any]
    images: int
    one_step: int
    attacked: int
    steps: int
    queries: int
    uap: int
    pairs: int
    certified: int
    n: int
    side: int = 0
    strengths: tuple[float, ...] = (0.5, 1, 2, 4, 8)
    dtype: str = "auto"


@dataclass(frozen=True)
class Scene:
    """What every measurement sees: images, uint8 (3, H, W), with their human scores, on 0-100, and the preset."""

    pictures: Sequence[Tensor]
    mos: np.ndarray
    contents: Sequence[str]
    fit: Sequence[Tensor]
    preset: Preset
    seed: int

    def few(self, count: int) -> Scene:
        """The first ``count`` images (0: all); their order was drawn by hash."""
        end = count or len(self.pictures)
        return Scene(self.pictures[:end], self.mos[:end], self.contents[:end], self.fit, self.preset, self.seed)


@torch.no_grad()
def scores_of(model: nn.Module, pictures: Sequence[Tensor]) -> np.ndarray:
    device = next(model.parameters()).device
    return np.array([float(model(picture[None].to(device).float() / 255).flatten()[0]) for picture in pictures])


def direction(score: float) -> Raise | Lower:
    """Through the middle of the scale to its far end, as in the paper: good images down, bad ones up."""
    return Lower() if score >= MIDDLE else Raise()


def attacked(
    model: nn.Module, scene: Scene, name: str, eps: float = EPS, **options: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Scores before and after, of 8-bit images where the budget holds one (eps of a grey level at least)."""
    before = scores_of(model, scene.pictures)
    whole = eps >= 1 / 255
    attack = attacks.load(name, quantise=whole, **options)
    budget: Any = "ssim:0.99" if name == "perceptual" else LInf(eps)
    after = []
    for picture, score in zip(scene.pictures, before, strict=True):
        (found,) = attack(model, picture, direction(score), budget, seed=scene.seed)
        after.append(found.score_quantised if whole else found.score_after)
    return before, np.array(after)


def clean(model: nn.Module, scene: Scene) -> dict[str, Any]:
    scene = scene.few(scene.preset.images)
    scores = scores_of(model, scene.pictures)
    found = agreement(scores, scene.mos, contents=scene.contents, lower_better=False, seed=scene.seed)
    few = scene.few(scene.preset.attacked)
    norms = np.concatenate([gradient_l1(model, picture) for picture in few.pictures])
    return {
        "images": len(scores),
        "agreement": found.to_dict(),
        "rmse": float(np.sqrt(np.mean((scores - scene.mos) ** 2))),
        "sd_of_scores": float(scores.std(ddof=1)),
        "gradient_l1": {"mean": float(norms.mean()), "median": float(np.median(norms)), "images": len(norms)},
        "scores": [round(float(score), 4) for score in scores],
    }


def _robustness(before: np.ndarray, after: np.ndarray, scene: Scene) -> dict[str, Any]:
    inside = (before >= SCALE[0]).all() and (before <= SCALE[1]).all()
    return robustness_of(
        before, after, scene.mos, scale=SCALE if inside else None, contents=scene.contents, lower_better=False,
        levels=LEVELS, seed=scene.seed,
    ).to_dict()  # fmt: skip


def by_attack(model: nn.Module, scene: Scene, name: str) -> dict[str, Any]:
    """One of the paper's four, or PGD of many steps, or the square attack."""
    preset = scene.preset
    scene = scene.few(preset.one_step if name == "fgsm" else preset.attacked)
    options: dict[str, dict[str, Any]] = {
        "fgsm": {},
        "pgd": {"steps": preset.steps},
        "perceptual": {"steps": preset.steps, "weight": 1e-4},
        "korhonen": {},
        "square": {"queries": preset.queries},
    }
    if name == "uap":
        before, after = _universal(model, scene)
    else:
        before, after = attacked(model, scene, name, **options[name])
    budget = "ssim:0.99" if name == "perceptual" else f"linf:{EPS:.6f}"
    found = {"images": len(before), "attack": name, "budget": budget, "options": options.get(name, {})}
    return found | {"robustness": _robustness(before, after, scene)}


def _universal(model: nn.Module, scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    """A pattern for each direction, trained on the fit part against this very model."""
    before = scores_of(model, scene.pictures)
    patterns = {
        str(aim): attacks.train_uap(model, list(scene.fit[: scene.preset.uap]), str(aim), epochs=3, seed=scene.seed)
        for aim in (Raise(), Lower())
    }
    after = []
    for picture, score in zip(scene.pictures, before, strict=True):
        aim = direction(score)
        attack = attacks.load("uap", pattern=patterns[str(aim)])
        (found,) = attack(model, picture, aim, LInf(EPS), seed=scene.seed)
        after.append(found.score_quantised)
    return before, np.array(after)


def strength(model: nn.Module, scene: Scene) -> dict[str, Any]:
    """RMSE(before, after) of FGSM and PGD against eps."""
    few, found = scene.few(scene.preset.attacked), []
    for step in scene.preset.strengths:
        line: dict[str, Any] = {"eps_grey": step}
        for name, options in (("fgsm", {}), ("pgd", {"steps": scene.preset.steps})):
            before, after = attacked(model, few, name, step / 255, **options)
            line[name] = float(np.sqrt(np.mean((after - before) ** 2)))
        found.append(line)
    return {"images": len(few.pictures), "curve": found}


def masking(model: nn.Module, scene: Scene, other: nn.Module) -> dict[str, Any]:
    """Signs that the gradients are of no use to an attack; ``other`` is the undefended model, for transfer."""
    few, preset = scene.few(scene.preset.attacked), scene.preset
    before = scores_of(model, few.pictures)
    signs = np.array([1.0 if isinstance(direction(score), Raise) else -1.0 for score in before])

    def effect(name: str, eps: float = EPS, **options: Any) -> np.ndarray:
        return signs * (attacked(model, few, name, eps, **options)[1] - before)

    many = effect("pgd", steps=preset.steps)
    report = masking_report(
        one_step=effect("fgsm"),
        many_steps=many,
        restarts=effect("pgd", steps=preset.steps, restarts=3),
        transfer=effect("transfer", source=other, attack="pgd", attack_options={"steps": preset.steps}),
        black_box=effect("square", queries=preset.queries),
        by_budget={EPS: many, 2 * EPS: effect("pgd", 2 * EPS, steps=preset.steps)},
        gradient_norms=np.concatenate([gradient_l1(model, picture) for picture in few.pictures]),
    )
    return {"images": len(few.pictures), "report": report.to_dict()}


def flips(model: nn.Module, scene: Scene) -> dict[str, Any]:
    """How many pairs of neighbours in the order drawn change their order under PGD on both images.

    Pairs of equal scores, of a model that has become constant, have no order; they are counted apart.
    """
    pairs = list(zip(scene.pictures[::2], scene.pictures[1::2], strict=False))[: scene.preset.pairs]
    attack, turned, gaps = attacks.load("pgd", steps=scene.preset.steps), [], []
    for first, second in pairs:
        one, other = scores_of(model, [first, second])
        gaps.append(abs(one - other))
        if one != other:
            results = attack(model, [first, second], "rank-flip", LInf(EPS / 2), seed=scene.seed)
            turned.append(bool(results[0].flipped_quantised))
    return {
        "pairs": len(pairs), "equal": len(pairs) - len(turned), "flipped": int(sum(turned)),
        "mean_gap": float(np.mean(gaps)), "eps": EPS / 2,
    }  # fmt: skip


def certified(model: nn.Module, scene: Scene, denoiser: str | None = None, sigma: float = 0.12) -> dict[str, Any]:
    """Median smoothing of the model, behind a denoiser or none: the certified change tau, over the SD of the scores.

    The SD is that of one noisy score of every image of the part, so that a few certificates do not decide it.
    """
    preset, device = scene.preset, next(model.parameters()).device
    whole, few = scene.few(preset.images), scene.few(preset.certified)
    cleaned = certiqa.denoisers.load(denoiser, device) if denoiser else None
    options: dict[str, Any] = {"n": 1, "seed": scene.seed, "dtype": preset.dtype}
    if cleaned is None:
        smooth: nn.Module = certiqa.MedianSmoothing(model, sigma, **options).eval()
    else:
        smooth = certiqa.DenoisedMedianSmoothing(model, cleaned, sigma, **options).eval()
    with torch.no_grad():
        draws = np.array([float(smooth(picture[None].to(device))[0]) for picture in whole.pictures])
    sd = float(draws.std(ddof=1))
    order = agreement(draws, whole.mos, contents=whole.contents, lower_better=False, seed=scene.seed)
    taus: dict[str, list[float]] = {}
    for picture in few.pictures:
        found = certiqa.certify(
            model, picture, sigma, n=preset.n, seed=scene.seed, denoiser=cleaned, dtype=preset.dtype
        )
        for name, eps in (("eps .05", 0.05), ("eps sigma", sigma), ("eps 2 sigma", 2 * sigma)):
            taus.setdefault(name, []).append(float(found.tau(eps)))
    return {
        "images": len(few.pictures),
        "sigma": sigma,
        "denoiser": denoiser,
        "srocc_one_draw": order.srocc.to_dict(),
        "n": preset.n,
        "sd": sd,
        "tau": {name: float(np.median(values)) for name, values in taus.items()},
        "tau_over_sd": {name: float(np.median(values)) / sd for name, values in taus.items()},
    }


ROWS = (
    "clean", "fgsm", "pgd", "perceptual", "korhonen", "uap", "square", "flips", "strength", "certified",
    "certified dms-iqa", "masking",
)  # fmt: skip
FEW_ROWS = ("clean", "fgsm", "pgd", "perceptual")
"""What the curve over lambda needs."""


def measure(row: str, model: nn.Module, scene: Scene, other: nn.Module) -> dict[str, Any]:
    """One row; ``other`` is the undefended model."""
    plain = {"clean": clean, "strength": strength, "flips": flips, "certified": certified}
    if row in plain:
        return plain[row](model, scene)
    if row == "certified dms-iqa":
        return certified(model, scene, "dms-iqa")
    return masking(model, scene, other) if row == "masking" else by_attack(model, scene, row)
