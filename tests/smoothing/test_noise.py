"""The noise as drawn: committed values, a slow reference, its law, its independence, its invariance.

Statistical tests have fixed seeds, so they pass or fail for good; ALPHA is the chance that a sound generator would
have failed one of them when its seed was chosen.
"""

import hashlib
import random
from bisect import bisect_right
from functools import lru_cache

import numpy as np
import pytest
import torch
from scipy import stats

from certiqa.errors import InputError
from certiqa.smoothing import float_noise, lattice_noise, philox
from certiqa.smoothing.lattice import thresholds
from certiqa.smoothing.noise import FloatNoise, LatticeNoise, noise_key

ALPHA = 1e-6
Z = stats.norm.isf(ALPHA / 2)
KEY = noise_key(2026, hashlib.sha256(b"golden").hexdigest())
IMAGE = np.random.Generator(np.random.Philox(key=1)).integers(0, 256, (3, 17, 31), dtype=np.uint8)


@pytest.fixture
def one_thread():
    """Thousands of small tensor operations: on a busy machine threads make them slower."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def slow_draw(sigma, key, index, size):
    """The specification read aloud: Python integers, one element at a time. Returns values and ambiguous elements."""
    exact = thresholds(sigma)

    def stream(number, blocks):
        counter = np.array([0, index, number, 0], dtype=np.uint64)
        return np.random.Philox(counter=counter, key=np.array(key, dtype=np.uint64)).random_raw(4 * blocks).tolist()

    coarse, fine = stream(0, size // 16 + 1), stream(1, size // 4 + 1)
    values, ambiguous = [], []
    for e in range(size):
        word = coarse[e // 16 * 4 + e % 16 // 4]
        cell = word >> 16 * (e % 4) & 0xFFFF
        lowest, highest = cell << 48, (cell << 48) + 2**48 - 1
        u = lowest
        if bisect_right(exact, lowest) != bisect_right(exact, highest):
            u |= fine[len(ambiguous)] & (2**48 - 1)
            ambiguous.append(e)
        values.append(bisect_right(exact, u) - len(exact) // 2)
    return values, ambiguous


@lru_cache(maxsize=4)
def many(sigma, samples=20, size=1_000_003):
    """About 2e7 draws, (samples, size)."""
    drawn = LatticeNoise(sigma, KEY)
    return np.stack([drawn.draw(i, size) for i in range(samples)])


def masses(sigma):
    exact = thresholds(sigma)
    reach = len(exact) // 2
    law = [(b - a) / 2**64 for a, b in zip((0, *exact), (*exact, 2**64), strict=True)]
    return np.arange(-reach, reach + 1), np.array(law)


def chi_square_p(counts, law):
    """Pearson's test, neighbouring cells merged until at least 20 draws are expected in each."""
    expected, merged_counts, merged_law, count, mass = counts.sum(), [], [], 0, 0.0
    for c, p in zip(counts, law, strict=True):
        count, mass = count + c, mass + p
        if mass * expected >= 20:
            merged_counts.append(count)
            merged_law.append(mass)
            count, mass = 0, 0.0
    merged_counts[-1] += count
    merged_law[-1] += mass
    return stats.chisquare(merged_counts, np.array(merged_law) * expected / sum(merged_law)).pvalue


# ---- committed values -----------------------------------------------------------------------------------------------

GOLDEN_HASHES = {
    (0.12, 0): "78e8c3707c7b8546e56755ebc51ea6d998e42f83c509361444feec1f684f48f4",
    (0.12, 1): "7d50ab176d87c03d6af228ea7518cfb95c59ed54ad53ec455887b0de8dca9a6d",
    (0.12, 2**40): "4da45221d68bd5d22d15cd0cdc2147187552fa65c74f99d540ebcab62963565d",
    (0.25, 0): "41253db209b4765247ada740fb9fa81b54e70c06ea12b292d793424cbb13f380",
    (1.0, 0): "0991a54e3d4f80212302b034463b9f872633f06ae3c2f890dc4b65584f9bc432",
    (4.0, 0): "9afda65697c50ddcfd973d8e382dfc884bcc91c54bdb606d131acc3addabb36c",
}


def test_golden_values():
    assert KEY == (12133854519537084342, 9812086791256911725)
    drawn = LatticeNoise(0.12, KEY).draw(0, 100_003)
    assert drawn[:16].tolist() == [30, 10, -31, -40, 12, 75, 22, -20, 8, -11, -20, -21, 12, -11, -2, 52]
    assert drawn[-3:].tolist() == [-9, 0, 2]
    expected = [-0.20603637397289276, 0.02905571088194847, 0.02945004589855671, -0.05028132349252701]
    np.testing.assert_allclose(FloatNoise(0.12, KEY).draw(3, 4), expected, rtol=2e-7)


@pytest.mark.parametrize(("sigma", "index"), GOLDEN_HASHES)
def test_golden_hashes(sigma, index):
    drawn = LatticeNoise(sigma, KEY).draw(index, 100_003)
    assert hashlib.sha256(drawn.astype("<i2").tobytes()).hexdigest() == GOLDEN_HASHES[sigma, index]


# ---- the slow reference, and that it would notice -------------------------------------------------------------------


def equals_reference(noise, size=40_000) -> bool:
    return all(noise.draw(i, size).tolist() == slow_draw(noise.sigma, noise.key, i, size)[0] for i in (0, 3))


@pytest.mark.parametrize("sigma", [0.001, 0.12, 1.0])
def test_draws_are_the_specification(sigma):
    assert equals_reference(LatticeNoise(sigma, KEY))
    if sigma >= 0.12:
        assert len(slow_draw(sigma, KEY, 0, 40_000)[1]) > 100  # the refinement was exercised


def broken_words(**change):
    """The package's stream finder with one part of the address lost."""

    def finder(key, sample, stream, skip_blocks=0):
        return philox.words(change.get("key", key), change.get("sample", sample), change.get("stream", stream))

    return finder


class ZeroRefinement:
    """A second stream that is all zeros."""

    def random_raw(self, n):
        return np.zeros(n, dtype=np.uint64)


def zero_refinement(key, sample, stream, skip_blocks=0):
    return ZeroRefinement() if stream == 1 else philox.words(key, sample, stream)


def samples_differ(make) -> bool:
    """Independence in its crudest form: no word of the coarse stream is ever seen twice, and samples do not correlate.

    With 2**18 words of 64 bits, a sound generator repeats one with probability 2e-9.
    """
    drawn = [make(KEY).draw(i, 2**14) for i in range(32)]
    drawn += [make(noise_key(2026, f"{i:064x}")).draw(0, 2**14) for i in range(32)]
    rows = np.stack(drawn).reshape(-1, 16)  # a block each
    return len(np.unique(rows, axis=0)) == len(rows)


def refinement_is_uniform(noise) -> bool:
    """Given the lowest 2**-16 of the coarse draws, the value follows the thresholds inside that cell."""
    draws = np.concatenate([noise.draw(i, 1_000_003) for i in range(20)])
    exact = thresholds(noise.sigma)
    reach = len(exact) // 2
    inside = [t for t in exact if t < 2**48]
    low = draws[draws <= len(inside) - reach - 1]  # in the lowest cell for certain
    edges = [0, *inside]
    law = np.diff(edges) / inside[-1]
    counts = np.bincount(low.astype(int) + reach, minlength=len(law))
    return low.size > 100 and chi_square_p(counts, law) > ALPHA


def test_samples_and_keys_are_independent_and_the_check_can_fail(monkeypatch):
    def make(key):
        return LatticeNoise(0.12, key)

    assert samples_differ(make)
    for change in ({"sample": 0}, {"key": KEY}):
        monkeypatch.setattr(lattice_noise, "words", broken_words(**change))
        assert not samples_differ(make)
        assert not equals_reference(LatticeNoise(0.12, (5, 6)), 100)


def test_refinement_is_uniform_and_the_check_can_fail(monkeypatch):
    noise = LatticeNoise(0.12, KEY)
    assert refinement_is_uniform(noise)
    monkeypatch.setattr(lattice_noise, "words", zero_refinement)
    assert not refinement_is_uniform(noise)
    assert not equals_reference(noise)
    monkeypatch.setattr(lattice_noise, "words", broken_words(stream=0))
    assert not equals_reference(noise)


# ---- the law --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sigma", [0.01, 0.12])
def test_moments(sigma):
    values, law = masses(sigma)
    s2 = (255 * sigma) ** 2
    variance = float(law @ values.astype(float) ** 2)
    assert variance == pytest.approx(s2 + 1 / 12, rel=1e-9)  # Sheppard
    counts = np.bincount(many(sigma).reshape(-1).astype(int) - values[0], minlength=len(values))
    n = counts.sum()
    power = [float(counts @ values.astype(float) ** k) / n for k in (1, 2, 3, 4)]
    exact = [float(law @ values.astype(float) ** k) for k in range(9)]
    for k, seen in enumerate(power, 1):
        spread = np.sqrt((exact[2 * k] - exact[k] ** 2) / n)
        assert abs(seen - exact[k]) < Z * spread, f"moment {k}"
    assert exact[4] / exact[2] ** 2 == pytest.approx(3, abs=0.01)
    if sigma == 0.01:  # here the rounding's own variance shows, at 40 standard errors
        assert abs(power[1] - s2) > 5 * np.sqrt(2 / n) * s2


@pytest.mark.parametrize("sigma", [0.01, 0.12, 1.0])
def test_law_by_chi_square(sigma):
    values, law = masses(sigma)
    counts = np.bincount(many(sigma).reshape(-1).astype(int) - values[0], minlength=len(values))
    assert chi_square_p(counts, law) > ALPHA


def test_law_check_can_fail():
    values, law = masses(0.12)
    counts = np.bincount(many(0.12).reshape(-1).astype(int) - values[0], minlength=len(values))
    moved = counts.copy()
    moved[values == 50] -= 5000  # 1 draw in 4000, by one grey level
    moved[values == 51] += 5000
    assert chi_square_p(moved, law) < ALPHA
    wider = LatticeNoise(0.1205, KEY)
    other = np.concatenate([wider.draw(i, 1_000_003) for i in range(20)]).astype(int)
    assert chi_square_p(np.bincount(other - values[0], minlength=len(values)), law) < ALPHA


@pytest.mark.parametrize("beyond", [3.5, 4.0, 4.5, 5.0])
def test_tails(beyond):
    values, law = masses(0.12)
    edge = int(np.ceil(beyond * 255 * 0.12))
    z = many(0.12).reshape(-1)
    for side in (1, -1):
        p = float(law[side * values >= edge].sum())
        assert p == pytest.approx(stats.norm.sf((edge - 0.5) / 30.6), rel=1e-9)
        assert stats.binomtest(int(np.count_nonzero(side * z >= edge)), z.size, p).pvalue > ALPHA


def test_no_correlation_between_elements_samples_or_keys():
    z = many(0.12)
    x = (z - z.mean()) / z.std()
    flat = x.reshape(-1)[: 2**22]
    pairs = {f"lag {lag}": (flat[:-lag], flat[lag:]) for lag in (1, 2, 3, 4, 8, 15, 16, 32, 1 << 15)}
    pairs |= {f"samples {gap} apart": (x[0], x[gap]) for gap in (1, 2, 8, 16)}
    other = LatticeNoise(0.12, noise_key(2026, "11" * 32)).draw(0, x.shape[1]) / 30.6
    pairs |= {"keys": (x[0], other)}
    for name, (a, b) in pairs.items():
        assert abs(float(np.mean(a * b))) * np.sqrt(a.size) < Z, name
        assert abs(float(np.mean((a**2 - 1) * (b**2 - 1)))) / 2 * np.sqrt(a.size) < Z, f"squares, {name}"


# ---- invariance -----------------------------------------------------------------------------------------------------


def make_noise(kind):
    return (LatticeNoise(0.12, KEY), IMAGE) if kind == "lattice" else (FloatNoise(0.12, KEY), IMAGE / np.float32(300))


@pytest.mark.parametrize("kind", ["lattice", "float"])
@pytest.mark.parametrize("clip", [True, False])
def test_batch_size_order_and_container_do_not_matter(kind, clip):
    noise, image = make_noise(kind)
    whole = noise.noisy(image, 5, 64, clip=clip)
    assert whole.shape == (64, 3, 17, 31)
    assert whole.dtype == torch.float32
    for batch in (1, 7):
        starts = list(range(5, 69, batch))
        random.Random(batch).shuffle(starts)
        for start in starts:
            count = min(batch, 69 - start)
            assert torch.equal(noise.noisy(image, start, count, clip=clip), whole[start - 5 : start - 5 + count])
    assert torch.equal(noise.noisy(torch.from_numpy(image), 5, 64, clip=clip), whole)
    strided = torch.from_numpy(image.transpose(1, 2, 0).copy()).permute(2, 0, 1)  # as decoders give it
    assert torch.equal(noise.noisy(strided, 5, 3, clip=clip), whole[:3])


@pytest.mark.parametrize("chunk", [16, 1040, 1 << 15])
@pytest.mark.parametrize("size", [1, 17, 33_333])
def test_chunks_do_not_matter(monkeypatch, chunk, size):
    noises = [LatticeNoise(1.0, KEY), FloatNoise(1.0, KEY)]
    whole = [noise.draw(2, size) for noise in noises]
    monkeypatch.setattr(lattice_noise, "CHUNK", chunk)
    monkeypatch.setattr(float_noise, "CHUNK", chunk)
    assert np.array_equal(noises[0].draw(2, size), whole[0])
    np.testing.assert_allclose(noises[1].draw(2, size), whole[1], rtol=2e-7)


@pytest.mark.parametrize("kind", ["lattice", "float"])
def test_threads_do_not_matter(kind, one_thread):
    noise, _ = make_noise(kind)
    image = np.full((3, 251, 401), 77, dtype=np.uint8 if kind == "lattice" else np.float32)
    single = noise.noisy(image, 0, 5, clip=False)
    torch.set_num_threads(3)
    assert torch.equal(noise.noisy(image, 0, 5, clip=False), single)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("sigma", [1e-5, 0.001, 0.12, 1.0, 4.0])
@pytest.mark.parametrize("size", [1, 15, 16, 17, 3 * 17 * 31, 300_001])
def test_torch_equals_numpy(sigma, size):
    noise = LatticeNoise(sigma, KEY)
    for start in (0, 2**40):
        got = noise.torch_draw(start, 3, size)
        assert got.dtype == torch.int16
        assert np.array_equal(got.numpy(), np.stack([noise.draw(start + i, size) for i in range(3)]))


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("limit", [1, 7, 64])
def test_torch_equals_numpy_in_tiles(monkeypatch, limit):
    monkeypatch.setattr(philox, "_BLOCKS", limit)
    monkeypatch.setattr(lattice_noise, "_RESOLVED", 16 * limit)
    lattice, floats = LatticeNoise(1.0, KEY), FloatNoise(1.0, KEY)
    expected = np.stack([lattice.draw(i, 501) for i in range(4)])
    assert np.array_equal(lattice.torch_draw(0, 4, 501).numpy(), expected)
    np.testing.assert_allclose(floats.torch_draw(0, 4, 501)[3].numpy(), floats.draw(3, 501), rtol=2e-7)


@pytest.mark.parametrize("kind", ["lattice", "float"])
@pytest.mark.parametrize("clip", [True, False])
def test_the_device_path_gives_the_same_batch(monkeypatch, kind, clip):
    noise, image = make_noise(kind)
    host = noise.noisy(image, 9, 6, clip=clip)
    monkeypatch.setattr(lattice_noise, "on_host", lambda x: False)
    monkeypatch.setattr(float_noise, "on_host", lambda x: False)
    device = noise.noisy(image, 9, 6, clip=clip)
    if kind == "lattice":
        assert torch.equal(device, host)
    else:
        torch.testing.assert_close(device, host, rtol=2e-7, atol=2e-8)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("clip", [True, False])
def test_cuda_equals_cpu(clip):
    noise = LatticeNoise(0.12, KEY)
    on_device = noise.noisy(torch.from_numpy(IMAGE).cuda(), 9, 6, clip=clip)
    assert on_device.device.type == "cuda"
    assert torch.equal(on_device.cpu(), noise.noisy(IMAGE, 9, 6, clip=clip))


# ---- values ---------------------------------------------------------------------------------------------------------


def test_pixels_plus_draws_exactly():
    noise = LatticeNoise(0.25, KEY)
    z = np.stack([noise.draw(i, IMAGE.size) for i in (4, 5)]).reshape(2, *IMAGE.shape)
    level = torch.from_numpy(IMAGE.astype(np.int64) + z)
    assert torch.equal(noise.noisy(IMAGE, 4, 2, clip=False), level.float() / 255)
    assert torch.equal(noise.noisy(IMAGE, 4, 2, clip=True), level.clamp(0, 255).to(torch.uint8).float() / 255)
    assert int(level.min()) < 0
    assert int(level.max()) > 255  # so that clipping mattered


@pytest.mark.parametrize("clip", [True, False])
def test_without_noise_the_image_itself(clip):
    image = np.arange(256 * 3, dtype=np.int64).reshape(3, 16, 16).astype(np.uint8)
    got = LatticeNoise(1e-5, KEY).noisy(image, 0, 2, clip=clip)
    assert torch.equal(got[1], torch.from_numpy(image).float() / 255)
    assert bool((got[0].double().mul(255).round() == torch.from_numpy(image)).all())


def test_every_quotient_is_correctly_rounded():
    k = np.arange(-10_000, 10_001, dtype=np.int16)
    assert np.array_equal(
        np.divide(k, np.float32(255), dtype=np.float32), (k.astype(np.float64) / 255).astype(np.float32)
    )


def test_float_noise_law_and_clip():
    noise = FloatNoise(0.5, KEY)
    g = np.concatenate([noise.draw(i, 500_001) for i in range(2)]) / 0.5
    assert stats.kstest(g[::3], "norm").pvalue > ALPHA
    for k, exact, spread in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs(np.mean(g.astype(np.float64) ** k) - exact) < Z * np.sqrt(spread / g.size)
    for lag in (1, 2, 8, 1 << 15):
        assert abs(np.mean(g[:-lag] * g[lag:])) < Z / np.sqrt(g.size - lag)
    image = np.full((3, 50, 50), 0.5, dtype=np.float32)
    free, clipped = noise.noisy(image, 0, 2, clip=False), noise.noisy(image, 0, 2, clip=True)
    assert torch.equal(free[1].flatten(), 0.5 + torch.from_numpy(noise.draw(1, 7500)))
    assert torch.equal(clipped, free.clamp(0, 1))
    assert not torch.equal(clipped, free)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16, torch.float16])
def test_torch_default_dtype_does_not_change_the_noise(dtype):
    noise, image = FloatNoise(0.1, KEY), np.full((3, 5, 7), 0.3, dtype=np.float32)
    drawn, torch_drawn, noisy = noise.draw(2, 101), noise.torch_draw(2, 1, 101), noise.noisy(image, 0, 2, clip=False)
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        again, torch_again = noise.draw(2, 101), noise.torch_draw(2, 1, 101)
        assert (again.dtype, torch_again.dtype) == (np.float32, torch.float32)
        assert np.array_equal(again, drawn)
        assert torch.equal(torch_again, torch_drawn)
        assert torch.equal(noise.noisy(image, 0, 2, clip=False), noisy)
    finally:
        torch.set_default_dtype(before)


def test_float_and_lattice_draws_are_unrelated():
    a = many(0.12)[0] / 30.6
    b = FloatNoise(1.0, KEY).draw(0, a.size)
    assert abs(float(np.mean(a * b))) * np.sqrt(a.size) < Z


# ---- the public face ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [LatticeNoise, FloatNoise])
@pytest.mark.parametrize("sigma", [0, -0.1, 4.01, float("nan"), float("inf"), "0.12", None, True])
def test_bad_sigma(kind, sigma):
    with pytest.raises(InputError, match="'sigma'"):
        kind(sigma, KEY)


@pytest.mark.parametrize("kind", [LatticeNoise, FloatNoise])
@pytest.mark.parametrize("key", [(1,), (1, 2, 3), (1.0, 2), (-1, 0), (0, 2**64), 7, None])
def test_bad_key(kind, key):
    with pytest.raises(InputError, match="'key'"):
        kind(0.12, key)


@pytest.mark.parametrize(
    "image",
    [IMAGE.astype(np.float32), IMAGE.astype(np.int16), IMAGE[None], IMAGE[0], IMAGE[:2], IMAGE[:, :0]],
)
def test_bad_pixels(image):
    with pytest.raises(InputError, match="'pixels'"):
        LatticeNoise(0.12, KEY).noisy(image, 0, 1, clip=True)


@pytest.mark.parametrize(("start", "count"), [(-1, 1), (0, 0), (0, -1), (0.0, 1), (0, 1.5), (2**63, 1)])
def test_bad_range(start, count):
    with pytest.raises(InputError, match="start"):
        LatticeNoise(0.12, KEY).noisy(IMAGE, start, count, clip=True)


def test_numpy_sigma_and_repr():
    noise = LatticeNoise(np.float64(0.12), (1, 2))
    assert repr(noise) == "LatticeNoise(sigma=0.12, key=(1, 2))"
    assert noise == LatticeNoise(0.12, (1, 2))
    assert hash(noise) == hash(LatticeNoise(0.12, (1, 2)))
    with pytest.raises(AttributeError):
        noise.sigma = 1.0


def test_slack_and_assumptions_are_stated():
    lattice, floats = LatticeNoise(0.12, KEY), FloatNoise(0.12, KEY)
    assert 0 < lattice.tv_slack(786432) < 2e-11
    assert floats.tv_slack(786432) == 0.0
    assert "rounded to the 8-bit grid" in lattice.assumption
    assert "2207.07209" in floats.assumption
    assert lattice.name != floats.name


def test_global_generators_and_the_image_are_left_alone():
    image = IMAGE.copy()
    before = random.getstate(), torch.get_rng_state(), np.random.get_state()[1].tolist()  # noqa: NPY002
    LatticeNoise(0.12, KEY).noisy(image, 0, 3, clip=True)
    LatticeNoise(0.12, KEY).torch_draw(0, 1, 100)
    FloatNoise(0.12, KEY).noisy(image.astype(np.float32), 0, 3, clip=True)
    assert np.array_equal(image, IMAGE)
    assert random.getstate() == before[0]
    assert torch.equal(torch.get_rng_state(), before[1])
    assert np.random.get_state()[1].tolist() == before[2]  # noqa: NPY002
