"""Where a number comes from: hashes of models, versions of packages, the time."""

from __future__ import annotations

import hashlib
import platform
from datetime import UTC, datetime
from importlib import metadata

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from certiqa._facts import model_name
from certiqa._version import __version__
from certiqa.errors import ModelError

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


def model_sha256(model: object) -> str | None:
    """A digest of a module's class, parameters and buffers (those outside of the state dict, too).

    None for what has no such fingerprint: a plain callable, or a module with state that is no plain tensor (quantised
    or sparse weights, extra state).

    Raises:
        ModelError: parameters that do not exist yet (lazy modules).
    """
    if not isinstance(model, nn.Module):
        return None
    state = dict(model.named_buffers()) | model.state_dict()
    if any(is_lazy(value) for value in state.values()):
        raise ModelError("The model has parameters that are not initialised yet. Run it once on an image first.")
    if not all(isinstance(v, Tensor) and v.layout == torch.strided and not v.is_quantized for v in state.values()):
        return None
    digest = hashlib.sha256(f"{type(model).__module__}.{type(model).__qualname__}".encode())
    for name, tensor in sorted(state.items()):
        digest.update(f"|{name}|{tensor.dtype}|{tuple(tensor.shape)}|".encode())
        values = tensor.detach().to("cpu").resolve_conj().resolve_neg().contiguous()
        digest.update(values.flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
