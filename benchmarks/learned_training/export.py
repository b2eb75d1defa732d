"""From trained maps to the weight file of certiqa.frontends.learned: orthogonal in float64, stored in float32."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file

from learned_training.network import Maps, Rotation, groups, start

__all__ = ["export"]


def export(maps: Maps, path: Path) -> None:
    """Write the weight file; the Cayley transforms are taken again in float64."""
    tensors: dict[str, np.ndarray] = {"group": groups(8).astype(np.int64)}
    for scale, side, first, deep in (
        ("fine", 8, maps.first, maps.deep),
        ("coarse", 4, maps.coarse_first, maps.coarse_deep),
    ):
        for index, stage in enumerate([first, *deep]):
            matrix = _rotation(stage)
            tensors[f"{scale}.{index}"] = (matrix if index else matrix @ start(side)[3:]).astype(np.float32)
            tensors[f"{scale}.{index}.bias"] = stage.bias.detach().numpy().astype(np.float32)
    save_file({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}, path)


def _rotation(stage: Rotation) -> np.ndarray:
    free = stage.free.detach().to(torch.float64).numpy()
    a = (free - free.T) / 2
    eye = np.eye(len(a))
    return np.linalg.solve(eye + a, eye - a)
