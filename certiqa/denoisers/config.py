"""One training run as data: everything that decides its result except the images and the metric."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from certiqa import _checks as check
from certiqa.denoisers.architecture import PRESETS, Architecture, architecture, as_mapping
from certiqa.errors import InputError
from certiqa.training import plain

__all__ = ["LOSSES", "RankingKind", "TrainingConfig"]

LOSSES = ("mse", "target", "ranking")
RankingKind = Literal["margin", "soft-rank"]
_KINDS = ("margin", "soft-rank")


@dataclass(frozen=True)
class TrainingConfig:
    """The settings of a training run, checked when they are made.

    Losses through the metric are in units of the standard deviation of the metric's scores of the clean validation
    crops; human scores in units of the standard deviation of their data set.

    Attributes:
        architecture: the network; a preset's name or a mapping is understood too.
        sigma: the noise level: a number, or (lowest, highest), drawn log-uniformly for every crop.
        mse: weight of the squared error.
        target: weight of |M(D(x+z)) - M(x)|.
        ranking: weight of the ranking loss.
        ranking_kind: "margin" or "soft-rank" (:mod:`certiqa.denoisers.losses.ranking`).
        margin: the fixed margin of a pair.
        margin_slope: the margin that grows with the wanted difference.
        temperature: of the soft ranks.
        crop: side of the square windows.
        batch: windows per step, over all workers.
        steps: how many.
        lr: the highest learning rate (AdamW), after a linear warm-up over 4 % of the steps; then half a cosine to zero.
        weight_decay: of AdamW.
        grad_clip: the largest norm of the gradient.
        ema: the weights that are kept are an exponential moving average with this factor.
        seed: of the initial weights, the windows, the noise levels and the noise.
        bfloat16: forward passes under bfloat16 autocast; the parameters stay float32.
        validate_every: steps between two looks at the validation part.
        validation_images: at most so many of them, one window each.
        patience: stop after so many looks in a row without a lower validation loss, and keep the best weights; 0: run
            all steps and keep the last weights.
        checkpoint_every: steps between two checkpoints.

    Raises:
        InputError: one of them breaks its rule; UnknownNameError: no such architecture.

    >>> config = TrainingConfig(sigma=0.12, steps=10)
    >>> TrainingConfig.from_json(config.to_json()) == config
    True
    """

    architecture: Architecture = field(default_factory=lambda: PRESETS["unet-small"])
    sigma: float | tuple[float, float] = (0.05, 0.5)
    mse: float = 1.0
    target: float = 0.0
    ranking: float = 0.0
    ranking_kind: RankingKind = "margin"
    margin: float = 0.0
    margin_slope: float = 1.0
    temperature: float = 0.1
    crop: int = 128
    batch: int = 16
    steps: int = 10_000
    lr: float = 1e-3
    weight_decay: float = 0.0
    grad_clip: float = 1.0
    ema: float = 0.999
    seed: int = 0
    bfloat16: bool = True
    validate_every: int = 250
    validation_images: int = 64
    patience: int = 0
    checkpoint_every: int = 100

    def __post_init__(self) -> None:
        object.__setattr__(self, "architecture", architecture(self.architecture))
        object.__setattr__(self, "sigma", _sigma(self.sigma))
        for name in (*LOSSES, "margin", "margin_slope", "weight_decay"):
            object.__setattr__(self, name, plain.number(name, getattr(self, name), positive=False))
        for name in ("temperature", "lr", "grad_clip"):
            object.__setattr__(self, name, plain.number(name, getattr(self, name), positive=True))
        if not any(getattr(self, name) for name in LOSSES):
            raise InputError.of("losses", "must have one weight > 0 at least", 0.0, "Try mse=1.")
        check.check_choice(self.ranking_kind, "ranking_kind", _KINDS)
        check.check_count(self.crop, "crop", 32, "Try crop=128.")
        for name in ("batch", "steps", "validate_every", "validation_images", "checkpoint_every"):
            check.check_count(getattr(self, name), name)
        check.check_count(self.patience, "patience", 0)
        if self.ranking and self.batch < 2:
            raise InputError.of("batch", "must be at least 2 for the ranking loss", self.batch)
        if not 0 <= plain.number("ema", self.ema, positive=False) < 1:
            raise InputError.of("ema", "must be in [0, 1)", self.ema)
        check.check_count(self.seed, "seed", 0)
        if self.seed >= 2**63:
            raise InputError.of("seed", "must be below 2**63", self.seed)
        if not isinstance(self.bfloat16, bool):
            raise InputError.of("bfloat16", "must be True or False", self.bfloat16)

    @property
    def sigma_range(self) -> tuple[float, float]:
        """(lowest, highest); equal for a fixed level."""
        return self.sigma if isinstance(self.sigma, tuple) else (self.sigma, self.sigma)

    @property
    def losses(self) -> dict[str, float]:
        """The weights > 0, by name."""
        return {name: getattr(self, name) for name in LOSSES if getattr(self, name)}

    @property
    def needs_metric(self) -> bool:
        """Whether a loss looks through a metric."""
        return bool(self.target or self.ranking)

    def as_mapping(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return plain.as_mapping(self) | {"architecture": as_mapping(self.architecture)}

    def to_json(self) -> str:
        """One line, keys sorted."""
        return plain.to_json(self.as_mapping())

    @classmethod
    def from_mapping(cls, given: Mapping[str, Any]) -> TrainingConfig:
        """Read what :meth:`as_mapping` made; fields that are not there keep their defaults.

        Raises:
            UnknownNameError: no such field; InputError: a field breaks its rule.
        """
        return plain.from_mapping(cls, given)

    @classmethod
    def from_json(cls, text: str) -> TrainingConfig:
        """Read what :meth:`to_json` wrote.

        Raises:
            InputError: no such config.
        """
        return cls.from_mapping(plain.from_json(text))


def _sigma(given: object) -> float | tuple[float, float]:
    if isinstance(given, tuple | list):
        if len(given) != 2:
            raise InputError.of("sigma", "must be a number, or a pair (lowest, highest)", given)
        low, high = check.check_sigma(given[0]), check.check_sigma(given[1])
        if low > high:
            raise InputError.of("sigma", "must have its lowest level first", tuple(given))
        return (low, high) if low < high else low
    return check.check_sigma(given)
