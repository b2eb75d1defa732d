"""VectorNoise: exact Gaussian noise on the numbers of a front end (stream 4 of :mod:`certiqa.smoothing.noise`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
import torch
from numpy.typing import NDArray

from certiqa.errors import InputError
from certiqa.frontends.grid import subdivision
from certiqa.smoothing.drawing import check_noise, check_values, empty_batch, on_host
from certiqa.smoothing.fine_lattice import fine_law, fine_tv_slack, torch_fine_law
from certiqa.smoothing.philox import Key, take_words, torch_words, words

__all__ = ["VectorNoise"]

_CHUNK = 1 << 16  # elements drawn at a time: their words and values stay in the L2 cache
_STREAM = 4
_PAGE = 1 << 32  # samples that share the second word of the counter: their blocks are fewer than 2**63


@final
@dataclass(frozen=True)
class VectorNoise:
    """Gaussian noise rounded to a grid of step 1/(255 k), for m numbers on that grid; k = subdivision(sigma).

    Guarantee: that of :class:`~certiqa.smoothing.fine_noise.FineNoise`, whose law it has. The samples of one key lie
    behind each other in one stream, so that a hundred thousand short ones cost no more than a few long ones.

    Args:
        sigma: standard deviation, in the units of the front end; 0 < sigma <= 4.
        key: two integers in [0, 2**64), from :func:`noise_key`.

    Raises:
        InputError: sigma or key breaks its rule.

    >>> noise = VectorNoise(0.003, (1, 2))
    >>> numbers = np.array([1000, -20, 3], dtype=np.int32)
    >>> batch = noise.noisy(numbers, start=0, count=4, clip=False)
    >>> batch.shape, torch.equal(noise.noisy(numbers, start=3, count=1, clip=False), batch[3:])
    (torch.Size([4, 3]), True)
    """

    name: ClassVar[str] = "lattice-vector"
    assumption: ClassVar[str] = (
        "Exact for any attacked image, 8-bit or float32 as certiqa reads it, whose numbers behind the front end are "
        "put on the grid as these were. The bits of Philox4x64-10, under a key that the attacker does not know, are "
        "assumed to be indistinguishable from uniform bits."
    )
    sigma: float
    key: Key

    def __post_init__(self) -> None:
        check_noise(self, self.sigma, self.key)

    @property
    def unit(self) -> int:
        """The number 1 in steps of the grid, 255 k."""
        return 255 * subdivision(self.sigma)

    def tv_slack(self, dimension: int) -> float:
        """Bound the total variation between one sample's noise and the rounded Gaussian, for ``dimension`` elements."""
        return fine_tv_slack(self.sigma, dimension)

    def draw(self, index: int, size: int) -> NDArray[np.int32]:
        """Draw the noise of sample ``index``, in steps: int32 (size,). This is the reference."""
        return self._rows(index, 1, size).reshape(-1)

    def _rows(self, start: int, count: int, size: int) -> NDArray[np.int32]:
        """Draw samples ``start .. start + count - 1``: int32 (count, size); each begins a Philox block of its own."""
        blocks, law = -(-size // 4), fine_law(self.sigma)
        out = np.empty((count, 4 * blocks), dtype=np.int32)
        for rows, page, first in _pages(start, count):
            bits, flat = words(self.key, page, _STREAM, first * blocks), out[rows].reshape(-1)
            for begin in range(0, flat.size, _CHUNK):
                part = flat[begin : begin + _CHUNK]
                law.place(take_words(bits, part.size), part)
        return out[:, :size]

    def torch_draw(self, index_start: int, count: int, size: int, device: torch.device | str = "cpu") -> torch.Tensor:
        """Draw samples ``index_start .. index_start + count - 1`` on a torch device: int32 (count, size).

        Bit for bit the rows of :meth:`draw`.

        >>> noise = VectorNoise(0.003, (1, 2))
        >>> np.array_equal(noise.torch_draw(5, 2, 11)[1].numpy(), noise.draw(6, 11))
        True
        """
        device = torch.device(device)
        blocks, law = -(-size // 4), torch_fine_law(self.sigma, device)
        parts = []
        for rows, page, first in _pages(index_start, count):
            last = (first + rows.stop - rows.start) * blocks
            counters = torch.arange(first * blocks + 1, last + 1, device=device)
            raw = torch_words(self.key, counters, torch.full_like(counters, page), _STREAM)
            parts.append(law.place(raw).view(-1, 4 * blocks))
        return torch.cat(parts)[:, :size]

    def noisy(self, pixels: NDArray[Any] | torch.Tensor, start: int, count: int, *, clip: bool) -> torch.Tensor:
        """Draw noisy copies of a front end's numbers.

        Args:
            pixels: int32 (m,), in steps of the grid, NumPy or torch.
            start: index of the first sample, >= 0.
            count: how many, >= 1.
            clip: False: numbers have no range to be clipped to.

        Returns:
            float32 (count, m) of (x + z) / (255 k), on the device of ``pixels``.

        Raises:
            InputError: pixels, start, count or clip breaks its rule.
        """
        x, device = check_values(pixels, torch.int32, start, count, dims=1)
        if clip:
            raise InputError.of("clip", "must be False: a front end's numbers are not clipped", clip)
        if not on_host(x):
            z = self.torch_draw(start, count, x.numel(), x.device).add_(x)
            return z.float().div_(torch.full((), float(self.unit), device=x.device))
        out = empty_batch(count, x)
        noisy = self._rows(start, count, x.numel()) + x.numpy()
        np.divide(noisy, np.float32(self.unit), out=out.numpy(), dtype=np.float32, casting="same_kind")
        return out.to(device)


def _pages(start: int, count: int) -> Iterator[tuple[slice, int, int]]:
    """Cut a range of samples where their pages of 2**32 end: the rows of a part, its page, its first sample there."""
    done = 0
    while done < count:
        page, first = divmod(start + done, _PAGE)
        part = min(count - done, _PAGE - first)
        yield slice(done, done + part), page, first
        done += part
