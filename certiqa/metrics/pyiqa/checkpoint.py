"""A weight file of the user's own, read without running code that it might hold."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse_safetensors
from torch import Tensor, nn

from certiqa.errors import InputError, WeightsError

__all__ = ["Checkpoint", "read_checkpoint"]


@dataclass(frozen=True)
class Checkpoint:
    """What a weight file holds.

    Attributes:
        path: where it was read.
        sha256: of its bytes.
        content: a state dictionary, or one tensor (the learned prompts of CLIP-IQA+).
    """

    path: Path
    sha256: str
    content: Mapping[str, Any] | Tensor = field(repr=False)

    def put_into(self, net: nn.Module, name: str) -> None:
        """Give the network these weights; every one must be there and fit.

        Raises:
            InputError: the network has no weights of its own.
            WeightsError: names or shapes differ.
        """
        if not net.state_dict():
            raise InputError.of("weights", f"must not be given: {name} has no weights of its own", str(self.path))
        try:
            if isinstance(self.content, Tensor):
                _prompts(net).data.copy_(_of_shape(self.content, _prompts(net)))
            else:
                net.load_state_dict(_state(self.content), strict=True)
        except (RuntimeError, AttributeError, ValueError) as error:
            text = " ".join(str(error).split())[:300]
            raise WeightsError(f"The weight file {str(self.path)!r} does not fit {name}: {text}") from error


def read_checkpoint(path: str | os.PathLike[str]) -> Checkpoint:
    """Read ``.safetensors``, or what torch.save wrote (tensors and plain containers only).

    Raises:
        WeightsError: no such file, or not such a file.
    """
    place = Path(path)
    try:
        data = place.read_bytes()
    except OSError as error:
        raise WeightsError(f"The weight file {str(place)!r} cannot be read: {error.strerror or error}.") from error
    try:
        content = _parse(place, data)
    except (pickle.UnpicklingError, SafetensorError, RuntimeError, ValueError, EOFError) as error:
        reason = " ".join(str(error).split())[:160]
        raise WeightsError(f"The weight file {str(place)!r} holds no plain tensors: {reason}") from error
    if not isinstance(content, Mapping | Tensor):
        raise WeightsError(
            f"The weight file {str(place)!r} must hold a state dictionary. Got {type(content).__name__}."
        )
    return Checkpoint(place, hashlib.sha256(data).hexdigest(), content)


def _parse(place: Path, data: bytes) -> Any:
    if place.suffix == ".safetensors":
        return parse_safetensors(data)
    return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)


def _state(content: Mapping[str, Any]) -> dict[str, Any]:
    """The state dictionary itself: out of pyiqa's wrapping, and without the prefix of parallel training."""
    for key in ("params", "state_dict"):
        if isinstance(content.get(key), Mapping):
            content = content[key]
    return {str(name).removeprefix("module."): value for name, value in content.items()}


def _prompts(net: nn.Module) -> Tensor:
    found: Tensor = net.prompt_learner.ctx  # type: ignore[union-attr, assignment]
    return found


def _of_shape(tensor: Tensor, like: Tensor) -> Tensor:
    if tensor.shape != like.shape:
        raise ValueError(f"prompts of shape {tuple(tensor.shape)} instead of {tuple(like.shape)}")
    return tensor
