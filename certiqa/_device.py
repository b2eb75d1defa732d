"""The rule for devices, written once."""

from __future__ import annotations

import torch

from certiqa.errors import InputError

__all__ = ["device_here"]


def device_here(device: object) -> torch.device:
    """``device`` as torch knows it, after a tensor has been made there.

    Raises:
        InputError: no such device here.

    >>> device_here("cpu")
    device(type='cpu')
    """
    try:
        wanted = torch.device(device)  # type: ignore[call-overload]
        torch.empty(1, device=wanted)
    except (RuntimeError, TypeError, AssertionError, NotImplementedError, ImportError) as error:
        reason = " ".join(str(error).split())[:120]
        message = f"must be a device that is here ({reason})"
        raise InputError.of("device", message, str(device), "Try device='cpu'.") from error
    found: torch.device = wanted
    return found
