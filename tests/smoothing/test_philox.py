"""The generator: published answers, NumPy's answers, and a third implementation in plain integers."""

import hashlib
import random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from certiqa.errors import InputError
from certiqa.smoothing import philox
from certiqa.smoothing.philox import fresh_seed, lanes16, noise_key, seed_commitment, tiles, torch_words, words

FULL = 2**64 - 1
PI = (0x243F6A8885A308D3, 0x13198A2E03707344, 0xA4093822299F31D0, 0x082EFA98EC4E6C89)
E_KEY = (0x452821E638D01377, 0xBE5466CF34E90C6C)

# Random123, tests/kat_vectors, "philox4x64 10": counter, key, result
KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x16554D9ECA36314C, 0xDB20FE9D672D0FDC, 0xD7E772CEE186176B, 0x7E68B68AEC7BA23B)),
    ((FULL,) * 4, (FULL,) * 2, (0x87B092C3013FE90B, 0x438C3C67BE8D0224, 0x9CC7D7C69CD777B6, 0xA09CAEBF594F0BA0)),
    (PI, E_KEY, (0xA528F45403E61D95, 0x38C72DBD566E9788, 0xA5A1610E72FD18B5, 0x57BD43B5E52B7FE6)),
]
BOUNDARY = (0, 1, 2, 2**31, 2**32 - 1, 2**32, 2**63 - 1, 2**63, FULL)


def plain_philox(counter: tuple[int, ...], key: tuple[int, int]) -> tuple[int, ...]:
    """One block, from the paper, in Python integers."""
    (c0, c1, c2, c3), (k0, k1) = counter, key
    for _ in range(10):
        p, q = 0xD2E7470EE14C6C93 * c0, 0xCA5A826395121157 * c2
        c0, c1, c2, c3 = (q >> 64) ^ c1 ^ k0, q & FULL, (p >> 64) ^ c3 ^ k1, p & FULL
        k0, k1 = (k0 + 0x9E3779B97F4A7C15) & FULL, (k1 + 0xBB67AE8584CAA73B) & FULL
    return c0, c1, c2, c3


def unsigned(tensor: torch.Tensor) -> list[int]:
    return [int(v) % 2**64 for v in tensor.flatten()]


@pytest.mark.parametrize(("counter", "key", "result"), KNOWN)
def test_published_answers(counter, key, result):
    assert plain_philox(counter, key) == result
    before = (sum(c << 64 * i for i, c in enumerate(counter)) - 1) % 2**256  # NumPy adds one first
    state = np.array([(before >> 64 * i) & FULL for i in range(4)], dtype=np.uint64)
    numpys = np.random.Philox(counter=state, key=np.array(key, dtype=np.uint64))
    assert tuple(numpys.random_raw(4).tolist()) == result


@pytest.mark.parametrize("key", [(0, 0), (1, 2), (FULL, FULL), E_KEY])
@pytest.mark.parametrize("stream", [0, 1, 2])
def test_the_counter_is_block_sample_stream_zero(key, stream):
    for sample in (0, 1, 2**32, 2**63 - 1):
        expected = [w for block in (1, 2, 3) for w in plain_philox((block, sample, stream, 0), key)]
        assert words(key, sample, stream).random_raw(12).tolist() == expected
        assert words(key, sample, stream, skip_blocks=2).random_raw(4).tolist() == expected[8:]


@settings(max_examples=60, deadline=None)
@given(
    key=st.tuples(*[st.one_of(st.sampled_from(BOUNDARY), st.integers(0, FULL))] * 2),
    block=st.integers(1, 2**63 - 1),
    sample=st.one_of(st.sampled_from((0, 1, 2**32, 2**63 - 1)), st.integers(0, 2**63 - 1)),
    stream=st.integers(0, 3),
)
def test_torch_equals_plain_integers(key, block, sample, stream):
    got = torch_words(key, torch.tensor([block]), torch.tensor([sample]), stream)
    assert unsigned(got) == list(plain_philox((block, sample, stream, 0), key))


def test_torch_equals_numpy_on_a_grid():
    key, samples, blocks = noise_key(5, "ab" * 32), torch.arange(40, 52)[:, None], torch.arange(1, 301)[None]
    got = torch_words(key, blocks, samples, 1).flatten(1).numpy().view(np.uint64)
    expected = np.stack([words(key, s, 1).random_raw(1200) for s in range(40, 52)])
    assert np.array_equal(got, expected)


def test_lanes_do_not_depend_on_the_byte_order():
    raw = words((3, 4), 0, 0).random_raw(100)
    expected = [int(w) >> shift & 0xFFFF for w in raw for shift in (0, 16, 32, 48)]
    assert lanes16(raw).tolist() == expected
    assert lanes16(raw.astype(">u8")).tolist() == expected


@pytest.mark.parametrize("limit", [1, 3, 8, 1000])
@pytest.mark.parametrize(("count", "size"), [(1, 1), (3, 16), (5, 17), (4, 200), (2, 33)])
def test_tiles_cover_every_element_once(monkeypatch, limit, count, size):
    monkeypatch.setattr(philox, "_BLOCKS", limit)
    seen = torch.zeros(count, size, dtype=torch.int64)
    for rows, columns, samples, blocks in tiles(7, count, size, 16, torch.device("cpu")):
        seen[rows, columns] += 1
        assert samples.flatten().tolist() == list(range(7 + rows.start, 7 + rows.stop))
        assert blocks[0, 0] == columns.start // 16 + 1
        assert blocks.shape[1] == -(-(columns.stop - columns.start) // 16)
        assert samples.numel() * blocks.numel() <= max(limit, 1)
    assert bool((seen == 1).all())


def test_key_is_the_documented_hash():
    digest, seed = hashlib.sha256(b"an image").hexdigest(), 2**127 + 5
    full = hashlib.sha256(b"certiqa noise v1" + seed.to_bytes(16, "little") + bytes.fromhex(digest)).digest()
    assert noise_key(seed, digest) == (int.from_bytes(full[:8], "little"), int.from_bytes(full[8:16], "little"))
    assert noise_key(0, "00" * 32) == (12257857813142690999, 18388277285909466395)
    assert (
        seed_commitment(seed) == hashlib.sha256(b"certiqa seed commitment v1" + seed.to_bytes(16, "little")).hexdigest()
    )


def keys_depend_on_everything(derive) -> bool:
    digests = [hashlib.sha256(bytes([i])).hexdigest() for i in range(20)]
    keys = [derive(seed, digest) for seed in (0, 1, 2**64, 2**128 - 1) for digest in digests]
    return len({k[0] for k in keys}) == len({k[1] for k in keys}) == len(keys)


def test_images_and_seeds_have_their_own_keys():
    assert keys_depend_on_everything(noise_key)


def test_the_key_check_can_fail():
    assert not keys_depend_on_everything(lambda seed, digest: noise_key(seed, "00" * 32))
    assert not keys_depend_on_everything(lambda seed, digest: noise_key(0, digest))
    assert not keys_depend_on_everything(lambda seed, digest: noise_key(seed % 2**64, digest))


def test_fresh_seeds():
    seeds = {fresh_seed() for _ in range(20)}
    assert len(seeds) == 20
    assert all(0 <= s < 2**128 for s in seeds)
    assert len({seed_commitment(s) for s in seeds}) == 20


@pytest.mark.parametrize("seed", [-1, 2**128, 1.0, "7", None, True])
def test_bad_seeds(seed):
    with pytest.raises(InputError, match="seed"):
        noise_key(seed, "00" * 32)
    with pytest.raises(InputError, match="seed"):
        seed_commitment(seed)


@pytest.mark.parametrize("digest", ["", "00" * 31, "zz" * 32, None, b"\x00" * 32])
def test_bad_digests(digest):
    with pytest.raises(InputError, match="image_sha256"):
        noise_key(0, digest)


def test_global_generators_are_left_alone():
    before = random.getstate(), torch.get_rng_state(), np.random.get_state()[1].tolist()  # noqa: NPY002
    words((1, 2), 0, 0).random_raw(8)
    torch_words((1, 2), torch.arange(1, 5), torch.zeros(4, dtype=torch.int64), 0)
    fresh_seed()
    assert random.getstate() == before[0]
    assert torch.equal(torch.get_rng_state(), before[1])
    assert np.random.get_state()[1].tolist() == before[2]  # noqa: NPY002
