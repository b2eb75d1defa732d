"""The theorem's levels, and what eps means."""

from __future__ import annotations

import math

import mpmath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from certiqa.statistics.percentile import (
    eps_from_linf,
    eps_from_psnr,
    eps_from_rms,
    linf_step,
    psnr_db,
    rms_grey_levels,
    shifted_level,
    shifted_radius,
)

D = 3 * 384 * 512


@pytest.mark.parametrize("r", [0.0, 0.25, 1.0, 3.0, 6.0, 8.0])
@pytest.mark.parametrize("p", [0.5, 0.448, 1e-6, 0.999])
def test_level_against_mpmath_never_above(r, p):
    with mpmath.workdps(40):
        exact = mpmath.ncdf(mpmath.sqrt(2) * mpmath.erfinv(2 * mpmath.mpf(p) - 1) - r)
        level = shifted_level(r, p)
        assert level <= exact
        assert level == pytest.approx(float(exact), rel=1e-11)


def test_level_at_the_edges():
    assert shifted_level(40.0) == 0.0
    assert shifted_level(math.inf) == 0.0
    assert shifted_level(1.0, slack=0.2) == 0.0
    assert shifted_level(0.0) == pytest.approx(0.5, abs=1e-12)
    assert shifted_level(1.0, slack=0.05) == pytest.approx(0.10865525, abs=1e-8)  # the slack is taken off the level
    assert shifted_level(-2.0) == pytest.approx(0.97724987, abs=1e-8)


def test_radius_at_the_edges():
    assert shifted_radius(0.0) == math.inf
    assert shifted_radius(1.0) == -math.inf
    assert shifted_radius(0.9, slack=0.1) == -math.inf
    assert shifted_radius(0.5) == pytest.approx(0.0, abs=1e-11)


@given(st.floats(1e-12, 0.999), st.floats(1e-9, 1 - 1e-9), st.sampled_from([0.0, 1e-11, 0.01]))
def test_radius_is_the_largest(level, p, slack):
    r = shifted_radius(level, p, slack)
    if r == -math.inf:
        assert level + slack >= 1 - 1e-9
        return
    if r >= -5:  # so far that one ulp of a level near 1 does not matter
        assert shifted_level(r, p, slack) >= level
    assert shifted_level(r + 1e-6, p, slack) <= level


@given(st.floats(0, 30), st.floats(0, 5), st.floats(0, 0.4))
def test_level_is_monotone(r, more, slack):
    assert shifted_level(r + more) <= shifted_level(r)
    assert shifted_level(r, slack=slack) <= shifted_level(r)
    assert shifted_level(r, 0.4) <= shifted_level(r, 0.5)


def test_golden_meaning_of_eps():
    assert rms_grey_levels(0.05, D) == pytest.approx(0.017, abs=5e-4)
    assert psnr_db(0.05, D) == pytest.approx(83.7, abs=0.05)
    assert eps_from_rms(1.0, D) == pytest.approx(3.01, abs=5e-3)  # one grey level everywhere
    assert eps_from_linf(1 / 255, D) == pytest.approx(3.01, abs=5e-3)
    assert eps_from_linf(4 / 255, D) == pytest.approx(12.0, abs=0.1)
    assert eps_from_rms(math.sqrt(1 / 12), D) == pytest.approx(0.87, abs=5e-3)  # 8-bit rounding alone
    assert psnr_db(0.0, D) == math.inf


@given(st.floats(1e-6, 100), st.integers(3, 10**8))
def test_meanings_are_inverses(eps, dimension):
    assert eps_from_rms(rms_grey_levels(eps, dimension), dimension) == pytest.approx(eps, rel=1e-12)
    assert eps_from_linf(linf_step(eps, dimension), dimension) == pytest.approx(eps, rel=1e-12)
    assert eps_from_psnr(psnr_db(eps, dimension), dimension) == pytest.approx(eps, rel=1e-9)
    assert psnr_db(eps, dimension) == pytest.approx(-20 * math.log10(rms_grey_levels(eps, dimension) / 255), abs=1e-9)
