"""Weight files of additive heads: safetensors whose header names the front end."""

from __future__ import annotations

import os
from typing import Any

from certiqa.errors import CertiqaError, WeightsError
from certiqa.heads.additive import AdditiveHead
from certiqa.heads.weight_file import read_weights, write_weights

__all__ = ["read_additive", "write_additive"]

_KEY = "certiqa-additive-head"


def write_additive(
    head: AdditiveHead, front_end: dict[str, Any], training: dict[str, Any], path: str | os.PathLike[str]
) -> str:
    """Write a head, atomically; the sha256 of the file. Equal heads and headers are equal bytes.

    Args:
        head: with its front_end_digest.
        front_end: the front end's to_dict().
        training: plain JSON values about where the weights come from.
        path: the file.

    Raises:
        InputError: the file cannot be written.
    """
    header = {"front_end": front_end, "front_end_digest": head.front_end_digest, "training": training}
    return write_weights(head, _KEY, header, path)


def read_additive(path: str | os.PathLike[str], *, sha256: str | None = None) -> tuple[AdditiveHead, dict[str, Any]]:
    """Read what :func:`write_additive` wrote: the head, on the CPU, in eval mode, parameters frozen; and the header.

    Args:
        path: the file.
        sha256: what the file's digest must be; None: any.

    Raises:
        WeightsError: no such file, another hash, damaged, or not an additive head.
    """
    tensors, header = read_weights(path, _KEY, sha256)
    try:
        head = AdditiveHead(*tensors["slopes"].shape)
        head.load_state_dict(tensors)
        head.check()
        head.front_end_digest = str(header["front_end_digest"])
    except (CertiqaError, RuntimeError, KeyError, TypeError, ValueError) as error:
        text = " ".join(str(error).split())[:300]
        raise WeightsError(f"The file {os.fspath(path)!r} is not that of an additive head: {text}") from error
    return head.requires_grad_(False).eval(), header
