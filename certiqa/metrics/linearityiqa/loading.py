"""From a checkpoint file to the metric."""

from __future__ import annotations

import os
from dataclasses import replace

import torch

from certiqa.errors import InputError
from certiqa.metrics.linearityiqa.checkpoint import SOURCE, from_checkpoint, read_checkpoint
from certiqa.metrics.linearityiqa.network import LinearityIQA
from certiqa.metrics.linearityiqa.pooling import Pool
from certiqa.metrics.linearityiqa.preprocessing import PUBLISHED_SIZE

__all__ = ["load", "load_linearityiqa"]


def load(device: torch.device | str, weights: str | os.PathLike[str] | None) -> LinearityIQA:
    """For the registry: with the published options.

    Raises:
        InputError: no weights; the message says where the published checkpoint comes from.
    """
    if weights is None:
        remedy = f"Download p1q2.pth, which {SOURCE} links to, and pass weights=PATH."
        raise InputError.of("weights", "must be a checkpoint file: certiqa ships none for this metric", weights, remedy)
    return load_linearityiqa(weights, device)


def load_linearityiqa(
    weights: str | os.PathLike[str],
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
        InputError: an option is out of its range.
        MissingExtraError: timm is not installed.
        WeightsError: the file is missing, is no such checkpoint, or does not fit.
    """
    with torch.device("meta"):
        metric = LinearityIQA(resize, pool=pool, levels=levels, bn_end=bn_end)
    checkpoint = read_checkpoint(weights)
    from_checkpoint(metric, checkpoint)
    metric.card = replace(metric.card, weights_sha256=checkpoint.sha256)
    return metric.to(device or "cpu").requires_grad_(False).eval()
