"""The fine grid's noise as drawn: committed values, a slow reference, its law, its invariance.

Statistical tests have fixed seeds, so they pass or fail for good; ALPHA is the chance that a sound generator would
have failed one of them when its seed was chosen.
"""

import hashlib
import random
from bisect import bisect_right

import numpy as np
import pytest
import torch
from scipy import stats

from certiqa.errors import InputError
from certiqa.frontends.grid import subdivision
from certiqa.smoothing import fine_noise, philox
from certiqa.smoothing.fine_lattice import fine_reach, fine_thresholds
from certiqa.smoothing.noise import FineNoise, LatticeNoise, noise_key

pytestmark = pytest.mark.usefixtures("one_thread")

ALPHA = 1e-6
Z = stats.norm.isf(ALPHA / 2)
SIGMA = 0.25
KEY = noise_key(2026, hashlib.sha256(b"golden").hexdigest())
NOISE = FineNoise(SIGMA, KEY)
STEPS = 255 * subdivision(SIGMA)
IMAGE = np.random.Generator(np.random.Philox(key=1)).integers(0, STEPS + 1, (3, 17, 31), dtype=np.int32)


@pytest.fixture(scope="module")
def many():
    """2e6 draws, (4, 500001)."""
    return np.stack([NOISE.draw(i, 500_001) for i in range(4)])


GOLDEN_HASHES = {
    (0.12, 0): "66066322a39d407d30bde0b616d794a09a5d959b3764203e2e1b243143283a43",
    (0.25, 0): "aa193aca0c40b2a9449fb6d5c596b27e9d1fc8a5e7d1090d92715293ced73f62",
    (0.25, 2**40): "e7ba1da90ab393b4e8212c805828920634b6f826d2d159856777a474fd4bdad0",
    (1.0, 0): "aa193aca0c40b2a9449fb6d5c596b27e9d1fc8a5e7d1090d92715293ced73f62",
}


def digest(sigma, index):
    return hashlib.sha256(FineNoise(sigma, KEY).draw(index, 100_003).astype("<i4").tobytes()).hexdigest()


@pytest.mark.parametrize(("sigma", "index"), GOLDEN_HASHES)
def test_golden_hashes(sigma, index):
    assert digest(sigma, index) == GOLDEN_HASHES[sigma, index]


def equals_reference(noise, size=3000) -> bool:
    """The specification read aloud: element e takes word e of stream 3."""
    exact = fine_thresholds(noise.sigma).tolist()
    for index in (0, 3):
        counter = np.array([0, index, 3, 0], dtype=np.uint64)
        words = np.random.Philox(counter=counter, key=np.array(noise.key, dtype=np.uint64)).random_raw(size).tolist()
        if noise.draw(index, size).tolist() != [bisect_right(exact, u) - len(exact) // 2 for u in words]:
            return False
    return True


def test_draws_are_the_specification_and_the_check_can_fail(monkeypatch):
    assert equals_reference(NOISE)
    for lost in ("sample", "stream"):

        def finder(key, sample, stream, lost=lost):
            return philox.words(key, 0 if lost == "sample" else sample, 0 if lost == "stream" else stream)

        monkeypatch.setattr(fine_noise, "words", finder)
        assert not equals_reference(NOISE)


def cell_p(draws, sigma, edges) -> float:
    """Pearson's test of the draws in cells between steps ``edges``, against exact Gaussian cell probabilities."""
    scale = 255 * subdivision(sigma) * sigma
    cuts = np.concatenate([[-np.inf], edges - 0.5, [np.inf]])
    mass = np.diff(stats.norm.cdf(cuts / scale))
    upper = cuts[:-1] > 0  # no cancellation in the upper tail
    mass[upper] = (stats.norm.sf(cuts[:-1] / scale) - stats.norm.sf(cuts[1:] / scale))[upper]
    counts = np.bincount(np.searchsorted(edges, draws, side="right"), minlength=len(mass))
    assert (mass * draws.size).min() > 20
    return stats.chisquare(counts, mass * draws.size / mass.sum()).pvalue


def test_law_by_chi_square_and_kolmogorov_and_the_checks_can_fail(many):
    z, scale = many.reshape(-1).astype(np.int64), STEPS * SIGMA
    wide = np.unique(np.rint(scale * stats.norm.ppf(np.linspace(0, 1, 2001)[1:-1])).astype(int))
    steps = np.arange(-600, 601)  # single steps around 0, some 24 draws in each
    tails = np.rint(scale * np.array([-4, -3.5, -3, 3, 3.5, 4])).astype(int)
    for edges in (wide, steps, tails):
        assert cell_p(z, SIGMA, edges) > ALPHA
    dithered = (z + np.random.default_rng(1).random(z.size) - 0.5) / scale  # a step is 3e-5 of sigma: near enough
    assert stats.kstest(dithered, "norm").pvalue > ALPHA
    few = wide[24::50]  # fewer cells see a shift better
    assert cell_p(z, SIGMA, few) > ALPHA
    assert cell_p(z + 300, SIGMA, few) < ALPHA  # 1 % of sigma
    assert cell_p(np.rint(z * 1.01).astype(int), SIGMA, few) < ALPHA
    assert cell_p(z // 2 * 2, SIGMA, steps) < ALPHA  # a grid twice as coarse
    assert stats.kstest(dithered + 0.006, "norm").pvalue < ALPHA


def test_moments_and_independence(many):
    x = many / (STEPS * SIGMA)
    flat = x.reshape(-1)
    for k, exact, spread in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs(np.mean(flat**k) - exact) < Z * np.sqrt(spread / flat.size)
    pairs = {f"lag {lag}": (flat[:-lag], flat[lag:]) for lag in (1, 2, 3, 4, 8, 1 << 15)}
    pairs |= {f"samples {gap} apart": (x[0], x[gap]) for gap in (1, 2, 3)}
    pairs["keys"] = x[0], FineNoise(SIGMA, noise_key(2026, "11" * 32)).draw(0, x.shape[1]) / (STEPS * SIGMA)
    pairs["8-bit noise of the same key"] = x[0], LatticeNoise(SIGMA, KEY).draw(0, x.shape[1]) / (255 * SIGMA)
    for name, (a, b) in pairs.items():
        assert abs(float(np.mean(a * b))) * np.sqrt(a.size) < Z, name
        assert abs(float(np.mean((a**2 - 1) * (b**2 - 1)))) / 2 * np.sqrt(a.size) < Z, f"squares, {name}"


@pytest.mark.parametrize("clip", [True, False])
def test_batch_size_order_and_container_do_not_matter(clip, monkeypatch):
    whole = NOISE.noisy(IMAGE, 5, 20, clip=clip)
    assert whole.shape == (20, 3, 17, 31)
    assert whole.dtype == torch.float32
    for batch in (1, 7):
        starts = list(range(5, 25, batch))
        random.Random(batch).shuffle(starts)
        for start in starts:
            count = min(batch, 25 - start)
            assert torch.equal(NOISE.noisy(IMAGE, start, count, clip=clip), whole[start - 5 : start - 5 + count])
    assert torch.equal(NOISE.noisy(torch.from_numpy(IMAGE), 5, 20, clip=clip), whole)
    monkeypatch.setattr(fine_noise, "_CHUNK", 64)
    assert torch.equal(NOISE.noisy(IMAGE, 5, 20, clip=clip), whole)
    torch.set_num_threads(3)
    monkeypatch.setattr(fine_noise, "for_each", lambda job, count, size: [job(i) for i in reversed(range(count))])
    assert torch.equal(NOISE.noisy(IMAGE, 5, 20, clip=clip), whole)


@pytest.mark.parametrize("sigma", [1e-5, 0.25])
@pytest.mark.parametrize("size", [1, 4, 5, 3 * 17 * 31])
def test_torch_equals_numpy(sigma, size, monkeypatch):
    noise = FineNoise(sigma, KEY)
    for start, limit in ((0, 1 << 18), (2**40, 7)):
        monkeypatch.setattr(philox, "_BLOCKS", limit)
        got = noise.torch_draw(start, 3, size)
        assert got.dtype == torch.int32
        assert np.array_equal(got.numpy(), np.stack([noise.draw(start + i, size) for i in range(3)]))


@pytest.mark.parametrize("clip", [True, False])
def test_the_device_path_gives_the_same_batch(monkeypatch, clip):
    host = NOISE.noisy(IMAGE, 9, 6, clip=clip)
    monkeypatch.setattr(fine_noise, "on_host", lambda x: False)
    assert torch.equal(NOISE.noisy(IMAGE, 9, 6, clip=clip), host)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("clip", [True, False])
def test_fine_noise_on_cuda_equals_that_on_the_cpu(clip):
    on_device = NOISE.noisy(torch.from_numpy(IMAGE).cuda(), 9, 6, clip=clip)
    assert on_device.device.type == "cuda"
    assert torch.equal(on_device.cpu(), NOISE.noisy(IMAGE, 9, 6, clip=clip))


def test_pixels_plus_draws_exactly():
    z = np.stack([NOISE.draw(i, IMAGE.size) for i in (4, 5)]).reshape(2, *IMAGE.shape)
    level = IMAGE.astype(np.int64) + z
    assert level.min() < 0 < STEPS < level.max()  # so that clipping matters
    for clip, wanted in ((False, level), (True, level.clip(0, STEPS))):
        exact = (wanted / STEPS).astype(np.float32)  # float64 first: rounded once more, at most an ulp
        np.testing.assert_array_max_ulp(NOISE.noisy(IMAGE, 4, 2, clip=clip).numpy(), exact, maxulp=1)
    assert NOISE.noisy(IMAGE, 4, 2, clip=True).max() == 1


@pytest.mark.parametrize("sigma", [1e-6, 0.002, 0.06, 0.25, 0.5, 1.0, 4.0])
def test_every_value_is_a_float32(sigma):
    assert 255 * subdivision(sigma) + fine_reach(sigma) < 2**24


@pytest.mark.parametrize("sigma", [0, -0.1, 4.01, float("nan"), "0.12", None, True])
def test_wrong_sigmas(sigma):
    with pytest.raises(InputError, match="'sigma'"):
        FineNoise(sigma, KEY)


@pytest.mark.parametrize("image", [IMAGE.astype(np.uint8), IMAGE.astype(np.float32), IMAGE[0], IMAGE[:2], IMAGE[:, :0]])
def test_wrong_pixels(image):
    with pytest.raises(InputError, match="'pixels'"):
        NOISE.noisy(image, 0, 1, clip=True)


def test_slack_and_assumption_are_stated():
    assert 0 < NOISE.tv_slack(12288) < 2.1e-10
    assert "float32" in FineNoise.assumption
    assert FineNoise.name == "lattice-fine"
    assert repr(FineNoise(0.25, (1, 2))) == "FineNoise(sigma=0.25, key=(1, 2))"
