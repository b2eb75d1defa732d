"""EONSS (Wang et al., ICIAR 2019), a metric that no one here trained, from third-party tensors beside the repository.

    cd benchmarks && certiqa evaluate --model builtin --compare python:eonss:metric --part validation ...

``metric`` is built when it is asked for, from ../shared/weights/eonss.pt; EONSS_WEIGHTS names another file.
"""

from __future__ import annotations

import os
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Eonss", "load"]

WEIGHTS = Path(__file__).resolve().parents[2] / "shared" / "weights" / "eonss.pt"


class Eonss(nn.Module):
    """RGB in [0, 1], at least 235 pixels on each side -> the mean of the score map; higher is better."""

    name = "eonss"
    lower_better = False
    min_size = 235

    def __init__(self, weights: dict[str, Tensor]) -> None:
        super().__init__()
        for name, tensor in weights.items():
            self.register_buffer(name.replace(".", "_"), tensor)

    def conv(self, name: str, x: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
        return functional.conv2d(x, self.get_buffer(f"{name}_weight"), self.get_buffer(f"{name}_bias"), stride, padding)

    def gdn(self, name: str, x: Tensor) -> Tensor:
        gamma, beta = self.get_buffer(f"{name}_gamma"), self.get_buffer(f"{name}_beta")
        return x / functional.conv2d(x.square(), gamma.t()[:, :, None, None], beta).sqrt()

    def forward(self, x: Tensor) -> Tensor:
        for i, (stride, padding) in enumerate([(2, 2), (2, 2), (2, 2), (1, 0)], start=1):
            x = functional.max_pool2d(self.gdn(f"gdn{i}", self.conv(f"conv{i}", x, stride, padding)), 2)
        return self.conv("st2_fc2", self.gdn("st2_gdn1", self.conv("st2_fc1", x))).mean((1, 2, 3))


def load(path: Path) -> Eonss:
    """The network in eval mode."""
    return Eonss(torch.load(path, weights_only=True)).eval()


def __getattr__(name: str) -> Eonss:
    if name == "metric":
        return load(Path(os.environ.get("EONSS_WEIGHTS", WEIGHTS)))
    raise AttributeError(f"module 'eonss' has no attribute {name!r}")
