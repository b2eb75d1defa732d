"""Where a number comes from: hashes of models, versions of packages, the time."""

from __future__ import annotations

import hashlib
import platform
from datetime import UTC, datetime
from importlib import metadata

import torch
from torch import nn

from certiqa._version import __version__

__all__ = ["model_name", "model_sha256", "now", "versions"]


def versions() -> dict[str, str]:
    """Versions of everything that takes part in a score or a bound."""
    return {
        "certiqa": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        **{name: metadata.version(name) for name in ("torch", "numpy", "scipy", "pillow")},
    }


def now() -> str:
    """The time in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def model_name(model: object) -> str:
    """The name a metric gives itself, else that of its class or function."""
    name = getattr(model, "name", None)
    if isinstance(name, str):
        return name
    kind = model if hasattr(model, "__qualname__") else type(model)
    return f"{getattr(kind, '__module__', '?')}.{getattr(kind, '__qualname__', '?')}"


def model_sha256(model: object) -> str | None:
    """A digest of a module's class, parameters and buffers; None for a plain callable, which has no fingerprint."""
    if not isinstance(model, nn.Module):
        return None
    digest = hashlib.sha256(f"{type(model).__module__}.{type(model).__qualname__}".encode())
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"|{name}|{tensor.dtype}|{tuple(tensor.shape)}|".encode())
        digest.update(tensor.detach().to("cpu").contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
