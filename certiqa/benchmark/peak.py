"""The largest memory while something runs, where the system tells it: Linux for the process, CUDA for the device."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

__all__ = ["Peak"]


class Peak:
    """Counts from when it is made.

    Args:
        device: a torch.device.
    """

    def __init__(self, device: Any) -> None:
        self._device = device
        self._known = True
        if device.type == "cuda":
            import torch

            torch.cuda.reset_peak_memory_stats(device)
            return
        try:
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        except OSError:
            self._known = False

    def mebibytes(self) -> float | None:
        """So far; None where it is not known."""
        if self._device.type == "cuda":
            import torch

            return float(round(torch.cuda.max_memory_allocated(self._device) / 2**20, 1))
        if not self._known:
            return None
        try:
            found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
        except OSError:
            return None
        return round(int(found[1]) / 1024, 1) if found else None
