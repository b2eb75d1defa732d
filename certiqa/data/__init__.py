"""Pictures and data sets."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from certiqa.data.sets.registry import open_dataset

__all__ = ["open_dataset"]


def __getattr__(name: str) -> object:
    if name == "open_dataset":
        from certiqa.data.sets.registry import open_dataset

        return open_dataset
    raise AttributeError(f"module 'certiqa.data' has no attribute {name!r}")
