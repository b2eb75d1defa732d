"""The published checkpoint: its format, how it is read, and how its names become the network's."""

from __future__ import annotations

import hashlib
import math
import os
import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from certiqa.errors import WeightsError
from certiqa.metrics.linearityiqa.linear_map import LinearMap
from certiqa.metrics.linearityiqa.network import LinearityIQA

__all__ = ["SOURCE", "Checkpoint", "from_checkpoint", "read_checkpoint", "to_checkpoint"]

SOURCE = "https://github.com/lidq92/LinearityIQA"

_NAMES = {  # published: here. The published backbone is torchvision's, its children counted; 2 and 3 have no parameters
    "features.0.": "backbone.conv1.",
    "features.1.": "backbone.bn1.",
    "features.4.": "backbone.layer1.",
    "features.5.": "backbone.layer2.",
    "features.6.": "backbone.layer3.",
    "features.7.": "backbone.layer4.",
    "dr6.": "reduce3.",
    "dr7.": "reduce4.",
    "regr6.": "predict3.",
    "regr7.": "predict4.",
    "regression.": "predict.",
}


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint file holds that a metric needs.

    Attributes:
        tensors: parameters and buffers by their published names, on the CPU.
        maps: from raw predictions to human scores: of both stages, of stage 3, of stage 4.
        sha256: of the file.
    """

    tensors: Mapping[str, Tensor]
    maps: tuple[LinearMap, LinearMap, LinearMap]
    sha256: str


def read_checkpoint(path: str | os.PathLike[str]) -> Checkpoint:
    """Read a checkpoint of the published format; nothing in it is executed.

    The format: torch.save of a dict with "model" (the state dict), "k" and "b" (three numbers each: slope and intercept
    of the prediction from both stages, from stage 3, from stage 4), and what training left besides ("optimizer",
    "amp"), which is ignored. It is read with ``weights_only=True``; for k and b NumPy's floats and float arrays are let
    through besides, and nothing else.

    Raises:
        WeightsError: the file is missing, is no such checkpoint, or holds more than numbers.
    """
    try:
        with open(path, "rb") as file, torch.serialization.safe_globals(_numpy_numbers()):
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            content = torch.load(file, map_location="cpu", weights_only=True)
    except OSError as error:
        raise _refusal(path, f"cannot be read ({error.strerror or error})") from error
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split())[:160]
        raise _refusal(path, f"is no file of torch.save that holds only tensors and numbers ({reason})") from error
    if not isinstance(content, dict) or not {"model", "k", "b"} <= content.keys():
        found = ", ".join(map(repr, list(content)[:6])) if isinstance(content, dict) else type(content).__name__
        raise _refusal(path, f"must be a dict with 'model', 'k' and 'b'. Got {found or 'an empty dict'} instead")
    model = content["model"]
    if not isinstance(model, Mapping) or not all(isinstance(tensor, Tensor) for tensor in model.values()):
        raise _refusal(path, "must hold a dict of tensors under 'model'")
    slopes, intercepts = _three(content["k"], "k", path), _three(content["b"], "b", path)
    both, stage3, stage4 = map(LinearMap, slopes, intercepts)
    return Checkpoint(dict(model), (both, stage3, stage4), sha256)


def from_checkpoint(metric: LinearityIQA, checkpoint: Checkpoint) -> None:
    """Put a checkpoint's tensors, as float32, and its linear maps into a network, which may share their memory.

    Raises:
        WeightsError: names are missing or too many, or a shape does not fit; the first few are named, as published.
    """
    wanted = _named_as_published(metric)
    given = checkpoint.tensors
    missing = [name for name in wanted if name not in given]
    unexpected = [name for name in given if name not in wanted]
    shapes = [
        f"{name} {tuple(given[name].shape)} instead of {tuple(tensor.shape)}"
        for name, tensor in wanted.items()
        if name in given and given[name].shape != tensor.shape
    ]
    if missing or unexpected or shapes:
        parts = (_few("missing", missing), _few("unexpected", unexpected), _few("shapes", shapes))
        raise WeightsError(
            f"The checkpoint does not fit this LinearityIQA: {'; '.join(part for part in parts if part)}. "
            f"Pass a checkpoint of {SOURCE} for resnext101_32x8d; one that was trained with other options needs "
            "load_linearityiqa(..., pool=, levels=, bn_end=)."
        )
    tensors = {_own(name): tensor.float() if tensor.is_floating_point() else tensor for name, tensor in given.items()}
    tensors["slope"] = torch.tensor([one.slope for one in checkpoint.maps])
    tensors["intercept"] = torch.tensor([one.intercept for one in checkpoint.maps])
    metric.load_state_dict(tensors, assign=True)


def to_checkpoint(metric: LinearityIQA) -> dict[str, Any]:
    """The dict to ``torch.save`` as a checkpoint of the published format, which :func:`read_checkpoint` reads."""
    maps = metric.linear_maps()
    return {
        "model": _named_as_published(metric),
        "k": [one.slope for one in maps],
        "b": [one.intercept for one in maps],
    }


def _named_as_published(metric: LinearityIQA) -> dict[str, Tensor]:
    """The state dict by its published names, without the linear maps, which a checkpoint holds as k and b."""
    state = metric.state_dict()
    return {_published(name): tensor for name, tensor in state.items() if name not in ("slope", "intercept")}


def _own(name: str) -> str:
    """The name of a published parameter here.

    >>> _own("features.4.0.conv1.weight")
    'backbone.layer1.0.conv1.weight'
    """
    return next((new + name.removeprefix(old) for old, new in _NAMES.items() if name.startswith(old)), name)


def _published(name: str) -> str:
    """The name of a parameter in the published checkpoints.

    >>> _published("predict.weight")
    'regression.weight'
    """
    return next((old + name.removeprefix(new) for old, new in _NAMES.items() if name.startswith(new)), name)


def _numpy_numbers() -> list[Any]:
    """What NumPy's float32 and float64 scalars and arrays are rebuilt from, by the names of NumPy 1 and of NumPy 2."""
    rebuild: dict[str, Any] = {"scalar": np.float64(0).__reduce__()[0], "_reconstruct": np.zeros(0).__reduce__()[0]}
    named = [(function, f"{core}.multiarray.{name}") for name, function in rebuild.items() for core in _NUMPY_CORES]
    return [*named, np.dtype, np.ndarray, type(np.dtype(np.float64)), type(np.dtype(np.float32))]


_NUMPY_CORES = ("numpy.core", "numpy._core")


def _three(values: Any, name: str, path: str | os.PathLike[str]) -> tuple[float, float, float]:
    try:
        numbers = tuple(float(value) for value in values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise _refusal(path, f"must hold three numbers under {name!r}") from error
    if len(numbers) != 3 or not all(map(math.isfinite, numbers)):
        raise _refusal(path, f"must hold three finite numbers under {name!r}. Got {numbers!r:.80} instead")
    return numbers


def _few(what: str, names: list[str]) -> str:
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return f"{what}: {shown}" if names else ""


def _refusal(path: str | os.PathLike[str], reason: str) -> WeightsError:
    return WeightsError(
        f"The LinearityIQA checkpoint {os.fspath(path)!r} {reason}. "
        f"Pass weights=PATH of a checkpoint that {SOURCE} links to, such as p1q2.pth."
    )
