"""The fine grid's law: thresholds against mpmath, table against the full search, slack against the true distance."""

import dataclasses
from bisect import bisect_right
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import torch

from certiqa.frontends.grid import subdivision
from certiqa.smoothing import fine_lattice
from certiqa.smoothing.fine_lattice import fine_law, fine_reach, fine_thresholds, fine_tv_slack, torch_fine_law
from certiqa.smoothing.lattice import thresholds

SMALL = (1e-5, 1.5e-4)  # 84 and 1253 steps in sigma: by mpmath, and by the series
SIGMAS = (*SMALL, 0.06, 0.25, 4.0)
STEPS = {sigma: 255 * subdivision(sigma) for sigma in SIGMAS}


def exact_cdf(sigma, j):
    """P[z < j], to 60 digits, by another formula than the package's."""
    with mpmath.workdps(60):
        return mpmath.ncdf((mpmath.mpf(int(j)) - mpmath.mpf("0.5")) / (STEPS[sigma] * mpmath.mpf(sigma)))


def wrong(sigma, rising) -> int:
    """How many of some 400 thresholds, in the tails, the middle and anywhere, are not the correctly rounded ones."""
    reach = len(rising) // 2
    ends = [*range(1 - reach, 21 - reach), *range(-20, 21), *range(reach - 20, reach + 1)]
    anywhere = np.random.default_rng(0).integers(1 - reach, reach + 1, 300).tolist()
    with mpmath.workdps(60):
        return sum(int(rising[j + reach - 1]) != int(mpmath.nint(exact_cdf(sigma, j) * 2**64)) for j in ends + anywhere)


@pytest.mark.parametrize("sigma", SIGMAS)
def test_thresholds_are_correctly_rounded(sigma):
    rising = fine_thresholds(sigma)
    reach = len(rising) // 2
    assert wrong(sigma, rising) == 0
    assert mpmath.nint(exact_cdf(sigma, -reach) * 2**64) == 0  # nothing was left out
    assert reach == fine_reach(sigma)
    assert bool((rising[1:] >= rising[:-1]).all())
    assert bool((rising + rising[::-1] == 0).all())  # modulo 2**64: symmetric
    assert rising[0] > 0


def test_the_threshold_check_can_fail():
    rising = fine_thresholds(0.25)
    assert wrong(0.25, rising + np.uint64(1)) > 300
    assert wrong(0.25, np.roll(rising, 1)) > 300


def test_without_a_finer_grid_both_ways_give_the_8_bit_law(monkeypatch):
    monkeypatch.setattr(fine_lattice, "subdivision", lambda sigma: 1)
    monkeypatch.setattr(fine_lattice, "fine_reach", fine_lattice.fine_reach.__wrapped__)
    for sigma, series_from in ((0.12, 1024), (0.5, 10)):
        monkeypatch.setattr(fine_lattice, "_SERIES_FROM", series_from)
        assert fine_lattice.fine_thresholds.__wrapped__(sigma).tolist() == list(thresholds(sigma))


def total_variation(sigma):
    rising = fine_thresholds(sigma).tolist()
    reach = len(rising) // 2
    with mpmath.workdps(50):
        ours = [mpmath.mpf(b - a) / 2**64 for a, b in zip((0, *rising), (*rising, 2**64), strict=True)]
        cdf = [exact_cdf(sigma, j) for j in range(-reach, reach + 2)]
        inside = sum(abs(p - (b - a)) for p, a, b in zip(ours, cdf, cdf[1:], strict=False))
        return (inside + cdf[0] + exact_cdf(sigma, -reach)) / 2


def test_slack_bounds_the_true_total_variation():
    true, bound = total_variation(SMALL[0]), fine_tv_slack(SMALL[0], 1)
    assert 0 < true <= bound < 8 * true


def test_slack_is_rounded_up_linear_and_capped():
    per_element = 2 * fine_reach(0.25) + 2
    for dimension in (1, 12288, 3**40 + 2, *range(2**53, 2**53 + 9)):
        assert Fraction(fine_tv_slack(0.25, dimension)) >= min(Fraction(1), Fraction(per_element * dimension, 2**65))
    assert fine_tv_slack(0.25, 12288) < 2.1e-10
    assert fine_tv_slack(0.25, 10**30) == 1.0


def adversarial(law) -> np.ndarray:
    """Thresholds, their neighbours, the cells' edges, the ends, and uniform values."""
    random = np.random.default_rng(5)
    some = law.thresholds[random.integers(0, law.thresholds.size, 4000)] if law.thresholds.size else np.zeros(0, "u8")
    ends = np.concatenate([law.thresholds[:200], law.thresholds[-200:]])
    near = np.concatenate([some, ends])
    edges = random.integers(0, 1 << 20, 2000).astype(np.uint64) << np.uint64(44)
    tails = np.random.Philox(key=3).random_raw(2000) >> np.uint64(14)
    uniform = np.random.Philox(key=11).random_raw(20_000)
    one = np.uint64(1)
    return np.concatenate(
        [near, near - one, near + one, edges, edges - one, tails, ~tails, uniform, np.array([0, 2**64 - 1], "u8")]
    )


def follows_thresholds(law, rising) -> bool:
    u = adversarial(law)
    out = np.empty(u.size, dtype=np.int32)
    law.place(u, out)
    exact = rising.tolist()
    return out.tolist() == [bisect_right(exact, v) - len(exact) // 2 for v in u.tolist()]


@pytest.mark.parametrize("sigma", SIGMAS)
def test_the_table_is_the_64_bit_search(sigma):
    assert follows_thresholds(fine_law(sigma), fine_thresholds(sigma))


def test_the_search_check_can_fail():
    law, rising = fine_law(0.25), fine_thresholds(0.25)
    assert not follows_thresholds(dataclasses.replace(law, thresholds=law.thresholds + np.uint64(1)), rising)
    assert not follows_thresholds(dataclasses.replace(law, table=np.roll(law.table, 1)), rising)
    assert not follows_thresholds(dataclasses.replace(law, several=np.zeros_like(law.several)), rising)


@pytest.mark.parametrize("sigma", [1e-9, 1e-300, 5e-324])
def test_no_threshold_means_no_noise(sigma):
    assert fine_thresholds(sigma).size == 0
    assert fine_tv_slack(sigma, 1) == pytest.approx(2.0**-64)
    out = np.full(5, 7, dtype=np.int32)
    fine_law(sigma).place(np.random.Philox(key=1).random_raw(5), out)
    assert not out.any()


@pytest.mark.parametrize("sigma", [1e-5, 0.25])
def test_torch_places_alike(sigma):
    law = fine_law(sigma)
    u = adversarial(law)
    out = np.empty(u.size, dtype=np.int32)
    law.place(u, out)
    got = torch_fine_law(sigma, torch.device("cpu")).place(torch.from_numpy(u.view(np.int64)))
    assert got.dtype == torch.int32
    assert np.array_equal(got.numpy(), out)


def test_tables_are_shared_and_cannot_be_written():
    assert fine_law(0.25) is fine_law(0.25)
    for array in (fine_law(0.25).table, fine_thresholds(0.25)):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
