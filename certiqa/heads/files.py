"""Weight files of heads: safetensors whose header names the shape, the front end and the noise level."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from certiqa.errors import CertiqaError, WeightsError
from certiqa.heads.network import Head, HeadShape
from certiqa.heads.weight_file import read_weights, write_weights

__all__ = ["is_head", "read_head", "write_head"]

_KEY = "certiqa-head"


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
    return write_weights(head, _KEY, header, path)


def read_head(path: str | os.PathLike[str], *, sha256: str | None = None) -> tuple[Head, dict[str, Any]]:
    """Read what :func:`write_head` wrote: the head, on the CPU, in eval mode, parameters frozen; and the header.

    Args:
        path: the file.
        sha256: what the file's digest must be; None: any.

    Raises:
        WeightsError: no such file, another hash, damaged, or not a head of this package.
    """
    tensors, header = read_weights(path, _KEY, sha256)
    try:
        head = Head(HeadShape(**header["shape"]))
        head.load_state_dict(tensors)
        head.front_end_digest = str(header["front_end_digest"])
        head.certified_sigma, head.certified_n = float(header["certified_sigma"]), int(header["certified_n"])
    except (CertiqaError, RuntimeError, KeyError, TypeError, ValueError) as error:
        text = " ".join(str(error).split())[:300]
        raise WeightsError(f"The head {os.fspath(path)!r} does not fit its header: {text}") from error
    return head.requires_grad_(False).eval(), header


def is_head(path: str | os.PathLike[str]) -> bool:
    """Whether the file can be read and its header says that it is a head's."""
    try:
        with Path(path).open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            return _KEY in (json.loads(file.read(min(length, 1 << 20))).get("__metadata__") or {})
    except (OSError, ValueError, AttributeError):
        return False
