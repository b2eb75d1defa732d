"""Weight files of heads: safetensors whose header names the shape, the front end and the noise level."""

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

from certiqa.errors import CertiqaError, InputError, WeightsError
from certiqa.heads.network import Head, HeadShape
from certiqa.training.files import replace_file

__all__ = ["is_head", "read_head", "write_head"]

_KEY = "certiqa-head"
"""One key in the header: with several, safetensors would write them in an order of its own."""


def write_head(head: Head, front_end: dict[str, Any], training: dict[str, Any], path: str | os.PathLike[str]) -> str:
    """Write a head, atomically; the sha256 of the file. Equal heads and headers are equal bytes.

    Args:
        head: with its front_end_digest, certified_sigma and certified_n.
        front_end: the front end's to_dict().
        training: plain JSON values about where the weights come from.
        path: the file.

    Raises:
        InputError: the file cannot be written.
    """
    header = {
        "shape": head.shape.as_mapping(),
        "front_end": front_end,
        "front_end_digest": head.front_end_digest,
        "certified_sigma": head.certified_sigma,
        "certified_n": head.certified_n,
        "training": training,
    }
    tensors = {name: value.detach().cpu().contiguous() for name, value in head.state_dict().items()}
    content = safetensors_bytes(tensors, {_KEY: json.dumps(header, sort_keys=True)})
    replace_file(Path(path), content)
    return hashlib.sha256(content).hexdigest()


def read_head(path: str | os.PathLike[str], *, sha256: str | None = None) -> tuple[Head, dict[str, Any]]:
    """Read what :func:`write_head` wrote: the head, on the CPU, in eval mode, parameters frozen; and the header.

    Args:
        path: the file.
        sha256: what the file's digest must be; None: any.

    Raises:
        WeightsError: no such file, another hash, damaged, or not a head of this package.
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
    return _parsed(content, path.name)


def is_head(path: str | os.PathLike[str]) -> bool:
    """Whether the file can be read and its header says that it is a head's."""
    try:
        with Path(path).open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            return _KEY in (json.loads(file.read(min(length, 1 << 20))).get("__metadata__") or {})
    except (OSError, ValueError, AttributeError):
        return False


def _parsed(content: bytes, name: str) -> tuple[Head, dict[str, Any]]:
    try:
        tensors = parse_safetensors(content)
    except SafetensorError as error:
        raise WeightsError(f"The head {name!r} is not a whole safetensors file ({error}).") from error
    length = int.from_bytes(content[:8], "little")
    free = json.loads(content[8 : 8 + length]).get("__metadata__", {})
    if _KEY not in free:
        raise WeightsError(f"The file {name!r} carries no header of a certiqa head.")
    try:
        header = json.loads(free[_KEY])
        head = Head(HeadShape(**header["shape"]))
        head.load_state_dict(tensors)
        head.front_end_digest = str(header["front_end_digest"])
        head.certified_sigma, head.certified_n = float(header["certified_sigma"]), int(header["certified_n"])
    except (CertiqaError, RuntimeError, KeyError, TypeError, ValueError) as error:
        text = " ".join(str(error).split())[:300]
        raise WeightsError(f"The head {name!r} does not fit its header: {text}") from error
    if not all(bool(torch.isfinite(value).all()) for value in tensors.values()):
        raise WeightsError(f"The head {name!r} holds values that are NaN or infinite.")
    return head.requires_grad_(False).eval(), header
