"""The law of the lattice noise: its thresholds against mpmath, its table against the thresholds, its slack."""

import dataclasses
from bisect import bisect_right
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import torch

from certiqa.smoothing import lattice
from certiqa.smoothing.lattice import lattice_law, thresholds, torch_law, tv_slack

SIGMAS = (0.0005, 0.001, 0.01, 0.12, 1.0)
LOW48 = np.uint64(2**48 - 1)


def exact_cdf(sigma, j):
    """P[z < j], to 60 digits, by another formula than the package's (ncdf, not erfc)."""
    with mpmath.workdps(60):
        return mpmath.ncdf((mpmath.mpf(j) - mpmath.mpf("0.5")) / (255 * mpmath.mpf(sigma)))


@pytest.mark.parametrize("sigma", SIGMAS[:4])
def test_thresholds_are_correctly_rounded(sigma):
    exact = thresholds(sigma)
    reach = len(exact) // 2
    with mpmath.workdps(60):
        for j in range(1 - reach, reach + 1):
            assert exact[j + reach - 1] == int(mpmath.nint(exact_cdf(sigma, j) * 2**64))
        for j in (-reach, -reach - 1):  # nothing was left out; the upper side follows by symmetry
            assert mpmath.nint(exact_cdf(sigma, j) * 2**64) == 0


@pytest.mark.parametrize("sigma", [*SIGMAS, 4.0])
def test_thresholds_rise_and_are_symmetric(sigma):
    exact = thresholds(sigma)
    assert len(exact) % 2 == 0
    assert list(exact) == sorted(exact)
    assert all(0 < t < 2**64 for t in exact)
    assert all(a + b == 2**64 for a, b in zip(exact, reversed(exact), strict=True))


@pytest.mark.parametrize("sigma", [1e-5, 1e-300, 5e-324])
def test_no_threshold_means_no_noise(sigma):
    law = lattice_law(sigma)
    assert thresholds(sigma) == ()
    assert not law.table.any()
    assert tv_slack(sigma, 1) == 2.0**-64


def total_variation(sigma):
    exact = thresholds(sigma)
    reach = len(exact) // 2
    with mpmath.workdps(60):
        ours = [mpmath.mpf(b - a) / 2**64 for a, b in zip((0, *exact), (*exact, 2**64), strict=True)]
        cdf = [exact_cdf(sigma, j) for j in range(-reach, reach + 2)]
        inside = sum(abs(p - (b - a)) for p, a, b in zip(ours, cdf, cdf[1:], strict=False))
        return (inside + cdf[0] + exact_cdf(sigma, -reach)) / 2  # the upper tail equals the lower


@pytest.mark.parametrize("sigma", [0.001, 0.01, 0.12])
def test_slack_bounds_the_true_total_variation(sigma):
    true, bound = total_variation(sigma), tv_slack(sigma, 1)
    assert 0 < true <= bound
    assert bound < 8 * true  # and not by a careless margin


def test_slack_is_rounded_up_linear_and_capped():
    per_element = len(thresholds(0.12)) + 2
    for dimension in (1, 3, 786432, 10**9, 3**40 + 2, *range(2**53, 2**53 + 40)):
        assert Fraction(tv_slack(0.12, dimension)) >= min(Fraction(1), Fraction(per_element * dimension, 2**65))
        assert tv_slack(0.12, dimension) <= min(1.0, per_element * dimension / 2**65 * (1 + 1e-15))
    assert tv_slack(0.12, 10**30) == 1.0
    assert tv_slack(0.12, 512 * 512 * 3) < 2e-11


def adversarial(law) -> np.ndarray:
    """Every threshold, its two neighbours, the ends, the cells' edges, and uniform values."""
    edges = [int(c) + e for c in law.cells for e in (-1, 0, 1, 2**48 - 1, 2**48)]
    near = [int(t) + e for t in law.thresholds for e in (-1, 0, 1)]
    uniform = np.random.Philox(key=11).random_raw(20_000).tolist()
    return np.array([u for u in (*near, *edges, 0, 2**64 - 1, *uniform) if 0 <= u < 2**64], dtype=np.uint64)


def follows_thresholds(law, exact) -> bool:
    """Is the table with its refinement the 64-bit search, on the hardest draws?"""
    u = adversarial(law)
    lanes = (u >> np.uint64(48)).astype(np.uint16)
    rubbish = np.random.Philox(key=12).random_raw(u.size) & ~LOW48  # the top bits of a refinement must not matter
    out = np.empty(u.size, dtype=np.int16)
    coded = law.table[lanes] < -law.reach
    law.place(lanes, out, lambda n: (u & LOW48 | rubbish)[coded])
    return out.tolist() == [bisect_right(exact, int(v)) - len(exact) // 2 for v in u]


@pytest.mark.parametrize("sigma", [*SIGMAS, 4.0])
def test_table_and_refinement_are_the_64_bit_search(sigma):
    assert follows_thresholds(lattice_law(sigma), thresholds(sigma))


def test_thresholds_on_the_edges_of_cells(monkeypatch):
    low48, cell = 2**48 - 1, 1 << 48
    lower = [1, 5 * cell, 9 * cell + low48, 20 * cell + 1, 20 * cell + 2, 2**63 - 3]
    exact = (*lower, *(2**64 - t for t in reversed(lower)))
    monkeypatch.setattr(lattice, "thresholds", lambda sigma: exact)
    law = lattice.lattice_law.__wrapped__(0.5)
    assert {int(c) // cell for c in law.cells} >= {0, 9, 20}
    assert 5 * cell not in law.cells  # a threshold at the start of a cell does not split it
    assert follows_thresholds(law, exact)


def test_the_search_check_can_fail():
    law = lattice_law(0.12)
    off_by_one = dataclasses.replace(law, thresholds=law.thresholds + np.uint64(1))
    shifted = dataclasses.replace(law, table=np.roll(law.table, 1))
    assert not follows_thresholds(off_by_one, thresholds(0.12))
    assert not follows_thresholds(shifted, thresholds(0.12))
    coarse_only = law.table.copy()
    coarse_only[coarse_only < -law.reach] = 0
    assert not follows_thresholds(dataclasses.replace(law, table=coarse_only), thresholds(0.12))


@pytest.mark.parametrize("sigma", [*SIGMAS, 4.0])
def test_codes_lie_below_every_value_and_masses_add_up(sigma):
    law = lattice_law(sigma)
    values = law.table[law.table >= -law.reach]
    assert int(law.table.min(initial=0)) >= -(2**15)
    assert law.cells.size - 2**15 - 1 < -law.reach
    assert values.size + law.cells.size == 2**16
    assert bool((np.diff(values.astype(int)) >= 0).all())
    assert np.array_equal(values, -values[::-1])


def test_tables_are_shared_and_cannot_be_written():
    assert lattice_law(0.12) is lattice_law(0.12)
    with pytest.raises(ValueError, match="read-only"):
        lattice_law(0.12).table[0] = 1


@pytest.mark.parametrize("sigma", [0.001, 0.12, 4.0])
def test_torch_tables_refine_alike(sigma):
    law, twin = lattice_law(sigma), torch_law(sigma, torch.device("cpu"))
    u = adversarial(law)
    codes = law.table[(u >> np.uint64(48)).astype(np.intp)]
    coded = twin.ambiguous(torch.from_numpy(codes))
    assert np.array_equal(coded.numpy(), codes < -law.reach)
    hard = u[coded.numpy()]
    got = twin.refine(torch.from_numpy(codes)[coded], torch.from_numpy(hard.view(np.int64)))
    exact = thresholds(sigma)
    assert got.tolist() == [bisect_right(exact, int(v)) - law.reach for v in hard]
