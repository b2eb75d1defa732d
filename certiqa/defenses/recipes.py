"""Settings by model: what is published of the NT paper's training, and what is not, as data.

Only the settings for HyperIQA are released. For the other models of the paper lambda and h are not known: the values
here are carried over from HyperIQA by the scaling of :func:`scaled_lambda`, and stand on the list of what is not known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from certiqa.defenses.config import DefenseConfig
from certiqa.defenses.gradient_norm import IMAGENET_STD
from certiqa.defenses.losses import TASK_LOSSES, TaskLoss, degree
from certiqa.errors import InputError, UnknownNameError

__all__ = ["RECIPES", "Recipe", "recipe", "scaled_lambda"]

INCEPTION_STD = (0.5, 0.5, 0.5)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


def scaled_lambda(lam: float, task_loss: TaskLoss, factor: float, *, power: int = 2) -> float:
    """The lambda that weighs penalty against task loss as before, if all scores are multiplied by ``factor``.

    The penalty grows by factor^power, the task loss by factor (mae), factor^2 (mse) or not at all (plcc,
    norm-in-norm, agreement). So with power 2 a lambda for "mae" and scores on 0-100 becomes 100 times as large for
    scores on 0-1, and one for "mse" stays.

    Raises:
        InputError: ``factor`` or ``lam`` is not above 0, or no such loss.

    >>> round(scaled_lambda(1e-3, "mae", 1 / 100), 6), scaled_lambda(1e-3, "mse", 1 / 100)
    (0.1, 0.001)
    """
    if task_loss not in TASK_LOSSES:
        raise UnknownNameError.among("task loss", str(task_loss), TASK_LOSSES)
    if not factor > 0:
        raise InputError.of("factor", "must be > 0", factor)
    if not lam > 0:
        raise InputError.of("lam", "must be > 0", lam)
    return float(lam * factor ** (degree(task_loss) - power))


@dataclass(frozen=True)
class Recipe:
    """Settings for one model.

    Attributes:
        name: of the recipe.
        settings: fields of :class:`certiqa.defenses.DefenseConfig`.
        unknown: those of them that are not published: guesses of ours.
        note: what to know, in words.
    """

    name: str
    settings: Mapping[str, Any] = field(repr=False)
    unknown: tuple[str, ...] = ()
    note: str = ""

    def config(self, method: str = "nt", **changes: Any) -> DefenseConfig:
        """The config of a run with these settings, some of them changed.

        ``steps`` replaces ``epochs``, and the other way round. For another method than "nt" the penalty's settings do
        not matter.

        Raises:
            InputError: a setting breaks its rule.
        """
        settings = {**self.settings, "method": method}
        if method != "nt":
            settings.pop("lam", None)
        if changes.get("steps") is not None:
            settings.pop("epochs", None)
        if changes.get("epochs") is not None:
            settings.pop("steps", None)
        return DefenseConfig.from_mapping({**settings, **changes})


_RELEASED: dict[str, Any] = {
    "lam": 5e-4,
    "h": 0.01,
    "std": IMAGENET_STD,
    "norm": "l1",
    "power": 2,
    "task_loss": "mae",
    "score_range": (0.0, 100.0),
    "lr": 2e-5,
    "head_lr": 10.0,
    "backbone": ("net.base_model.",),
    "optimizer": "adam",
    "weight_decay": 5e-4,
    "schedule": "constant",
    "batch": 16,
    "crop": 224,
    "epochs": 16,
    "crops_per_image": 25,
    "split": "nt-livec",
}
_TRANSFERRED = (
    "lam", "h", "std", "task_loss", "score_range", "lr", "head_lr", "optimizer", "weight_decay", "schedule", "batch",
    "crop", "epochs", "crops_per_image",
)  # fmt: skip

_ALL = (
    Recipe(
        "hyperiqa",
        _RELEASED,
        ("schedule",),
        "As released for HyperIQA on LIVEC, on the scale 0-100: lambda 1e-3 there is 5e-4 here, because the released "
        "code halves the mean of the squares. Published from a backbone with ImageNet weights: build pyiqa's network "
        "with pretrained=False and pass it, if you want that start rather than pyiqa's published weights.",
    ),
    Recipe(
        "dbcnn",
        {**_RELEASED, "backbone": ("net.features1.", "net.features2.")},
        _TRANSFERRED,
        "The paper's settings for DBCNN are not known; these are HyperIQA's.",
    ),
    Recipe(
        "linearityiqa",
        {**_RELEASED, "backbone": ("backbone.",), "task_loss": "norm-in-norm", "lam": 5e-6, "crop": 498},
        _TRANSFERRED,
        "The paper's settings for LinearityIQA are not known. The loss is the network's own, of its final prediction; "
        "it lies in [0, 1] and does not know the scale of the scores, so lambda is HyperIQA's over 100, an error of "
        "the whole scale counting as 1. Its linear map to human scores is not fitted anew: calibrate afterwards.",
    ),
    Recipe(
        "maniqa",
        {**_RELEASED, "backbone": ("net.vit.",), "std": INCEPTION_STD, "score_range": (0.0, 1.0),
         "lam": scaled_lambda(5e-4, "mae", 1 / 100)},
        _TRANSFERRED,
        "The paper's settings for MANIQA are not known; these are HyperIQA's, lambda scaled from 0-100 to 0-1.",
    ),
    Recipe(
        "clipiqa+",
        {**_RELEASED, "backbone": (), "frozen": ("hidden.",), "std": CLIP_STD, "score_range": (0.0, 1.0),
         "lam": scaled_lambda(5e-4, "mae", 1 / 100)},
        _TRANSFERRED,
        "Not in the paper. Only the prompts learn, as in CLIP-IQA+ itself; lambda is HyperIQA's, scaled to 0-1.",
    ),
    Recipe(
        "builtin",
        {**_RELEASED, "backbone": (), "head_lr": 1.0, "lr": 1e-4, "weight_decay": 0.0,
         "schedule": "cosine", "optimizer": "adamw", "grad_clip": 5.0, "crops_per_image": 1, "split": "certiqa"},
        _TRANSFERRED,
        "Not in the paper. lambda and h are the released ones, in the same units (the network divides by no standard "
        "deviation of its own), and a starting point only: the gradient of a network depends on how it was trained.",
    ),
)  # fmt: skip
RECIPES = {one.name: one for one in _ALL}


def recipe(name: str) -> Recipe:
    """A recipe by name; "pyiqa:" before the name does not matter.

    Raises:
        UnknownNameError: there is none.

    >>> recipe("pyiqa:hyperiqa").config().steps_for(930)
    23250
    """
    short = name.removeprefix("pyiqa:")
    if short not in RECIPES:
        raise UnknownNameError.among("recipe", name, RECIPES)
    return RECIPES[short]
