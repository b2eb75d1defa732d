"""Denoisers by name: those whose weights ship with the package, and weight files."""

from __future__ import annotations

import json
import os
from importlib import resources
from pathlib import Path

import torch

from certiqa.denoisers.card import DenoiserCard
from certiqa.denoisers.files import read_denoiser
from certiqa.denoisers.network import DenoiserNetwork
from certiqa.errors import UnknownNameError, WeightsError

__all__ = ["card", "load", "names"]

ENDING = ".safetensors"
TABLE = "published.json"
"""Beside the weights: name -> sha256 of NAME.safetensors. The one place where a published file is named."""


def _folder() -> Path:
    return Path(str(resources.files("certiqa.denoisers"))) / "weights"


def _published() -> dict[str, str]:
    table: dict[str, str] = json.loads((_folder() / TABLE).read_text(encoding="utf-8"))
    return table


def names() -> tuple[str, ...]:
    """The names of the denoisers whose weights are published in the package, sorted."""
    return tuple(sorted(_published()))


def load(
    name: str | os.PathLike[str], device: torch.device | str | None = None, *, sha256: str | None = None
) -> DenoiserNetwork:
    """A denoiser: eval mode, parameters frozen, on ``device`` (None: the CPU).

    Args:
        name: one of :func:`names`, or the path of a file that ends in .safetensors.
        device: a torch device.
        sha256: of the file, to be checked; published weights are always checked.

    Raises:
        UnknownNameError: no such denoiser; near names are suggested.
        WeightsError: the file is missing, damaged, or not the one whose hash is on record.
    """
    if isinstance(name, os.PathLike) or os.fspath(name).endswith(ENDING):
        return read_denoiser(name, sha256=sha256).to(device or "cpu")
    table = _published()
    if name not in table:
        error = UnknownNameError.among("denoiser", name, table)
        raise UnknownNameError(f"{error} A file of weights: PATH{ENDING}.")
    if sha256 is not None and sha256 != table[name]:
        raise WeightsError(f"The published weights of the denoiser {name!r} have sha256 {table[name]}, not {sha256}.")
    return read_denoiser(_folder() / f"{name}{ENDING}", name=name, sha256=table[name]).to(device or "cpu")


def card(name: str | os.PathLike[str]) -> DenoiserCard:
    """The facts of a denoiser: see :func:`load`."""
    found = load(name).card
    if found is None:
        raise WeightsError(f"The weights {os.fspath(name)!r} carry no card.")
    return found
