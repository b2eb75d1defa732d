"""From a checkpoint file to the metric."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

import torch

from certiqa.errors import CertiqaError, InputError, MissingExtraError
from certiqa.metrics.linearityiqa.checkpoint import SOURCE, Checkpoint, from_checkpoint, read_checkpoint
from certiqa.metrics.linearityiqa.network import LinearityIQA, find_timm, input_policy
from certiqa.metrics.linearityiqa.pooling import Pool
from certiqa.metrics.linearityiqa.preprocessing import PUBLISHED_SIZE

__all__ = ["load", "load_linearityiqa"]


def load(device: torch.device | str, weights: str | os.PathLike[str] | None) -> LinearityIQA:
    """For the registry: with the published options.

    Raises:
        CertiqaError: as :func:`load_linearityiqa`.
    """
    return load_linearityiqa(weights, device)


def load_linearityiqa(
    weights: str | os.PathLike[str] | None,
    device: torch.device | str | None = None,
    *,
    resize: tuple[int, int] | None = PUBLISHED_SIZE,
    pool: Pool = "avg",
    levels: tuple[int, int] = (1, 1),
    bn_end: bool = False,
) -> LinearityIQA:
    """LinearityIQA with the weights of a checkpoint: eval mode, parameters frozen, on ``device`` (None: the CPU).

    The global random state is left as it was. The file's sha256 is recorded in ``metric.card.weights_sha256``. The
    options are those of :class:`LinearityIQA`; they are not in a checkpoint, and all but ``resize`` must be those it
    was trained with. A wrong ``levels`` or ``bn_end`` is found out; "max" or "min" for "avg", say, is not.

    Raises:
        InputError: an option is out of its range, or there are no weights; the message says where the published
            checkpoint comes from.
        MissingExtraError: timm is not installed.
        WeightsError: the file is missing, is no such checkpoint, or does not fit.

    What is wrong before the network is built is told together, by the first of these errors that applies.
    """
    checkpoint = _prepared(weights, lambda: input_policy(resize, pool, levels))
    with torch.device("meta"):
        metric = LinearityIQA(resize, pool=pool, levels=levels, bn_end=bn_end)
    from_checkpoint(metric, checkpoint)
    metric.card = replace(metric.card, weights_sha256=checkpoint.sha256)
    return metric.to(device or "cpu").requires_grad_(False).eval()


def _prepared(weights: str | os.PathLike[str] | None, check_options: Callable[[], object]) -> Checkpoint:
    """The checkpoint, where all that the metric needs is there; else one error that tells everything that is not."""
    faults: list[CertiqaError] = []
    checkpoint: Checkpoint | None = None

    def attempt(step: Callable[[], object]) -> None:
        try:
            step()
        except CertiqaError as error:
            faults.append(error)

    def read() -> None:
        nonlocal checkpoint
        checkpoint = read_checkpoint(_given(weights))

    attempt(check_options)
    attempt(find_timm)
    attempt(read)
    if checkpoint is not None and not faults:
        return checkpoint
    if len(faults) == 1:
        raise faults[0]
    faults.sort(key=lambda error: [isinstance(error, kind) for kind in (InputError, MissingExtraError)], reverse=True)
    said = " ".join(f"({number}) {error}" for number, error in enumerate(faults, 1))
    raise type(faults[0])(f"The metric 'linearityiqa' cannot be loaded yet, for {len(faults)} reasons: {said}")


def _given(weights: str | os.PathLike[str] | None) -> str | os.PathLike[str]:
    if weights is not None:
        return weights
    remedy = (
        f"Download p1q2.pth, which {SOURCE} links to, and pass weights=PATH (certiqa evaluate: --weights PATH; "
        "certiqa certify: --model python:MODULE:METRIC, a METRIC that load_linearityiqa(PATH) made)."
    )
    raise InputError.of("weights", "must be a checkpoint file: certiqa ships none for this metric", weights, remedy)
