"""Weight files of additive heads: safetensors whose header names the front end."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as parse_safetensors
from safetensors.torch import save as safetensors_bytes

from certiqa.errors import CertiqaError, WeightsError
from certiqa.heads.additive import AdditiveHead
from certiqa.training.files import replace_file

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
    tensors = {name: value.detach().cpu().contiguous() for name, value in head.state_dict().items()}
    content = safetensors_bytes(tensors, {_KEY: json.dumps(header, sort_keys=True)})
    replace_file(Path(path), content)
    return hashlib.sha256(content).hexdigest()


def read_additive(path: str | os.PathLike[str], *, sha256: str | None = None) -> tuple[AdditiveHead, dict[str, Any]]:
    """Read what :func:`write_additive` wrote: the head, on the CPU, in eval mode, parameters frozen; and the header.

    Args:
        path: the file.
        sha256: what the file's digest must be; None: any.

    Raises:
        WeightsError: no such file, another hash, damaged, or not an additive head.
    """
    path = Path(path)
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
        length = int.from_bytes(content[:8], "little")
        header = json.loads(json.loads(content[8 : 8 + length]).get("__metadata__", {})[_KEY])
        head = AdditiveHead(*tensors["slopes"].shape)
        head.load_state_dict(tensors)
        head.check()
        head.front_end_digest = str(header["front_end_digest"])
    except (SafetensorError, CertiqaError, RuntimeError, KeyError, TypeError, ValueError) as error:
        text = " ".join(str(error).split())[:300]
        raise WeightsError(f"The file {path.name!r} is not that of an additive head: {text}") from error
    return head.requires_grad_(False).eval(), header
