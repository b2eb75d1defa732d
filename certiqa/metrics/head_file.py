"""The file of a head as a metric: its path is a name wherever certiqa takes one."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from certiqa._device import device_here
from certiqa.errors import InputError, WeightsError
from certiqa.frontends import from_dict
from certiqa.heads.files import is_head, read_head
from certiqa.metrics.card import MetricCard
from certiqa.metrics.front_end_metric import FrontEndMetric
from certiqa.metrics.policy import AnySize

__all__ = ["head_metric_card", "is_head", "load_head", "metric_of"]


def head_metric_card(path: str | os.PathLike[str]) -> MetricCard:
    """The facts of the metric that a head's file makes.

    Raises:
        WeightsError: no such file, damaged, or not a head's.
    """
    return metric_of(path).card


def load_head(
    path: str | os.PathLike[str], device: torch.device | str, weights: str | os.PathLike[str] | None = None
) -> FrontEndMetric:
    """The metric of a head's file: eval mode, parameters frozen, float32, on ``device``.

    Raises:
        InputError: ``weights`` were given: the file holds them. WeightsError: as :func:`head_metric_card`.
    """
    if weights is not None:
        rule = f"must not be given for {os.fspath(path)!r}, which holds the weights itself"
        raise InputError.of("weights", rule, os.fspath(weights))
    return metric_of(path).to(device_here(device)).requires_grad_(False).eval()


def metric_of(
    path: str | os.PathLike[str], *, sha256: str | None = None, card: MetricCard | None = None
) -> FrontEndMetric:
    """Front end and head of a file, with the card that the file itself gives, or ``card``, on the CPU.

    Raises:
        WeightsError: no such file, another hash, damaged, not a head's, or not made for the front end that it names.
    """
    head, header = read_head(path, sha256=sha256)
    try:
        front_end = from_dict(header["front_end"])
    except (InputError, KeyError) as error:
        raise WeightsError(f"The head {os.fspath(path)!r} names no front end that is known here: {error}") from error
    if head.front_end_digest != front_end.digest:
        raise WeightsError(f"The head {os.fspath(path)!r} was made for another version of its front end.")
    own = MetricCard(
        name=Path(path).stem,
        summary=f"a head on the front end {front_end.name!r}",
        lower_better=False,
        output_range=(0.0, 100.0),
        range_enforced=True,
        input=AnySize(front_end.smallest),
        licence=str(header.get("training", {}).get("licence", "unknown")),
        certified_sigma=head.certified_sigma,
        unclipped_noise=True,
    )
    return FrontEndMetric(card or own, front_end, head)
