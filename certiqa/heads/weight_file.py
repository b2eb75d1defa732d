"""What the weight files of all heads have in common: safetensors with one header of JSON, written and read whole."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse_safetensors
from safetensors.torch import save as safetensors_bytes
from torch import Tensor, nn

from certiqa.errors import InputError, WeightsError
from certiqa.training.files import replace_file

__all__ = ["read_weights", "write_weights"]


def write_weights(head: nn.Module, key: str, header: dict[str, Any], path: str | os.PathLike[str]) -> str:
    """Write a head's state with its header under ``key``, atomically; the sha256 of the file.

    Equal states and headers are equal bytes: with several keys, safetensors would write them in an order of its own.

    Raises:
        InputError: the file cannot be written.
    """
    tensors = {name: value.detach().cpu().contiguous() for name, value in head.state_dict().items()}
    content = safetensors_bytes(tensors, {key: json.dumps(header, sort_keys=True)})
    replace_file(Path(path), content)
    return hashlib.sha256(content).hexdigest()


def read_weights(
    path: str | os.PathLike[str], key: str, sha256: str | None
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors of a file, all finite, and the header that stands under ``key``.

    Args:
        path: the file.
        key: what the header of this kind of head is called.
        sha256: what the file's digest must be; None: any.

    Raises:
        InputError: ``sha256`` is none.
        WeightsError: no such file, another hash, damaged, without such a header, or with values that are not finite.
    """
    path = Path(path)
    if sha256 is not None and not re.fullmatch("[0-9a-f]{64}", sha256):
        raise InputError.of("sha256", "must be 64 hexadecimal digits, in small letters", sha256)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"The head {str(path)!r} cannot be read: {error.strerror}.") from error
    found = hashlib.sha256(content).hexdigest()
    if sha256 is not None and found != sha256:
        raise WeightsError(
            f"The head {path.name!r} must have sha256 {sha256}. Got {found} instead: the file was changed or damaged."
        )
    try:
        tensors = parse_safetensors(content)
    except SafetensorError as error:
        raise WeightsError(f"The head {path.name!r} is not a whole safetensors file ({error}).") from error
    length = int.from_bytes(content[:8], "little")
    text = json.loads(content[8 : 8 + length]).get("__metadata__", {}).get(key)
    try:
        header = json.loads(text) if text is not None else None
    except ValueError as error:
        raise WeightsError(f"The head {path.name!r} has a header that is not JSON ({error}).") from error
    if not isinstance(header, dict):
        raise WeightsError(f"The file {path.name!r} carries no header of a {key}.")
    if not all(bool(torch.isfinite(value).all()) for value in tensors.values()):
        raise WeightsError(f"The head {path.name!r} holds values that are NaN or infinite.")
    return tensors, header
