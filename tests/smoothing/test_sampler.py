"""Exactly n scores, the same whatever the batch, in constant memory."""

import tracemalloc
import weakref

import numpy as np
import pytest
import torch

from certiqa.errors import InputError, ModelError, ModelOutputError
from certiqa.smoothing.base import BaseScore
from certiqa.smoothing.noise import FloatNoise, LatticeNoise
from certiqa.smoothing.sampler import automatic_batch_size, sample_scores

pytestmark = pytest.mark.usefixtures("one_thread")

N = 150
KEY = (3, 4)


def base(model, output_range=None, denoiser=None):
    return BaseScore(model, denoiser, 0.1, output_range, torch.float64)


def index(images):
    return images[:, 0, 0, 0]


def check_counters(sampler, toys, n, start, batch):
    """Score i is that of counter start + i, each once, none missing."""
    scores = sampler(base(index), toys.Counter(), torch.zeros(3, 2, 2), n, start=start, batch_size=batch).scores
    assert scores.tolist() == list(range(start, start + n))


@pytest.mark.parametrize("batch", [1, 7, 64, N, 1000])
@pytest.mark.parametrize("n", [1, 63, 64, 65, N])
def test_every_counter_once_in_order(toys, n, batch):
    check_counters(sample_scores, toys, n, 0, batch)
    check_counters(sample_scores, toys, n, 1000, batch)


def test_the_test_above_can_fail(toys):
    def drops_remainder(base, noise, pixels, n, *, start, batch_size):
        return sample_scores(base, noise, pixels, max(1, n // batch_size * batch_size), start=start, batch_size=64)

    def restarts_each_batch(base, noise, pixels, n, *, start, batch_size):
        part = sample_scores(base, noise, pixels, n // 2, start=start, batch_size=batch_size)
        return part.extended(sample_scores(base, noise, pixels, n - n // 2, start=start, batch_size=batch_size))

    for broken in (drops_remainder, restarts_each_batch):
        with pytest.raises(AssertionError):
            check_counters(broken, toys, N, 0, 64)


@pytest.mark.parametrize("kind", [LatticeNoise, FloatNoise])
def test_the_same_bits_whatever_the_batch(toys, picture, kind):
    pixels = picture if kind is LatticeNoise else picture.float() / 256
    reference = sample_scores(base(toys.exact), kind(0.1, KEY), pixels, N, batch_size=1).scores
    assert len(set(reference.tolist())) > N / 2
    for batch in (7, 64, 1000):
        again = sample_scores(base(toys.exact), kind(0.1, KEY), pixels, N, batch_size=batch).scores
        assert np.array_equal(reference, again)


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("HIP out of memory."), MemoryError()]
)
def test_running_out_of_memory_changes_no_score(toys, picture, error):
    calls = []

    def greedy(images):
        calls.append(len(images))
        if len(images) > 10:
            raise error
        return toys.exact(images)

    noise = LatticeNoise(0.1, KEY)
    sample = sample_scores(base(greedy), noise, picture, N, batch_size=64)
    assert sample.batch_size == 8
    assert calls[:4] == [64, 32, 16, 8]
    reference = sample_scores(base(toys.exact), noise, picture, N, batch_size=64).scores
    assert np.array_equal(sample.scores, reference)


def test_memory_that_runs_out_in_the_middle(toys, picture):
    """Later batches fail, not the first; and the noise may be what does not fit."""
    calls = []

    class Tight(toys.Counter):
        def noisy(self, pixels, start, count, *, clip):
            calls.append((start, count))
            if start >= 40 and count > 5:
                raise MemoryError
            return super().noisy(pixels, start, count, clip=clip)

    progress = []
    sample = sample_scores(
        base(index), Tight(), picture, N, batch_size=20, progress=lambda done, n: progress.append((done, n))
    )
    assert sample.scores.tolist() == list(range(N))
    assert sample.batch_size == 5
    assert calls[:5] == [(0, 20), (20, 20), (40, 20), (40, 10), (40, 5)]
    assert progress[:3] == [(20, N), (40, N), (45, N)]
    assert progress[-1] == (N, N)


def test_memory_that_does_not_hold_one_image(picture):
    def greedy(images):
        raise MemoryError

    with pytest.raises(ModelError, match="batch of one image") as error:
        sample_scores(base(greedy), LatticeNoise(0.1, KEY), picture, N, batch_size=64)
    assert isinstance(error.value.__cause__, MemoryError)


def test_other_errors_are_no_reason_to_try_again(picture):
    calls = []

    def broken(images):
        calls.append(len(images))
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    with pytest.raises(ModelError, match="RuntimeError"):
        sample_scores(base(broken), LatticeNoise(0.1, KEY), picture, N, batch_size=64)
    assert calls == [64]


def peak_bytes(toys, n):
    pixels = torch.zeros(3, 64, 64, dtype=torch.uint8)
    noise, scored = LatticeNoise(0.1, KEY), base(toys.mean)
    sample_scores(scored, noise, pixels, 8, batch_size=8)
    tracemalloc.start()
    sample_scores(scored, noise, pixels, n, batch_size=8)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_memory_is_constant_in_n(toys):
    small, large = peak_bytes(toys, 40), peak_bytes(toys, 400)
    assert large - small < 360 * 8 + 20_000
    assert large < 2.5 * 8 * 3 * 64 * 64 * 4  # two batches, not 50


def test_at_most_one_batch_of_noise_is_alive(toys):
    alive = {"now": 0, "peak": 0}

    def gone(count):
        alive["now"] -= count

    class Watched(toys.Counter):
        def noisy(self, pixels, start, count, *, clip):
            images = super().noisy(pixels, start, count, clip=clip).clone()
            weakref.finalize(images, gone, count)
            alive["now"] += count
            alive["peak"] = max(alive["peak"], alive["now"])
            return images

    sample_scores(base(index), Watched(), torch.zeros(3, 4, 4), 500, batch_size=10)
    assert alive == {"now": 0, "peak": 10}


def test_an_extended_sample_is_one_long_draw(toys, picture):
    noise = LatticeNoise(0.1, KEY)
    scored = base(toys.mean, (0.45, 0.55))
    whole = sample_scores(scored, noise, picture, N, batch_size=7)
    part = sample_scores(scored, noise, picture, 40, batch_size=7)
    longer = part.extended(sample_scores(scored, noise, picture, N - 40, start=40, batch_size=16))
    assert np.array_equal(longer.scores, whole.scores)
    assert longer.clamped == whole.clamped
    assert longer.batch_size == 16
    with pytest.raises(ValueError, match="read-only"):
        longer.scores[0] = 1


def test_scores_outside_of_the_range_are_clamped_and_counted(toys):
    pixels = torch.zeros(3, 2, 2)
    sample = sample_scores(base(index, (10.0, 99.5)), toys.Counter(), pixels, N, batch_size=8)
    assert sample.clamped == 10 + (N - 100)
    assert sample.scores.tolist() == [min(max(float(i), 10.0), 99.5) for i in range(N)]


def test_ends_that_are_no_floats_are_not_outside(picture):
    """A float32 model that clamps to 0.1 returns 0.100000001."""
    scored = BaseScore(lambda x: x.new_full((len(x),), 0.1), None, 0.1, (0.0, 0.1), torch.float32)
    sample = sample_scores(scored, LatticeNoise(0.1, KEY), picture, 5, batch_size=5)
    assert sample.clamped == 0
    assert sample.scores.tolist() == [0.1] * 5


def test_nan_is_kept_and_infinity_refused(toys):
    def model(bad):
        return lambda x: torch.where(index(x) % 3 == 0, bad, index(x))

    pixels = torch.zeros(3, 2, 2)
    for output_range in (None, (0.0, 50.0)):
        sample = sample_scores(base(model(torch.nan), output_range), toys.Counter(), pixels, 10, batch_size=4)
        assert np.isnan(sample.scores).tolist() == [i % 3 == 0 for i in range(10)]
        assert sample.clamped == 0
    with pytest.raises(ModelOutputError, match="output_range"):
        sample_scores(base(model(torch.inf)), toys.Counter(), pixels, 10, batch_size=4)
    sample = sample_scores(base(model(torch.inf), (0.0, 50.0)), toys.Counter(), pixels, 10, batch_size=4)
    assert sample.scores[:2].tolist() == [50.0, 1.0]
    assert sample.clamped == 4


def test_no_graph_is_kept(picture):
    weight = torch.ones(3, 12, 16, dtype=torch.float64, requires_grad=True)
    graphs = []

    def model(images):
        scores = (images * weight).sum((1, 2, 3))
        graphs.append(scores.requires_grad)
        return scores

    sample_scores(base(model), LatticeNoise(0.1, KEY), picture, 20, batch_size=8)
    assert graphs == [False] * 3


def test_n_that_fits_no_memory(toys, picture):
    with pytest.raises(InputError, match="'n'"):
        sample_scores(base(toys.mean), LatticeNoise(0.1, KEY), picture, 10**17, batch_size=8)


def test_automatic_batch_sizes():
    cpu = torch.device("cpu")
    assert automatic_batch_size((3, 512, 512), cpu) == 4
    assert automatic_batch_size((3, 8, 8), cpu) == 1024
    assert automatic_batch_size((117,), cpu) == 2048
    assert automatic_batch_size((1 << 30,), cpu) == 1
    assert automatic_batch_size((3, 10_000, 10_000), cpu) == 1
    assert automatic_batch_size((3, 512, 512), torch.device("cuda")) == 64
