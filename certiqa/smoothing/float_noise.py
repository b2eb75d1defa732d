"""FloatNoise: Gaussian noise in float32 (stream 2 of :mod:`certiqa.smoothing.noise`)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
import torch
from numpy.typing import NDArray

from certiqa.smoothing.drawing import CHUNK, check_noise, check_values, empty_batch, on_host
from certiqa.smoothing.philox import Key, take_words, tiles, torch_words, words

__all__ = ["FloatNoise"]


@final
@dataclass(frozen=True)
class FloatNoise:
    """Gaussian noise in float32, for images off the 8-bit grid: the usual practice, with its usual assumption.

    Args:
        sigma: standard deviation, images in [0, 1]; 0 < sigma <= 4.
        key: two integers in [0, 2**64), from :func:`noise_key`.

    Raises:
        InputError: sigma or key breaks its rule.

    >>> noise = FloatNoise(0.12, (1, 2))
    >>> noise.noisy(torch.rand(3, 5, 7), start=0, count=2, clip=False).shape
    torch.Size([2, 3, 5, 7])
    """

    name: ClassVar[str] = "float32"
    assumption: ClassVar[str] = (
        "Float arithmetic is assumed to be exact: the rounding of x + z in float32 may leak x (Voracek and Hein 2023, "
        "arXiv 2207.07209), and the noise, made from 32-bit uniforms, ends at 6.8 sigma. The bits of Philox4x64-10, "
        "under a key that the attacker does not know, are assumed to be indistinguishable from uniform bits."
    )
    sigma: float
    key: Key

    def __post_init__(self) -> None:
        check_noise(self, self.sigma, self.key)

    def tv_slack(self, dimension: int) -> float:
        """Return 0: what float arithmetic costs is assumed away, see ``assumption``."""
        return 0.0

    def draw(self, index: int, size: int) -> NDArray[np.float32]:
        """Draw the noise of sample ``index``: float32 (size,). This is the reference."""
        out = torch.empty(size, dtype=torch.float32)  # whatever torch's default dtype is
        for part, z in self._parts(index, size):
            out[part] = z
        return out.numpy()

    def _parts(self, index: int, size: int) -> Iterator[tuple[slice, torch.Tensor]]:
        """Yield one sample's noise chunk by chunk."""
        bits = words(self.key, index, 2)
        for first in range(0, size, CHUNK):
            length = min(CHUNK, size - first)
            raw = torch.from_numpy(take_words(bits, (length + 1) // 2).view(np.int64))
            yield slice(first, first + length), self._transform(raw)[:length]

    def _transform(self, raw: torch.Tensor) -> torch.Tensor:
        """Box and Muller: words int64 (..., n) -> noise float32 (..., 2n)."""
        radius = ((raw >> 32) & 0xFFFFFFFF).double().add_(0.5).mul_(2.0**-32)
        radius.log_().mul_(-2.0).sqrt_().mul_(self.sigma)
        angle = (raw & 0xFFFFFFFF).double().add_(0.5).mul_(2.0**-31 * math.pi)
        z = torch.empty((*raw.shape, 2), dtype=torch.float32, device=raw.device)
        z[..., 0] = angle.cos().mul_(radius)
        z[..., 1] = angle.sin_().mul_(radius)
        return z.flatten(-2)

    def torch_draw(self, index_start: int, count: int, size: int, device: torch.device | str = "cpu") -> torch.Tensor:
        """Draw samples ``index_start .. index_start + count - 1`` on a torch device: float32 (count, size).

        The rows of :meth:`draw`, up to the rounding of log, cos and sin on the device (at most one float32 ulp).
        """
        out = torch.empty((count, size), dtype=torch.float32, device=device)
        for rows, columns, samples, blocks in tiles(index_start, count, size, 8, out.device):
            z = self._transform(torch_words(self.key, blocks, samples, stream=2).flatten(1))
            out[rows, columns] = z[:, : columns.stop - columns.start]
        return out

    def noisy(self, pixels: NDArray[Any] | torch.Tensor, start: int, count: int, *, clip: bool) -> torch.Tensor:
        """Draw noisy copies of a float32 image; as :meth:`LatticeNoise.noisy`, with pixels in [0, 1].

        Returns:
            float32 (count, 3, H, W), on the device of ``pixels``: x + sigma * g, rounded to float32.

        Raises:
            InputError: pixels, start or count breaks its rule.
        """
        x, device = check_values(pixels, torch.float32, start, count)
        if on_host(x):
            out = empty_batch(count, x)
            flat, base = out.view(count, -1), x.reshape(-1)
            for row in range(count):
                for part, z in self._parts(start + row, base.numel()):
                    torch.add(base[part], z, out=flat[row, part])
                    if clip:
                        flat[row, part].clamp_(0, 1)
            return out.to(device)
        out = self.torch_draw(start, count, x.numel(), x.device).view(count, *x.shape).add_(x)
        return out.clamp_(0, 1) if clip else out
