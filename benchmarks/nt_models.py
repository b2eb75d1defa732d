"""The models and the defences of benchmarks/nt.py: what is trained, from where, and with which settings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from eonss import WEIGHTS, Eonss
from torch import Tensor, nn

import certiqa
from certiqa import defenses
from certiqa.data import open_dataset
from certiqa.defenses.livec_split import nt_test_part, splitting
from certiqa.defenses.prepare import score_range_of
from certiqa.defenses.windows import rated_images
from certiqa.training.draws import key
from certiqa.training.pictures import ImagePool, TrainingImage

__all__ = ["LAMBDAS", "TrainableEonss", "Variant", "base_model", "plan", "test_part", "trained"]

LAMBDAS = (1e-7, 1e-6, 5e-6, 2e-5, 1e-4, 5e-4)
"""In the units of the release, halving included: its 1e-3 is 5e-4 here. The built-in metric's gradient has an l1 norm
of some 1600 in these units, so 5e-6 weighs the penalty about as much as an error of 13 points."""
MAIN = LAMBDAS[2]
TIMES = {"eonss": 100.0}
"""For bases whose gradient is much smaller: lambda times this."""
STRONG = LAMBDAS[4]
"""Where the penalty has flattened the built-in metric, and order is lost: measured in full, as MAIN is."""
FOR_THE_SCALE = 64
AT_EPS = (1 / 255, 2 / 255)
"""Besides 4/255, so that one of them has the clean SROCC of NT."""
STEPS_H = (0.0025, 0.04)
"""Besides the released h of 0.01."""


class TrainableEonss(Eonss):
    """EONSS with parameters in place of buffers, so that it can be trained, and a fixed line to the scale of MOS."""

    def __init__(self, weights: dict[str, Tensor]) -> None:
        super().__init__(weights)
        for name, value in list(self.named_buffers()):
            delattr(self, name)
            self.register_parameter(name, nn.Parameter(value.clone()))
        self.register_buffer("slope", torch.ones(()))
        self.register_buffer("shift", torch.zeros(()))

    def get_buffer(self, target: str) -> Tensor:
        """What Eonss asks for by name."""
        return self.get_parameter(target)

    def forward(self, x: Tensor) -> Tensor:
        return self.slope * super().forward(x) + self.shift

    @torch.no_grad()
    def rescale(self, images: Sequence[TrainingImage]) -> None:
        """Give the scores of these images the mean and the standard deviation of their human scores."""
        windows = (torch.from_numpy(one.read().copy())[None].to(self.slope.device).float() / 255 for one in images)
        scores = torch.tensor([float(self(window)) for window in windows])
        mos = torch.tensor([one.mos for one in images])
        slope = float(mos.std() / scores.std())
        self.slope.fill_(slope)
        self.shift.fill_(float(mos.mean()) - slope * float(scores.mean()))


@dataclass(frozen=True)
class Variant:
    """One trained model: its name, its base, the method and the settings that differ from the recipe.

    ``method`` None is the start as it is; a ``key`` variant is measured in full by the preset cpu. ``sources`` are the
    data sets it is trained on. With more than one of ``members``, so many trainings with other seeds, and the mean of
    their weights. ``start`` is what the training begins with, if it is not the base: a metric of the same network, or
    what another variant came to.
    """

    name: str
    base: str
    method: str | None
    changes: dict[str, Any] = field(default_factory=dict)
    key: bool = False
    sources: tuple[str, ...] = ("livec",)
    members: int = 1
    start: str | Variant | None = None


BOTH = ("livec", "agiqa3k")
TUNED: dict[str, Any] = {
    "lr": 4e-4, "batch": 12, "steps": 2000, "ramp": 0.5, "validate_every": 200, "validation_images": 96,
    "checkpoint_every": 100,
}  # fmt: skip
"""A longer training at a higher rate, with a ramp, on both data sets."""
SOUP: dict[str, Any] = {"lam": 3e-5, "lr": 2e-4, "steps": 600, "ramp": 0.5}
"""Several of these, and the mean of their weights; on LIVE In the Wild alone."""
TUNED_LAMBDAS = (1e-4, 3e-5)
FIRST_NOISE = "builtin-noise"
"""The built-in network after a long training under noise (train_noise.py): NT goes on from there."""
AFTER_NOISE: dict[str, Any] = {
    "weight_decay": 0.05, "batch": 16, "validate_every": 150, "validation_images": 96, "checkpoint_every": 50,
}  # fmt: skip
AFTER_NOISE_RUNS: dict[str, dict[str, Any]] = {
    "nt lambda 6e-06 after noise": {"task_loss": "agreement", "lam": 6e-6, "ramp": 0.3, "steps": 800},
    "nt lambda 1e-05 after noise": {"task_loss": "agreement", "lam": 1e-5, "ramp": 0.3, "steps": 800},
    "nt lambda 1e-05 after noise, balanced": {
        "task_loss": "agreement", "lam": 1e-5, "ramp": 0.6, "steps": 450, "balance": True,
    },
    "nt lambda 2e-06 after noise, plcc": {
        "task_loss": "plcc", "lam": 2e-6, "ramp": 0.3, "steps": 450, "balance": True,
    },
}  # fmt: skip
"""NT that goes on from FIRST_NOISE, on both data sets: with a loss that minds the order of the pairs; with data sets
that share a batch evenly; and with a loss that does not know the scale of the scores, which the penalty narrows."""
AVERAGED: dict[str, Any] = AFTER_NOISE | {"steps": 600, "ramp": 0.3, "ema": 0.99, "shares": (10, 6)}
"""The same with a moving average of the weights, and ten windows of LIVE In the Wild beside six of AGIQA-3K."""
SECOND_STAGE: dict[str, Any] = {"steps": 400, "ramp": 0.2, "seed": 1, "start_share": 0.5}
"""From the weights of such a run, at a larger lambda; what is kept lies half-way between the two."""


def plan(bases: tuple[str, ...], tuned: bool = False) -> Iterator[Variant]:
    """The variants, those that the tables need most first; with ``tuned`` also those of TUNED and SOUP."""
    for base in bases:
        times = TIMES.get(base, 1.0)
        main = {"lam": times * MAIN}
        attacks = {"eps": 4 / 255, "attack_steps": 2}
        yield Variant("undefended", base, None, key=True)
        yield Variant("clean", base, "clean", key=True)
        yield Variant(f"nt lambda {main['lam']:g}", base, "nt", main, key=True)
        yield Variant("at", base, "at", attacks, key=True)
        yield Variant("nt under noise", base, "nt", main | {"sigma": 0.12}, key=True)
        for lam in (one for one in LAMBDAS if one != MAIN):
            yield Variant(f"nt lambda {times * lam:g}", base, "nt", {"lam": times * lam}, key=lam == STRONG)
        yield Variant("noise", base, "noise", {"sigma": 0.12}, key=True)
        yield Variant("at lowered", base, "at", attacks | {"label_drop": 0.1})
        if base == "builtin" and tuned:
            yield Variant("noise first", base, None, key=True, start=FIRST_NOISE)
            for name, changes in AFTER_NOISE_RUNS.items():
                yield Variant(name, base, "nt", AFTER_NOISE | changes, True, BOTH, start=FIRST_NOISE)
            yield from _averaged(base)
            for lam in TUNED_LAMBDAS:
                yield Variant(f"nt lambda {lam:g} tuned", base, "nt", TUNED | {"lam": lam}, lam == STRONG, BOTH)
            yield Variant(f"nt lambda {SOUP['lam']:g} soup", base, "nt", SOUP, members=6)
        if base == "builtin":
            for eps in AT_EPS:
                yield Variant(f"at eps {eps * 255:g}", base, "at", attacks | {"eps": eps}, key=eps == AT_EPS[0])
            for h in STEPS_H:
                yield Variant(f"nt h {h:g}", base, "nt", main | {"h": h})


def _averaged(base: str) -> Iterator[Variant]:
    """NT after noise with means of weights: one stage, two stages, and the loss that does not know the scale."""

    def variant(name: str, start: str | Variant, **changes: Any) -> Variant:
        lam = changes["lam"]
        return Variant(
            f"nt lambda {lam:g} after noise, {name}", base, "nt", AVERAGED | changes, True, BOTH, start=start
        )

    first = variant("ema", FIRST_NOISE, task_loss="agreement", lam=3e-6)
    yield first
    yield variant("two stages", first, task_loss="agreement", lam=2e-5, **SECOND_STAGE)
    yield variant("ema, plcc", FIRST_NOISE, task_loss="plcc", lam=1.3e-6, grad_clip=100.0)


def base_model(base: str, device: str, data: Path, split: str) -> nn.Module:
    """The model that training starts from."""
    if base != "eonss":
        return certiqa.metrics.load(base, device)
    model = TrainableEonss(torch.load(WEIGHTS, weights_only=True)).to(device).eval()
    rule = splitting(split)  # type: ignore[arg-type]
    images = rated_images(open_dataset("livec", data / "livec"), (0.0, 100.0), lower_better=False)
    fit = sorted((one for one in images if rule(one.content) == "fit"), key=lambda one: key("eonss", one.content))
    model.rescale(fit[:FOR_THE_SCALE])
    return model


def trained(
    variant: Variant, data: Path, work: Path, settings: dict[str, Any], split: str, device: str, log: Any
) -> tuple[nn.Module, dict[str, Any]]:
    """The variant's model, trained now or before; and how that went."""
    if isinstance(variant.start, Variant):
        start, before = trained(variant.start, data, work, settings, split, device, log)
    else:
        start, before = base_model(variant.start or variant.base, device, data, split), {}
    if variant.method is None:
        return start, {}
    recipe = defenses.recipe(variant.base) if variant.base != "eonss" else defenses.recipe("builtin")
    changes = {"split": split, **settings, **variant.changes}
    changes["crop"] = max(changes.get("crop", 224), int(getattr(start, "min_size", 1)))
    models, facts = [], []
    for member in range(variant.members):
        config = recipe.config(variant.method, **changes | {"seed": changes.get("seed", 0) + member})
        file = f"{variant.base} {variant.name}{f' {member}' * (variant.members > 1)}.safetensors"
        out = work / file.replace(" ", "_").replace(":", "_")
        done = defenses.train(
            config, start, _pool(variant, data, config, start), out, data=list(variant.sources), resume=True,
            device=torch.device(device), report=log, licence="not for distribution",
        )  # fmt: skip
        models.append(defenses.load(out, device, base=start))
        fact = {"config": config.as_mapping(), "kept_step": done.kept_step, "steps": done.steps, "sha256": done.sha256}
        facts.append(fact | {"development": done.validation} | ({"start": before} if before else {}))
    if variant.members == 1:
        return models[0], facts[0]
    states = [one.state_dict() for one in models]
    mean = {name: torch.stack([one[name] for one in states]).mean(0) for name in states[0]}
    models[0].load_state_dict(mean)
    return models[0], facts[0] | {"members": facts}


def _pool(variant: Variant, data: Path, config: defenses.DefenseConfig, start: nn.Module) -> ImagePool:
    """The images that the variant is trained on, on the scale of the metric."""
    span, lower = score_range_of(start, config), bool(getattr(start, "lower_better", False))
    images = [
        one
        for group, source in enumerate(variant.sources)
        for one in rated_images(open_dataset(source, data / source), span, lower_better=lower, group=group)
    ]
    return ImagePool(images, config.crop, part=splitting(config.split))


def test_part(data: Path, split: str) -> Any:
    """What is measured on: the validation part, or the paper's test part of the whole LIVEC."""
    whole = open_dataset("livec", data / "livec")
    return nt_test_part(whole) if split == "nt-livec" else whole.part("validation")
