"""Weight files: safetensors whose header carries the card; equal weights and cards are equal bytes."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse_safetensors
from safetensors.torch import save as safetensors_bytes

from certiqa.denoisers.building import build
from certiqa.denoisers.card import DenoiserCard
from certiqa.denoisers.network import DenoiserNetwork
from certiqa.errors import CertiqaError, InputError, WeightsError
from certiqa.training.files import replace_file

__all__ = ["read_denoiser", "write_denoiser"]

_KEY = "certiqa-denoiser"
"""One key in the header: with several, safetensors would write them in an order of its own."""


def write_denoiser(network: DenoiserNetwork, card: DenoiserCard, path: str | os.PathLike[str]) -> str:
    """Write weights and card, atomically; the sha256 of the file.

    Raises:
        InputError: the file cannot be written.
    """
    tensors = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    content = safetensors_bytes(tensors, {_KEY: card.to_json()})
    replace_file(Path(path), content)
    return hashlib.sha256(content).hexdigest()


def read_denoiser(
    path: str | os.PathLike[str], *, name: str | None = None, sha256: str | None = None
) -> DenoiserNetwork:
    """Read what :func:`write_denoiser` wrote: on the CPU, in eval mode, parameters frozen.

    Args:
        path: the file.
        name: of the denoiser; default: the file's name without its ending.
        sha256: what the file's digest must be; None: any.

    Raises:
        WeightsError: no such file, another hash, damaged, or not a denoiser of this package.
    """
    path = Path(path)
    name = name if name is not None else path.stem
    try:
        content = path.read_bytes()
    except OSError as error:
        raise WeightsError(
            f"The weights of the denoiser {name!r} cannot be read from {str(path)!r}: {error.strerror}."
        ) from error
    found = hashlib.sha256(content).hexdigest()
    if sha256 is not None and not re.fullmatch("[0-9a-f]{64}", sha256):
        raise InputError.of("sha256", "must be 64 hexadecimal digits, in small letters", sha256)
    if sha256 is not None and found != sha256:
        raise WeightsError(
            f"The weights {path.name!r} of the denoiser {name!r} must have sha256 {sha256}. Got {found} instead: the "
            "file was changed or damaged."
        )
    return _parsed(content, name, found)


def _parsed(content: bytes, name: str, sha256: str) -> DenoiserNetwork:
    try:
        tensors = parse_safetensors(content)
    except SafetensorError as error:
        raise WeightsError(
            f"The weights of the denoiser {name!r} are not a whole safetensors file ({error})."
        ) from error
    header = _metadata(content)
    if _KEY not in header:
        raise WeightsError(f"The weights {name!r} carry no card of a certiqa denoiser in their header.")
    card = DenoiserCard.from_json(header[_KEY], name, sha256)
    try:
        network = build(card.architecture)
        network.load_state_dict(tensors, assign=True)
    except (CertiqaError, RuntimeError) as error:
        text = " ".join(str(error).split())[:300]
        raise WeightsError(f"The weights {name!r} do not fit the architecture of their card: {text}") from error
    if not all(bool(torch.isfinite(value).all()) for value in tensors.values()):
        raise WeightsError(f"The weights {name!r} hold values that are NaN or infinite.")
    network.name, network.card = name, card
    for parameter in network.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return network.requires_grad_(False).eval()


def _metadata(content: bytes) -> dict[str, str]:
    """The free part of a safetensors header that was already found to be whole."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    found: dict[str, str] = header.get("__metadata__", {})
    return found
