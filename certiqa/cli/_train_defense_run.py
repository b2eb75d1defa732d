"""One run of ``certiqa train defense``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from certiqa._checks import check_choice
from certiqa._facts import facts_of
from certiqa.cli._train_given import bfloat16, named_dataset, no_dataset
from certiqa.cli._train_told import reporting, say_end
from certiqa.data.sets.dataset import DataSet
from certiqa.defenses import METHODS, RECIPES, DefenseConfig, Recipe, train
from certiqa.defenses import recipe as recipe_named
from certiqa.defenses.gradient_norm import IMAGENET_STD
from certiqa.defenses.livec_split import splitting
from certiqa.defenses.prepare import check_out, score_range_of
from certiqa.defenses.windows import rated_images
from certiqa.errors import InputError
from certiqa.smoothing.base import resolve_device
from certiqa.training.pictures import ImagePool
from certiqa.training.workers import workers
from certiqa.trial.models import load_model

__all__ = ["run"]

_OF_METHOD = {
    "ramp": ("nt", "at"),
    **dict.fromkeys(("lam", "norm", "power"), ("nt",)),
    **dict.fromkeys(("eps", "attack_steps", "step_size", "adversarial", "label_drop"), ("at",)),
}
"""Settings that are of some methods only."""
_OPTIONS = {"lam": "lambda", "task_loss": "loss"}


def run(
    *,
    method: str,
    data: Sequence[str],
    out: str,
    model: str,
    weights: str | None,
    recipe: str | None,
    std: str | None,
    score_range: str | None,
    precision: str,
    licence: str,
    device: str | None,
    resume: bool,
    quiet: bool,
    settings: Mapping[str, Any],
) -> int:
    """Check, read, train, say what came of it; the exit code.

    Raises:
        CertiqaError: whatever goes wrong.
    """
    check_choice(method, "--method", METHODS)
    in_bfloat16 = bfloat16(precision)
    given = {name: value for name, value in settings.items() if value is not None}
    if std is not None:
        given["std"] = _std(std)
    if score_range is not None:
        given["score_range"] = _pair(score_range)
    if in_bfloat16:
        given["bfloat16"] = True
    _check_method(method, given)
    settings_of = _recipe(recipe, model)
    config = settings_of.config(method, **given) if settings_of else DefenseConfig.from_mapping(
        {"method": method, **given}
    )  # fmt: skip
    check_out(Path(out))
    sets = [_dataset(text) for text in data]
    chosen = None if device is None else resolve_device(None, device)
    with workers(chosen) as group:
        metric = load_model(model, str(group.device), weights=weights)[0]
        watched = not quiet and group.leads
        pool = _pool(sets, metric, config)
        if watched:
            _say_beginning(pool, group.world, settings_of, method)
        with reporting(out, watched=watched, instead="loss") as report:
            done = train(
                config,
                metric,
                pool,
                Path(out),
                data=[one.name for one in sets],
                resume=resume,
                device=group.device,
                report=report,
                licence=licence,
            )
        if watched:
            say_end(done)
    return 0


def _pool(sets: Sequence[DataSet], metric: Any, config: DefenseConfig) -> ImagePool:
    """The images of all data sets, on the metric's scale."""
    lower_better = bool(facts_of(metric).lower_better)
    span = score_range_of(metric, config)
    images = [
        image
        for group, dataset in enumerate(sets)
        for image in rated_images(dataset, span, lower_better=lower_better, group=group)
    ]
    return ImagePool(images, config.crop, part=splitting(config.split))


def _say_beginning(pool: ImagePool, world: int, used: Recipe | None, method: str) -> None:
    if used is not None:
        guessed = [name for name in used.unknown if method in _OF_METHOD.get(name, (method,))]
        typer.echo(f"recipe {used.name}: {used.note} Not published: {', '.join(guessed)}.")
    apart = f"{len(pool.development)} kept apart"
    typer.echo(f"{len(pool.fit)} images to train on, {apart} for early stopping; {world} process(es)")


def _check_method(method: str, given: Mapping[str, Any]) -> None:
    for name, owners in _OF_METHOD.items():
        if name in given and method not in owners:
            option = f"--{_OPTIONS.get(name, name).replace('_', '-')}"
            rule = f"must not be given for --method {method}: it is a setting of {' and '.join(owners)}"
            raise InputError.of(option, rule, given[name])


def _recipe(name: str | None, model: str) -> Recipe | None:
    if name is not None:
        return recipe_named(name)
    return RECIPES.get(model.removeprefix("pyiqa:"))


def _dataset(text: str) -> DataSet:
    dataset = named_dataset(text)
    if dataset is None:
        raise no_dataset("must be NAME:DIR with the name of a data set with human scores", text)
    return dataset


def _std(text: str) -> tuple[float, ...] | None:
    if text in ("none", "imagenet"):
        return None if text == "none" else IMAGENET_STD
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise InputError.of("--std", "must be none, imagenet, or three numbers R,G,B", text) from None


def _pair(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(":"))
    except ValueError:
        raise InputError.of("--score-range", "must be LOW:HIGH", text, "Try --score-range 0:100.") from None
