"""FineNoise: exact Gaussian noise in whole steps of a fine grid (stream 3 of :mod:`certiqa.smoothing.noise`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
import torch
from numpy.typing import NDArray

from certiqa.frontends.grid import subdivision
from certiqa.smoothing.drawing import check_noise, check_values, empty_batch, for_each, on_host
from certiqa.smoothing.fine_lattice import fine_law, fine_tv_slack, torch_fine_law
from certiqa.smoothing.philox import Key, take_words, tiles, torch_words, words

__all__ = ["FineNoise"]

_CHUNK = 1 << 16  # elements drawn at a time: their words and values stay in the L2 cache
_STREAM = 3


@final
@dataclass(frozen=True)
class FineNoise:
    """Gaussian noise rounded to a grid of step 1/(255 k), for working images on that grid; k = subdivision(sigma).

    Guarantee: for an image x in whole steps, 0..255 k, ``x + z`` has the law of
    ``round(255 k (x/(255 k) + sigma g))``, which sees only ``x/(255 k) + sigma g``, so the median-smoothing theorem
    applies to it exactly, as for :class:`~certiqa.smoothing.lattice_noise.LatticeNoise`. The 64-bit discretisation is
    off by :meth:`tv_slack` and no more.

    Args:
        sigma: standard deviation, images in [0, 1]; 0 < sigma <= 4.
        key: two integers in [0, 2**64), from :func:`noise_key`.

    Raises:
        InputError: sigma or key breaks its rule.

    >>> noise = FineNoise(0.01, (1, 2))
    >>> image = np.full((3, 5, 7), noise.white // 2, dtype=np.int32)
    >>> batch = noise.noisy(image, start=0, count=4, clip=True)
    >>> batch.shape, torch.equal(noise.noisy(image, start=3, count=1, clip=True), batch[3:])
    (torch.Size([4, 3, 5, 7]), True)
    """

    name: ClassVar[str] = "lattice-fine"
    assumption: ClassVar[str] = (
        "Exact for any attacked image, 8-bit or float32 as certiqa reads it, that is resized and put on the grid as "
        "this one was. The bits of Philox4x64-10, under a key that the attacker does not know, are assumed to be "
        "indistinguishable from uniform bits."
    )
    sigma: float
    key: Key

    def __post_init__(self) -> None:
        check_noise(self, self.sigma, self.key)

    @property
    def white(self) -> int:
        """The intensity 1 in steps of the grid, 255 k."""
        return 255 * subdivision(self.sigma)

    def tv_slack(self, dimension: int) -> float:
        """Bound the total variation between one sample's noise and the rounded Gaussian, for ``dimension`` elements."""
        return fine_tv_slack(self.sigma, dimension)

    def draw(self, index: int, size: int) -> NDArray[np.int32]:
        """Draw the noise of sample ``index``, in steps: int32 (size,). This is the reference."""
        out = np.empty(size, dtype=np.int32)
        for part, z in self._parts(index, size):
            out[part] = z
        return out

    def _parts(self, index: int, size: int) -> Iterator[tuple[slice, NDArray[np.int32]]]:
        """Yield one sample's noise chunk by chunk, in a buffer that is reused."""
        law, bits = fine_law(self.sigma), words(self.key, index, _STREAM)
        buffer = np.empty(min(size, _CHUNK), dtype=np.int32)
        for first in range(0, size, _CHUNK):
            z = buffer[: size - first]
            law.place(take_words(bits, z.size), z)
            yield slice(first, first + z.size), z

    def torch_draw(self, index_start: int, count: int, size: int, device: torch.device | str = "cpu") -> torch.Tensor:
        """Draw samples ``index_start .. index_start + count - 1`` on a torch device: int32 (count, size).

        Bit for bit the rows of :meth:`draw`.

        >>> noise = FineNoise(0.01, (1, 2))
        >>> np.array_equal(noise.torch_draw(5, 2, 100)[1].numpy(), noise.draw(6, 100))
        True
        """
        device = torch.device(device)
        law = torch_fine_law(self.sigma, device)
        out = torch.empty((count, size), dtype=torch.int32, device=device)
        for rows, columns, samples, blocks in tiles(index_start, count, size, 4, device):
            z = law.place(torch_words(self.key, blocks, samples, _STREAM).flatten(1))
            out[rows, columns] = z[:, : columns.stop - columns.start]
        return out

    def noisy(self, pixels: NDArray[Any] | torch.Tensor, start: int, count: int, *, clip: bool) -> torch.Tensor:
        """Draw noisy copies of a working image; as :meth:`LatticeNoise.noisy`, with pixels in steps of the grid.

        Args:
            pixels: int32 (3, h, w), 0..:attr:`white`, NumPy or torch.
            start: index of the first sample, >= 0.
            count: how many, >= 1.
            clip: clamp to [0, 1] (in integers).

        Returns:
            float32 (count, 3, h, w) of (x + z) / (255 k), on the device of ``pixels``.

        Raises:
            InputError: pixels, start or count breaks its rule.
        """
        x, device = check_values(pixels, torch.int32, start, count)
        white = self.white
        if not on_host(x):
            z = self.torch_draw(start, count, x.numel(), x.device).view(count, *x.shape).add_(x)
            # a tensor, not a number: CUDA divides by a number through its reciprocal, which rounds differently
            return (z.clamp_(0, white) if clip else z).float().div_(torch.full((), float(white), device=x.device))
        out = empty_batch(count, x)
        flat, base = out.numpy().reshape(count, -1), x.numpy().reshape(-1)

        def one(row: int) -> None:
            for part, z in self._parts(start + row, base.size):
                np.add(z, base[part], out=z)
                if clip:
                    np.clip(z, 0, white, out=z)
                np.divide(z, np.float32(white), out=flat[row, part], dtype=np.float32, casting="same_kind")

        for_each(one, count, base.size)
        return out.to(device)
