"""Philox4x64-10, addressed by counter: random 64-bit words that depend on nothing but their address; and its keys.

A word's address is ``(key, stream, sample, block, word)``. Its value is word ``word`` (0..3) of the Philox4x64-10
block cipher (Salmon et al., SC'11) under the 128-bit ``key = (k0, k1)``, applied to the counter::

    counter = (block, sample, stream, 0)        four 64-bit words, the least significant first; blocks count from 1

Blocks count from 1 because :class:`numpy.random.Philox` adds one to its counter *before* it makes a block: set to
``[0, sample, stream, 0]`` it yields block 1 first. So "word w of a stream" (w = 0, 1, 2, ...) is word ``w % 4`` of
block ``w // 4 + 1``. A stream of one sample must stay below 2**64 blocks, which no image comes near.

Two faces give the same bits: NumPy's own generator (the reference, and fast on a CPU), and a few int64 tensor
operations for any torch device. The global generators are never touched.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from certiqa.errors import InputError

__all__ = [
    "Key",
    "fresh_seed",
    "lanes16",
    "noise_key",
    "seed_commitment",
    "take_words",
    "tiles",
    "torch_words",
    "words",
]

Key = tuple[int, int]

_MASK32 = 0xFFFFFFFF
_MASK64 = 0xFFFFFFFFFFFFFFFF
_MULTIPLIERS = (0xD2E7470EE14C6C93, 0xCA5A826395121157)
_WEYL = (0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B)
_ROUNDS = 10
_BLOCKS = 1 << 18  # at a time on a torch device: about 150 MB of temporaries


def noise_key(seed: int, image_sha256: str) -> Key:
    """Derive the generator's key from the seed and the image, so that no two images share their noise.

    The key is the first 16 bytes of SHA-256(``b"certiqa noise v1"`` + the seed as 16 little-endian bytes + the 32
    bytes of the image's digest), read as two little-endian 64-bit integers.

    Args:
        seed: an integer in [0, 2**128).
        image_sha256: the image's SHA-256, 64 hexadecimal digits.

    Raises:
        InputError: the seed is out of range, or the digest is not one.

    >>> noise_key(7, "00" * 32) == noise_key(7, "01" * 32)
    False
    """
    try:
        digest = bytes.fromhex(image_sha256)
    except (TypeError, ValueError):
        digest = b""
    if len(digest) != 32:
        raise InputError.of("image_sha256", "must be a SHA-256 digest of 64 hexadecimal digits", image_sha256)
    key = hashlib.sha256(b"certiqa noise v1" + _seed_bytes(seed) + digest).digest()
    return int.from_bytes(key[:8], "little"), int.from_bytes(key[8:16], "little")


def fresh_seed() -> int:
    """Draw a 128-bit seed from the operating system: for deployment, where nobody may know the noise beforehand."""
    return secrets.randbits(128)


def seed_commitment(seed: int) -> str:
    """Commit to a seed without showing it: publish this first, the seed later.

    SHA-256(``b"certiqa seed commitment v1"`` + the seed as 16 little-endian bytes), in hexadecimal. It hides only a
    seed that cannot be guessed (:func:`fresh_seed`); that of ``7`` is found by trying.

    Raises:
        InputError: the seed is not an integer in [0, 2**128).

    >>> seed_commitment(7)[:16]
    '69acc35c25bd4a8f'
    """
    return hashlib.sha256(b"certiqa seed commitment v1" + _seed_bytes(seed)).hexdigest()


def _seed_bytes(seed: int) -> bytes:
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 1 << 128:
        raise InputError.of("seed", "must be an integer in [0, 2**128)", seed, "Use fresh_seed() for a secret one.")
    return seed.to_bytes(16, "little")


def words(key: Key, sample: int, stream: int, skip_blocks: int = 0) -> np.random.Philox:
    """Position NumPy's generator on one stream of one sample.

    Args:
        key: two integers in [0, 2**64).
        sample: the sample index, in [0, 2**63).
        stream: the stream's number.
        skip_blocks: start at block ``skip_blocks + 1``.

    Returns:
        A bit generator whose ``random_raw(n)`` yields the stream's next n words, in order, as uint64.

    >>> words((0, 0), sample=0, stream=0).random_raw(2).tolist()
    [213000021201967259, 4455796210202625458]
    """
    counter = np.array([skip_blocks, sample, stream, 0], dtype=np.uint64)
    return np.random.Philox(counter=counter, key=np.array(key, dtype=np.uint64))


def take_words(bits: np.random.Philox, n: int) -> NDArray[np.uint64]:
    """The next n words of a positioned generator: ``bits.random_raw(n)``, but without holding Python's lock.

    ``Generator.integers`` over all 64 bits hands the raw words through; whether this NumPy does so is looked up once.
    """
    if isinstance(bits, np.random.Philox) and _integers_are_raw():
        return np.random.Generator(bits).integers(0, _MASK64, size=n, dtype=np.uint64, endpoint=True)
    return np.asarray(bits.random_raw(n), np.uint64)


@lru_cache(maxsize=1)
def _integers_are_raw() -> bool:
    raw, generator = words((1, 2), 3, 0), np.random.Generator(words((1, 2), 3, 0))
    drawn = [generator.integers(0, _MASK64, size=k, dtype=np.uint64, endpoint=True) for k in (5, 11)]
    return bool(np.array_equal(np.concatenate(drawn), raw.random_raw(16)))


def lanes16(raw: NDArray[np.uint64]) -> NDArray[np.uint16]:
    """Cut words into 16-bit lanes, the low bits first, whatever the machine's byte order: (n,) -> (4n,).

    >>> [hex(lane) for lane in lanes16(np.array([0x0123456789ABCDEF], dtype=np.uint64))]
    ['0xcdef', '0x89ab', '0x4567', '0x123']
    """
    return raw.astype("<u8", copy=False).view("<u2")


def torch_words(key: Key, blocks: torch.Tensor, samples: torch.Tensor, stream: int) -> torch.Tensor:
    """Compute whole blocks on a torch device, bit for bit those of :func:`words`.

    Args:
        key: two integers in [0, 2**64).
        blocks: int64 block numbers (from 1).
        samples: int64 sample indices, broadcast against ``blocks`` (shape S together), on the same device.
        stream: the stream's number.

    Returns:
        int64 tensor of shape S + (4,): the four words of each block, as two's-complement bit patterns.

    Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (2011), Philox4x64-10.

    >>> one = torch.ones(1, dtype=torch.int64)
    >>> [word % 2**64 for word in torch_words((0, 0), one, 0 * one, 0)[0, :2].tolist()]
    [213000021201967259, 4455796210202625458]
    """
    block, sample = blocks + torch.zeros_like(samples), samples + torch.zeros_like(blocks)
    # even = counter words 0 and 2 (the ones that are multiplied), odd = counter words 1 and 3
    even = torch.stack([block, torch.full_like(block, stream)])
    odd = torch.stack([sample, torch.zeros_like(sample)])
    column: dict[str, Any] = {"dtype": torch.int64, "device": block.device}
    shape = (2,) + (1,) * block.dim()
    low = torch.tensor([m & _MASK32 for m in _MULTIPLIERS], **column).view(shape)
    high = torch.tensor([m >> 32 for m in _MULTIPLIERS], **column).view(shape)
    whole = torch.tensor([_signed(m) for m in _MULTIPLIERS], **column).view(shape)
    for i in range(_ROUNDS):
        bump = torch.tensor([_signed(k + i * w) for k, w in zip(key, _WEYL, strict=True)], **column).view(shape)
        product_high = _multiply_high(even, low, high)
        odd, even = (even * whole).flip(0), product_high.flip(0).bitwise_xor_(odd).bitwise_xor_(bump)
    return torch.stack([even[0], odd[0], even[1], odd[1]], dim=-1)


def tiles(
    start: int, count: int, size: int, lanes: int, device: torch.device
) -> Iterator[tuple[slice, slice, torch.Tensor, torch.Tensor]]:
    """Cut count samples of size elements into tiles of at most 2**18 Philox blocks of ``lanes`` elements.

    Yields the rows and columns of a tile, its sample indices (n, 1) and its block numbers (1, b).
    """
    blocks = -(-size // lanes)
    tall, wide = max(1, _BLOCKS // max(blocks, 1)), min(blocks, _BLOCKS)
    for row in range(0, count, tall):
        rows = slice(row, min(count, row + tall))
        samples = torch.arange(start + rows.start, start + rows.stop, device=device)[:, None]
        for block in range(0, blocks, wide):
            stop = min(blocks, block + wide)
            columns = slice(block * lanes, min(size, stop * lanes))
            yield rows, columns, samples, torch.arange(block + 1, stop + 1, device=device)[None]


def _signed(value: int) -> int:
    """The int64 with the bits of value modulo 2**64."""
    value &= _MASK64
    return value - (1 << 64) if value >> 63 else value


def _multiply_high(x: torch.Tensor, low: torch.Tensor, high: torch.Tensor) -> torch.Tensor:
    """The upper 64 bits of the unsigned product x * (high * 2**32 + low), by 32-bit halves.

    int64 products and sums wrap modulo 2**64, so the bits are those of unsigned arithmetic; none of the sums here
    exceeds 2**64 - 1: (2**32 - 1)**2 + 2 * (2**32 - 1) = 2**64 - 1. ``>> 32`` copies the sign, hence the masks.
    """
    x_low, x_high = x & _MASK32, (x >> 32) & _MASK32
    middle = (x_low * low >> 32).bitwise_and_(_MASK32).add_(x_high * low)
    cross = (middle & _MASK32).add_(x_low.mul_(high))
    return x_high.mul_(high).add_((middle >> 32).bitwise_and_(_MASK32)).add_((cross >> 32).bitwise_and_(_MASK32))
