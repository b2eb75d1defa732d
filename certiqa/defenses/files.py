"""Weight files of defended metrics; :mod:`certiqa.metrics.tuned` reads them."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from safetensors.torch import save as safetensors_bytes
from torch import nn

from certiqa.metrics.tuned import HEADER, TunedCard
from certiqa.training.files import replace_file

__all__ = ["write_defense"]


def write_defense(network: nn.Module, card: TunedCard, path: str | os.PathLike[str]) -> str:
    """Write weights and card, atomically; the sha256 of the file. Equal weights and cards are equal bytes.

    Raises:
        InputError: the file cannot be written.
    """
    tensors = {name: value.detach().cpu().contiguous().clone() for name, value in network.state_dict().items()}
    content = safetensors_bytes(tensors, {HEADER: card.to_json()})
    replace_file(Path(path), content)
    return hashlib.sha256(content).hexdigest()
