"""One training run as data: everything that decides its result except the metric and the images."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from certiqa import _checks as check
from certiqa.defenses.gradient_norm import GradientNorm, Norm
from certiqa.defenses.livec_split import SPLITS, Split
from certiqa.defenses.losses import TASK_LOSSES, TaskLoss, couples
from certiqa.errors import InputError
from certiqa.training import plain

__all__ = ["METHODS", "DefenseConfig", "Method"]

Method = Literal["nt", "at", "clean", "noise"]
METHODS = ("nt", "at", "clean", "noise")

_POSITIVE = ("h", "lr", "head_lr", "eps")
_AT_LEAST_ZERO = ("lam", "weight_decay", "grad_clip", "sigma", "label_drop", "ramp", "ema", "start_share")
_COUNTS = ("batch", "crops_per_image", "attack_steps", "validate_every", "validation_images", "checkpoint_every")


@dataclass(frozen=True)
class DefenseConfig:
    """The settings of a run, checked when they are made.

    Attributes:
        method: "nt": task loss + lam * gradient norm; "at": the task loss of images that an attack made; "clean": the
            task loss alone; "noise": that of noisy images.
        lam: weight of the penalty ("nt"). It depends on the scale of the scores and on the task loss:
            :func:`certiqa.defenses.scaled_lambda`.
        h: step of the finite difference (:func:`certiqa.defenses.gradient_norm`).
        std: None: h is in units of pixels in [0, 1]; else what the network divides its channels by, and h is in units
            after that division.
        norm: "l1" or "l2".
        power: 2: the mean of the squared norms, as published; 1: the mean of the norms.
        task_loss: "mae", "mse", "plcc", "norm-in-norm" or "agreement" (:func:`certiqa.defenses.losses.agreement_loss`).
            The last three compare the images of a batch with each other, those of each data set by themselves.
        score_range: what the ends of the human scores' scale become; None: the metric's own range, or, if it states
            none, (0, 100). A metric whose lower scores are better gets them turned round.
        scratch: begin with fresh weights of the seed instead of the metric's own.
        lr: learning rate, at its highest.
        backbone: beginnings of the names of the parameters that get ``lr``; all others get ``lr * head_lr``. Empty: all
            get ``lr``.
        head_lr: see ``backbone``.
        frozen: beginnings of the names of the parameters that stay as they are.
        optimizer: "adam" (weight decay is added to the gradient) or "adamw".
        weight_decay: of the optimiser.
        ramp: the part of the run over which the defence grows, in a straight line from nothing: lambda of "nt", eps
            (and ``step_size``) of "at"; 0: there from the first step, as published.
        schedule: "cosine": half a cosine to zero after a linear warm-up over 4 % of the steps; or "constant".
        grad_clip: the largest norm of the gradient; 0: not clipped.
        ema: the weights that are kept are an exponential moving average over the steps with this factor; 0: the last.
        start_share: the weights that are kept are a mean of what the training came to and, with this weight, of what
            it began with (:class:`certiqa.defenses.average.KeptWeights`); 0: what it came to alone.
        batch: windows per step, over all processes.
        balance: every data set has the same share of a batch; else every image has the same chance, and the largest
            data set the largest share.
        shares: how many windows of a batch each data set has, in the order of their numbers; their sum is ``batch``.
            Empty: as ``balance`` says.
        crop: side of the square windows, mirrored half of the time.
        crops_per_image: windows of an image in an epoch.
        steps: how many updates; None: as many as ``epochs`` need.
        epochs: how many; None: as ``steps`` say. One of the two must be given, and only one.
        sigma: Gaussian noise on every window, clipped to [0, 1] afterwards, before anything else is done with it, by
            any method; 0: none.
        eps: l_inf radius of the attack of "at".
        attack_steps: of it; its start is random.
        step_size: of it; None: 2.5 * eps / attack_steps.
        adversarial: the share of the attacked images in the loss of "at"; the rest is that of the clean ones.
        label_drop: how far the label of an attacked image is lowered (towards worse), in parts of ``score_range``, if
            the attack has used up eps everywhere; for others in proportion to RMS(change) / eps.
        layers: "eval": BatchNorm keeps its statistics and dropout is off throughout; "train": the forward passes of the
            task loss are in the network's train mode, and the penalty and the attack in eval mode all the same.
        bfloat16: forward passes of the task loss and the attack under bfloat16 autocast. The penalty is computed in
            float32 always: a finite difference would drown in bfloat16's rounding.
        seed: of windows, noise, random starts, dropout, fresh weights.
        split: "certiqa": no image of the validation part is read, and one content in eight of the others is kept apart
            for development; "nt-livec": the same with the paper's own test part of LIVEC.
        validate_every: steps between two looks at the development part.
        validation_images: at most so many of them, one window each.
        patience: stop after so many looks in a row without a lower loss, and keep the best weights; 0: run all steps
            and keep the last.
        checkpoint_every: steps between two checkpoints.

    Raises:
        InputError: one of them breaks its rule.

    >>> config = DefenseConfig("nt", lam=1e-3, steps=10)
    >>> DefenseConfig.from_json(config.to_json()) == config
    True
    """

    method: Method
    lam: float = 0.0
    h: float = 0.0023
    std: tuple[float, float, float] | None = None
    norm: Norm = "l1"
    power: int = 2
    task_loss: TaskLoss = "mae"
    score_range: tuple[float, float] | None = None
    scratch: bool = False
    lr: float = 2e-5
    backbone: tuple[str, ...] = ()
    head_lr: float = 10.0
    frozen: tuple[str, ...] = ()
    optimizer: Literal["adam", "adamw"] = "adam"
    weight_decay: float = 5e-4
    ramp: float = 0.0
    schedule: Literal["cosine", "constant"] = "cosine"
    grad_clip: float = 0.0
    ema: float = 0.0
    start_share: float = 0.0
    batch: int = 16
    balance: bool = False
    shares: tuple[int, ...] = ()
    crop: int = 224
    crops_per_image: int = 1
    steps: int | None = None
    epochs: int | None = None
    sigma: float = 0.0
    eps: float = 4 / 255
    attack_steps: int = 3
    step_size: float | None = None
    adversarial: float = 1.0
    label_drop: float = 0.0
    layers: Literal["eval", "train"] = "eval"
    bfloat16: bool = False
    seed: int = 0
    split: Split = "certiqa"
    validate_every: int = 100
    validation_images: int = 64
    patience: int = 0
    checkpoint_every: int = 100

    def __post_init__(self) -> None:
        self._words()
        for name in (*_POSITIVE, *_AT_LEAST_ZERO, "adversarial"):
            object.__setattr__(self, name, plain.number(name, getattr(self, name), positive=name in _POSITIVE))
        for name in _COUNTS:
            check.check_count(getattr(self, name), name)
        check.check_count(self.crop, "crop", 16, "Try crop=224.")
        check.check_count(self.patience, "patience", 0)
        check.check_count(self.seed, "seed", 0)
        self._length()
        self._method()
        self._kept()
        self._batch()
        self._shapes()

    def _words(self) -> None:
        check.check_choice(self.method, "method", METHODS)
        check.check_choice(self.task_loss, "task_loss", TASK_LOSSES)
        check.check_choice(self.optimizer, "optimizer", ("adam", "adamw"))
        check.check_choice(self.schedule, "schedule", ("cosine", "constant"))
        check.check_choice(self.layers, "layers", ("eval", "train"))
        check.check_choice(self.split, "split", SPLITS)
        for name in ("balance", "bfloat16", "scratch"):
            if not isinstance(getattr(self, name), bool):
                raise InputError.of(name, "must be True or False", getattr(self, name))

    def _length(self) -> None:
        given = [name for name in ("steps", "epochs") if getattr(self, name) is not None]
        if len(given) != 1:
            found = (self.steps, self.epochs)
            raise InputError.of("steps", "or 'epochs' must be given, and not both", found, "Try steps=1000.")
        check.check_count(getattr(self, given[0]), given[0])

    def _method(self) -> None:
        if self.method == "nt" and not self.lam:
            remedy = "Try lam=1e-3 for scores on 0-100 and the loss mae; 'clean' is training without a penalty."
            raise InputError.of("lam", "must be > 0 for 'nt'", self.lam, remedy)
        if self.method == "noise" and not self.sigma:
            raise InputError.of("sigma", "must be > 0 for 'noise'", self.sigma, "Try sigma=0.12.")
        if self.sigma:
            check.check_sigma(self.sigma)
        if not 0 < self.adversarial <= 1:
            raise InputError.of("adversarial", "must be in (0, 1], a share of the loss", self.adversarial)
        if self.eps > 1:
            rule = "must be at most 1: it is in units of intensities in [0, 1], not of grey levels"
            raise InputError.of("eps", rule, self.eps, f"For grey levels pass {self.eps:g} / 255.")
        if self.ramp > 1:
            raise InputError.of("ramp", "must be in [0, 1], a part of the run", self.ramp, "Try ramp=0.5.")
        if self.label_drop > 1:
            raise InputError.of("label_drop", "must be in [0, 1], a part of the range of the scores", self.label_drop)

    def _kept(self) -> None:
        for name in ("ema", "start_share"):
            if getattr(self, name) >= 1:
                remedy = f"Try {name}={0.99 if name == 'ema' else 0.5}."
                raise InputError.of(name, "must be in [0, 1)", getattr(self, name), remedy)
        if self.start_share and self.scratch:
            rule = "must be 0 with scratch: fresh weights are not worth a share"
            raise InputError.of("start_share", rule, self.start_share)

    def _batch(self) -> None:
        if couples(self.task_loss) and self.batch < 2:
            raise InputError.of("batch", f"must be at least 2 for the loss {self.task_loss!r}", self.batch)
        shares = self.shares
        if not isinstance(shares, list | tuple) or not all(type(one) is int and one > 0 for one in shares):
            raise InputError.of("shares", "must be a tuple of integers > 0, windows per data set", shares)
        object.__setattr__(self, "shares", tuple(shares))
        if shares and sum(shares) != self.batch:
            rule = f"must sum to batch ({self.batch}): windows of each data set in a batch"
            raise InputError.of("shares", rule, tuple(shares))
        if couples(self.task_loss) and 1 in shares:
            rule = f"must be at least 2 each for the loss {self.task_loss!r}, which compares images of a data set"
            raise InputError.of("shares", rule, tuple(shares))
        if shares and self.balance:
            raise InputError.of("shares", "must be empty with balance, which makes them equal", tuple(shares))

    def _shapes(self) -> None:
        GradientNorm(self.h, norm=self.norm, power=self.power, std=self.std)
        object.__setattr__(self, "std", None if self.std is None else tuple(map(float, self.std)))
        try:
            object.__setattr__(self, "score_range", check.check_output_range(self.score_range))
        except InputError:
            rule = "must be None or (lowest, highest), two finite numbers, the lower one first"
            raise InputError.of("score_range", rule, self.score_range, "Try (0, 100).") from None
        if self.step_size is not None:
            object.__setattr__(self, "step_size", plain.number("step_size", self.step_size, positive=True))
        for name in ("backbone", "frozen"):
            given = getattr(self, name)
            if isinstance(given, str) or not all(isinstance(one, str) and one for one in given):
                raise InputError.of(name, "must be a tuple of beginnings of names of parameters", given)
            object.__setattr__(self, name, tuple(given))

    @property
    def attack_step(self) -> float:
        """``step_size``, or what stands for it."""
        return self.step_size if self.step_size is not None else 2.5 * self.eps / self.attack_steps

    def steps_for(self, images: int) -> int:
        """The number of updates with so many images to train on; the last, partial batch of an epoch goes on with the
        next epoch.

        >>> DefenseConfig("clean", epochs=16, crops_per_image=25, batch=16).steps_for(930)
        23250
        """
        if self.steps is not None:
            return self.steps
        return math.ceil((self.epochs or 1) * self.crops_per_image * images / self.batch)

    def as_mapping(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return plain.as_mapping(self)

    def to_json(self) -> str:
        """One line, keys sorted."""
        return plain.to_json(self.as_mapping())

    @classmethod
    def from_mapping(cls, given: Mapping[str, Any]) -> DefenseConfig:
        """Read what :meth:`as_mapping` made; fields that are not there keep their defaults.

        Raises:
            UnknownNameError: no such field; InputError: a field breaks its rule.
        """
        return plain.from_mapping(cls, {"method": None, **given})

    @classmethod
    def from_json(cls, text: str) -> DefenseConfig:
        """Read what :meth:`to_json` wrote.

        Raises:
            InputError: no such config.
        """
        return cls.from_mapping(plain.from_json(text))
