"""LatticeNoise: exact Gaussian noise in whole grey levels (streams 0 and 1 of :mod:`certiqa.smoothing.noise`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
import torch
from numpy.typing import NDArray

from certiqa.smoothing.drawing import CHUNK, check_noise, check_values, empty_batch, for_each, on_host
from certiqa.smoothing.lattice import lattice_law, torch_law, tv_slack
from certiqa.smoothing.philox import Key, lanes16, take_words, tiles, torch_words, words

__all__ = ["LatticeNoise"]

_RESOLVED = 1 << 22  # elements whose ambiguous draws are resolved at a time on a torch device


@final
@dataclass(frozen=True)
class LatticeNoise:
    """Gaussian noise rounded to whole grey levels, for images on the 8-bit grid.

    Guarantee: for an 8-bit image x (0..255), ``x + z`` has the law of ``round(255 (x/255 + sigma g))``, which sees
    only ``x/255 + sigma g``, so the median-smoothing theorem applies to it exactly; no float rounding leaks x. The
    64-bit discretisation is off by :meth:`tv_slack` and no more.

    Args:
        sigma: standard deviation, images in [0, 1]; 0 < sigma <= 4.
        key: two integers in [0, 2**64), from :func:`noise_key`.

    Raises:
        InputError: sigma or key breaks its rule.

    >>> from certiqa.smoothing.philox import noise_key
    >>> noise = LatticeNoise(0.12, noise_key(7, "00" * 32))
    >>> image = np.full((3, 5, 7), 128, dtype=np.uint8)
    >>> batch = noise.noisy(image, start=0, count=4, clip=True)
    >>> batch.shape, torch.equal(noise.noisy(image, start=3, count=1, clip=True), batch[3:])
    (torch.Size([4, 3, 5, 7]), True)
    """

    name: ClassVar[str] = "lattice-8bit"
    assumption: ClassVar[str] = (
        "Exact for attacked images that are themselves 8-bit images, and for any attacked image whose noisy version is "
        "rounded to the 8-bit grid before it is scored. The bits of Philox4x64-10, under a key that the attacker does "
        "not know, are assumed to be indistinguishable from uniform bits."
    )
    sigma: float
    key: Key

    def __post_init__(self) -> None:
        check_noise(self, self.sigma, self.key)

    def tv_slack(self, dimension: int) -> float:
        """Bound the total variation between one sample's noise and the rounded Gaussian, for ``dimension`` elements."""
        return tv_slack(self.sigma, dimension)

    def draw(self, index: int, size: int) -> NDArray[np.int16]:
        """Draw the noise of sample ``index``, in grey levels: int16 (size,). This is the reference."""
        out = np.empty(size, dtype=np.int16)
        for part, z in self._parts(index, size):
            out[part] = z
        return out

    def _parts(self, index: int, size: int) -> Iterator[tuple[slice, NDArray[np.int16]]]:
        """Yield one sample's noise chunk by chunk, in a buffer that is reused."""
        law = lattice_law(self.sigma)
        coarse, fine = words(self.key, index, 0), words(self.key, index, 1)
        buffer = np.empty(min(size, CHUNK), dtype=np.int16)
        for first in range(0, size, CHUNK):
            z = buffer[: size - first]
            lanes = lanes16(take_words(coarse, -(-z.size // 16) * 4))[: z.size]
            law.place(lanes, z, lambda k: take_words(fine, k))
            yield slice(first, first + z.size), z

    def torch_draw(self, index_start: int, count: int, size: int, device: torch.device | str = "cpu") -> torch.Tensor:
        """Draw samples ``index_start .. index_start + count - 1`` on a torch device: int16 (count, size).

        Bit for bit the rows of :meth:`draw`. Memory beyond the result is bounded (about 150 MB).

        >>> noise = LatticeNoise(0.12, (1, 2))
        >>> np.array_equal(noise.torch_draw(5, 2, 100)[1].numpy(), noise.draw(6, 100))
        True
        """
        device = torch.device(device)
        law = torch_law(self.sigma, device)
        out = torch.empty((count, size), dtype=torch.int16, device=device)
        for rows, columns, samples, blocks in tiles(index_start, count, size, 16, device):
            raw = torch_words(self.key, blocks, samples, stream=0)
            lanes = torch.stack([law.table[(raw >> shift) & 0xFFFF] for shift in (0, 16, 32, 48)], dim=-1)
            out[rows, columns] = lanes.flatten(1)[:, : columns.stop - columns.start]
        for first in range(0, count, step := max(1, _RESOLVED // max(size, 1))):
            z = out[first : first + step]
            row, column = law.ambiguous(z).nonzero(as_tuple=True)
            per_row = torch.bincount(row, minlength=len(z))
            rank = torch.arange(len(row), device=device) - (per_row.cumsum(0) - per_row)[row]
            raw = torch_words(self.key, rank // 4 + 1, row + (index_start + first), stream=1)
            z[row, column] = law.refine(z[row, column], raw.gather(1, (rank % 4)[:, None])[:, 0])
        return out

    def noisy(self, pixels: NDArray[Any] | torch.Tensor, start: int, count: int, *, clip: bool) -> torch.Tensor:
        """Draw noisy copies of an 8-bit image.

        Args:
            pixels: uint8 (3, H, W), NumPy or torch.
            start: index of the first sample, >= 0.
            count: how many, >= 1.
            clip: clamp to [0, 1] (in integers: to 0..255).

        Returns:
            float32 (count, 3, H, W) of (x + z) / 255 with correctly rounded quotients: without noise, exactly
            ``k / 255``. On the device of ``pixels``; a CPU draws with as many threads as torch is set to.

        Raises:
            InputError: pixels, start or count breaks its rule.
        """
        x, device = check_values(pixels, torch.uint8, start, count)
        if not on_host(x):
            z = self.torch_draw(start, count, x.numel(), x.device).view(count, *x.shape).add_(x)
            # a tensor, not a number: CUDA divides by a number through its reciprocal, which rounds differently
            return (z.clamp_(0, 255) if clip else z).float().div_(torch.full((), 255.0, device=x.device))
        out = empty_batch(count, x)
        flat, grey = out.numpy().reshape(count, -1), x.numpy().astype(np.int16).reshape(-1)

        def one(row: int) -> None:
            for part, z in self._parts(start + row, grey.size):
                np.add(z, grey[part], out=z)
                if clip:
                    np.clip(z, 0, 255, out=z)
                np.divide(z, np.float32(255), out=flat[row, part], dtype=np.float32)

        for_each(one, count, grey.size)
        return out.to(device)
