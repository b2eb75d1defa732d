"""A universal pattern: its pixels, its card, its file."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as safetensors_bytes
from torch import Tensor

from certiqa.errors import InputError, WeightsError

__all__ = ["UniversalPattern"]

_KEY = "certiqa-uap"


@final
@dataclass(frozen=True, eq=False)
class UniversalPattern:
    """One square pattern that is added to any image, tiled from the top left corner.

    Attributes:
        pixels: (3,S,S) float32, changes of intensities; |pixels| <= the card's "amplitude".
        card: how it was made: "objective", "model", "amplitude", "size", "images", ... as plain JSON values.

    >>> pattern = UniversalPattern(torch.ones(3, 4, 4), {"objective": "raise"})
    >>> pattern.tiled(6, 9).shape
    torch.Size([3, 6, 9])
    """

    pixels: Tensor = field(repr=False)
    card: dict[str, Any]

    def __post_init__(self) -> None:
        pixels = self.pixels
        good = isinstance(pixels, Tensor) and pixels.ndim == 3 and len(pixels) == 3 and pixels.is_floating_point()
        if not good or not bool(torch.isfinite(pixels).all()) or not bool((pixels != 0).any()):
            found = tuple(pixels.shape) if isinstance(pixels, Tensor) else pixels
            rule = "must be a finite float tensor (3,S,S) that is not 0 everywhere"
            raise InputError.of("pixels", rule, found, "Make one with attacks.train_uap.")
        object.__setattr__(self, "pixels", pixels.detach().float().cpu().clone())

    def tiled(self, height: int, width: int) -> Tensor:
        """(3,height,width): the pattern repeated from the top left corner."""
        return tile(self.pixels, height, width)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write a safetensors file whose header carries the card; equal patterns and cards are equal bytes.

        A file of that name is replaced.

        Raises:
            InputError: the file cannot be written.
        """
        target = Path(path)
        content = safetensors_bytes({"pixels": self.pixels.contiguous()}, {_KEY: json.dumps(self.card, sort_keys=True)})
        try:
            target.write_bytes(content)
        except OSError as error:
            rule = f"must be a file that can be written ({error.strerror})"
            raise InputError.of("path", rule, str(path)) from error
        return target

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> UniversalPattern:
        """Read what :meth:`save` wrote.

        Raises:
            WeightsError: no such file, damaged, or no universal pattern.
        """
        name = os.fspath(path)
        try:
            with safe_open(name, framework="pt") as file:
                card = json.loads((file.metadata() or {})[_KEY])
                return cls(file.get_tensor("pixels"), card)
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            text = " ".join(str(error).split())[:200]
            raise WeightsError(
                f"The file {name!r} must be a universal pattern that attacks.train_uap(...).save(path) wrote. "
                f"Got {type(error).__name__}: {text}."
            ) from error


def tile(pixels: Tensor, height: int, width: int) -> Tensor:
    """Repeat (3,S,S) from the top left corner to (3,height,width); differentiable."""
    side = pixels.shape[-1]
    return pixels.repeat(1, -(-height // side), -(-width // side))[:, :height, :width]
