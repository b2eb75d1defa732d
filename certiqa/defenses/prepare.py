"""The gate of a training: what is asked of the metric and of the images, before the first step."""

from __future__ import annotations

import copy
from pathlib import Path

import torch
from torch import nn

from certiqa._facts import facts_of
from certiqa.defenses.config import DefenseConfig
from certiqa.defenses.graph import check_gradient
from certiqa.defenses.modes import evaluating
from certiqa.defenses.objective import Objective
from certiqa.defenses.seeded import reinitialise, seeded
from certiqa.defenses.windows import training_windows
from certiqa.errors import InputError, ModelError
from certiqa.training.pictures import ImagePool
from certiqa.training.workers import Workers

__all__ = ["check_out", "check_pool", "network_of", "objective_of", "probe", "score_range_of"]

_LEAST_FIT, _LEAST_DEVELOPMENT = 2, 5


def score_range_of(metric: object, config: DefenseConfig) -> tuple[float, float]:
    """What the ends of the human scores' scale become: the config's, else the metric's own range, else (0, 100)."""
    return config.score_range or facts_of(metric).output_range or (0.0, 100.0)


def check_out(out: Path) -> None:
    """Where the weights go.

    Raises:
        InputError: it does not end in .safetensors.
    """
    if not str(out).endswith(".safetensors"):
        raise InputError.of("out", "must end in .safetensors", str(out))


def check_pool(pool: ImagePool, config: DefenseConfig) -> None:
    """Enough images, each with a human score, and large enough.

    Raises:
        InputError: it says what is missing.
    """
    if pool.crop < config.crop:
        raise InputError.of("crop", f"must be at most that of the pool of images, {pool.crop}", config.crop)
    mos = torch.tensor([one.mos for one in pool.images])
    if not bool(mos.isfinite().all()):
        nameless = next(one.content for one in pool.images if one.mos != one.mos)
        raise InputError.of("data", f"must have a human score for every image; {nameless} has none", None)
    remedy = "Give more images, or another split."
    if len(pool.fit) < _LEAST_FIT:
        raise InputError.of("data", f"must leave {_LEAST_FIT} images at least to train on", len(pool.fit), remedy)
    sets = len(pool.fit_by_group)
    if config.balance and config.batch < 2 * sets:
        rule = f"must be at least {2 * sets} with balance: two windows of each of the {sets} data sets"
        raise InputError.of("batch", rule, config.batch)
    if config.shares and len(config.shares) != sets:
        rule = f"must be one number for each of the {sets} data sets that have images to train on"
        raise InputError.of("shares", rule, config.shares)
    if config.patience and len(pool.development) < _LEAST_DEVELOPMENT:
        rule = f"must leave {_LEAST_DEVELOPMENT} images at least for development, which patience looks at"
        raise InputError.of("data", rule, len(pool.development), "Give more images, or patience=0.")


def network_of(metric: object, config: DefenseConfig, group: Workers) -> nn.Module:
    """A copy of the metric to train: float32, on the device, the parameters that are to learn ask for gradients.

    Raises:
        InputError: not a module, nothing to train, names that no parameter has, or too many processes.
        ModelError: it cannot be copied, or cannot be given fresh weights.
    """
    if not isinstance(metric, nn.Module):
        raise InputError.of("metric", "must be a torch.nn.Module, whose weights are trained", metric)
    if config.batch % group.world:
        raise InputError.of("batch", f"must be a multiple of the number of workers ({group.world})", config.batch)
    if config.layers == "train" and group.world > 1:
        rule = "must be 'eval' for more than one process: each would keep statistics of its own"
        raise InputError.of("layers", rule, config.layers)
    try:
        network = copy.deepcopy(metric)
    except Exception as error:
        raise ModelError(f"The metric cannot be copied ({type(error).__name__}: {error}).") from error
    if config.scratch:
        reinitialise(network, config.seed)
    network = network.float().to(group.device)
    names = [name for name, p in network.named_parameters() if p.is_floating_point()]
    for field in ("backbone", "frozen"):
        for start in getattr(config, field):
            if not any(name.startswith(start) for name in names):
                known = ", ".join(sorted({".".join(name.split(".")[:2]) for name in names})[:6])
                raise InputError.of(field, f"must be beginnings of names of parameters, such as {known}", start)
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(parameter.is_floating_point() and not name.startswith(config.frozen or ("\0",)))
    if not any(parameter.requires_grad for parameter in network.parameters()):
        buffers = " (its weights are buffers)" if not names and next(network.buffers(), None) is not None else ""
        raise InputError.of("metric", f"must have parameters to train; this one has none{buffers}", metric)
    return network


def objective_of(metric: object, config: DefenseConfig) -> Objective:
    """The loss, for the metric's range and direction; a direction that is not known counts as higher is better."""
    low, high = score_range_of(metric, config)
    return Objective(config, high - low, bool(facts_of(metric).lower_better))


def probe(network: nn.Module, config: DefenseConfig, pool: ImagePool, objective: Objective, group: Workers) -> None:
    """Two windows through the metric: shapes, finiteness, gradients.

    Raises:
        InputError: the crop is too small for the metric.
        ModelError: scores are not finite, or have no gradient (it says where the graph breaks).
        ModelOutputError: not one score per image.
    """
    least = facts_of(network).min_size
    if config.crop < least:
        raise InputError.of("crop", f"must be at least {least}, the least size of the metric", config.crop)
    windows = training_windows(pool, config, 0, range(min(2, config.batch)), group.device)
    with evaluating(network), seeded(group.device, config.seed, "probe"):
        scores = objective.scores(network, windows.images)
        if not bool(scores.isfinite().all()):
            raise ModelError("The scores of the first training images are not finite.")
        if not scores.requires_grad:
            raise ModelError(
                "The scores have no gradient with respect to the metric's parameters, so nothing can be learned: its "
                "forward runs under torch.no_grad, or detaches."
            )
        if config.method in ("nt", "at"):
            check_gradient(network, windows.images)
