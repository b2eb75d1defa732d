"""Front ends at one image size: the grid and its rounding, the conversion of eps, and whose noise is whose."""

import hashlib
import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from certiqa.data import resize
from certiqa.data.images import read_image
from certiqa.data.resize import working_size
from certiqa.errors import ImageError, InputError
from certiqa.frontends import Identity, Resize, SizedFrontEnd
from certiqa.frontends.grid import subdivision
from certiqa.smoothing.noise import FineNoise, LatticeNoise, noise_key
from certiqa.smoothing.view import check_size, view_of

SIGMA = 0.25
CPU = torch.device("cpu")


def grid_pixels(picture, size, sigma):
    return SizedFrontEnd.of(Resize(size), picture.height, picture.width, sigma).apply(picture)


def random_picture(seed, height=30, width=40, kind="uint8"):
    values = np.random.default_rng(seed).integers(0, 256, (3, height, width), dtype=np.uint8)
    tensor = torch.from_numpy(values)
    return read_image(tensor if kind == "uint8" else (tensor.double() / 255.7).float())


# -- sizes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "resolution", "wanted"),
    [
        ((384, 512), 96, (96, 128)),
        ((512, 384), 96, (128, 96)),
        ((100, 100), 64, (64, 64)),
        ((500, 333), 64, (96, 64)),
        ((2, 5), 3, (3, 8)),  # 7.5, rounded up
        ((3, 1000), 2, (2, 667)),
        ((384, 512), (96, 96), (96, 96)),
        ((384, 512), None, (384, 512)),
        ((32, 48), 64, (64, 96)),
    ],
)
def test_working_sizes(size, resolution, wanted):
    assert working_size(*size, resolution) == wanted


@given(st.integers(2, 5000), st.integers(2, 5000), st.integers(2, 600))
def test_the_aspect_ratio_is_kept_to_half_a_pixel(height, width, shorter):
    h, w = working_size(height, width, shorter)
    assert min(h, w) == shorter
    exact = Fraction(shorter * max(height, width), min(height, width))
    assert abs(max(h, w) - exact) <= Fraction(1, 2)
    assert (h >= w) == (height >= width) or h == w


@pytest.mark.parametrize("sigma", [1e-9, 0.001, 0.002, 0.01, 0.06, 0.12, 0.25, 0.5, 1.0, 4.0])
def test_the_grid_is_fine_enough_and_no_finer(sigma):
    k = subdivision(sigma)
    assert k & (k - 1) == 0
    assert 1 <= k <= 2**15
    assert 255 * k * sigma >= 2**14 or k == 2**15
    assert 255 * k * sigma < 2**15


def test_sizes_beyond_reason_are_refused():
    assert Resize((512, 341)).fits(6000, 4000)
    assert not Resize(4096).fits(2, 3000)
    strip = read_image(torch.zeros(3, 2, 3000, dtype=torch.uint8))
    with pytest.raises(InputError, match=r"'resolution' must be less for tensor, 3000x2, which would become"):
        check_size(strip, None, Resize(4096))


def test_the_least_size_is_that_of_what_the_metric_sees():
    class Metric:
        min_size = 16

    picture = random_picture(1)
    check_size(picture, Metric(), Identity())
    check_size(picture, Metric(), Resize(16))
    check_size(random_picture(1, 8, 8), Metric(), Resize(16))
    with pytest.raises(ImageError, match=r"resized to 20x15; .* needs at least 16 pixels.*larger resolution"):
        check_size(picture, Metric(), Resize(15))


# -- the grid ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["uint8", "float"])
def test_the_grid_point_is_next_to_the_resized_image(kind):
    picture, levels = random_picture(2, kind=kind), 255 * subdivision(SIGMA)
    exact = resize.Resize(30, 40, 12, 16)(picture.pixels.astype(np.float64)) / (255 if kind == "uint8" else 1)
    grid = grid_pixels(picture, (12, 16), SIGMA)
    assert grid.dtype == np.int32
    assert grid.shape == (3, 12, 16)
    assert np.abs(grid / levels - exact).max() <= 0.5000001 / levels
    assert np.array_equal(grid_pixels(read_image(torch.full((3, 30, 40), 255, dtype=torch.uint8)), (12, 16), SIGMA),
                          np.full((3, 12, 16), levels))  # fmt: skip


@pytest.mark.parametrize("length", [1e-7, 1e-4, 1e-2, 1.0])
@pytest.mark.parametrize("sizes", [(30, 40, 12, 16), (30, 40, 29, 40), (12, 9, 25, 20)])
def test_grid_points_are_no_further_apart_than_the_norm_and_the_grid_allow(sizes, length):
    height, width, rows, columns = sizes
    sized = SizedFrontEnd.of(Resize((rows, columns)), height, width, SIGMA)
    random = np.random.default_rng(7)
    x = 0.2 + 0.6 * random.random((3, height, width))
    for d in (random.normal(size=x.shape), np.ones_like(x), np.sign(random.normal(size=x.shape))):
        moved = (x + d * length / np.linalg.norm(d)).clip(0, 1).astype(np.float32)
        start = x.astype(np.float32)
        eps = float(np.linalg.norm(moved.astype(np.float64) - start))
        one, other = (grid_pixels(read_image(torch.from_numpy(v)), (rows, columns), SIGMA) for v in (start, moved))
        apart = float(np.linalg.norm((one - other).astype(np.float64))) * sized.step
        assert apart <= sized.behind(eps)


def test_the_grids_share_is_needed_and_the_check_above_can_fail():
    """Two images a hair apart, on both sides of the middle between two grid points: whole steps apart on the grid."""
    sized = SizedFrontEnd.of(Resize((2, 2)), 4, 4, 4.0)
    levels = round(1 / sized.step)
    middle = (1000.5) / levels
    one, other = (
        grid_pixels(read_image(torch.full((3, 4, 4), v, dtype=torch.float32)), (2, 2), 4.0)
        for v in (np.nextafter(np.float32(middle), 0), np.float32(middle) + np.float32(1e-7))
    )
    apart = float(np.linalg.norm(one - other)) * sized.step
    assert apart == pytest.approx(sized.grid, rel=1e-6)  # sqrt(D) s: the bound is attained
    assert apart > 10 * sized.lipschitz * 4e-7 * math.sqrt(48)
    assert apart <= sized.behind(4e-7 * math.sqrt(48))


# -- the conversion ---------------------------------------------------------------------------------------------------

sized_front_ends = st.builds(
    SizedFrontEnd.of,
    st.builds(Resize, st.tuples(st.integers(2, 40), st.integers(2, 40))),
    st.integers(41, 80),
    st.integers(2, 80),
    st.sampled_from([0.01, 0.06, 0.25, 1.0, 4.0]),
)
lengths = st.floats(0, 1e6) | st.floats(0, 1) | st.floats(0, 1e-3)


@settings(max_examples=200, deadline=None)
@given(sized_front_ends, lengths, lengths)
def test_conversions_are_rounded_outward_and_monotone(sized, one, other):
    low, high = sorted((one, other))
    assert sized.behind(low) <= sized.behind(high)
    assert sized.before(low) <= sized.before(high)
    exact = Fraction(sized.lipschitz) * Fraction(low) + Fraction(sized.grid)
    assert Fraction(sized.behind(low)) >= exact
    assert sized.behind(low) <= float(exact) * (1 + 1e-15)
    eps = sized.before(high)
    assert eps >= 0
    if eps > 0:
        assert sized.behind(eps) <= high
        assert eps >= float((Fraction(high) - Fraction(sized.grid)) / Fraction(sized.lipschitz)) * (
            1 - 1e-9
        ) - 1e-12 * (high / sized.lipschitz)
    back = sized.before(sized.behind(low))
    assert back <= low * (1 + 1e-12) + 1e-300
    assert back >= low * (1 - 1e-12) - 1e-14 * sized.behind(low) / sized.lipschitz


def test_ends_of_the_conversion():
    sized = SizedFrontEnd.of(Resize((10, 10)), 40, 40, SIGMA)
    assert sized.before(math.inf) == math.inf
    for nothing in (0.0, sized.grid, math.nextafter(sized.grid, 0), -1.0):
        assert sized.before(nothing) == 0.0
    assert sized.behind(0.0) > sized.grid


@pytest.mark.parametrize("name", ["lipschitz", "rounding"])
@pytest.mark.parametrize("stated", [-1.0, math.nan, math.inf])
def test_a_front_end_that_states_no_constant_is_refused(name, stated, means, monkeypatch):
    """A negative constant gave ever smaller radii behind the front end to ever larger attacks."""
    monkeypatch.setattr(means, name, lambda self, height, width: stated)
    with pytest.raises(InputError, match="'front_end' must have a Lipschitz constant"):
        SizedFrontEnd.of(means(), 20, 30, 0.003)


def test_a_constant_front_end_covers_every_attack(means, monkeypatch):
    monkeypatch.setattr(means, "lipschitz", lambda self, height, width: 0.0)
    sized = SizedFrontEnd.of(means(), 20, 30, 0.003)
    assert sized.before(sized.grid) == 0.0
    assert sized.before(2 * sized.grid) > 1e300
    assert sized.behind(sized.before(2 * sized.grid)) <= 2 * sized.grid


@pytest.mark.parametrize("sigma", [0.06, 0.5])
def test_the_grids_share_is_what_the_theory_says(sigma):
    sized = SizedFrontEnd.of(Resize((96, 128)), 384, 512, sigma)
    s = 1 / (255 * subdivision(sigma))
    assert sized.step == s
    assert sized.dimension == 3 * 96 * 128
    exact = math.sqrt(sized.dimension) * s
    assert exact < sized.grid < exact * (1 + 1e-6)
    assert sized.grid < math.sqrt(sized.dimension) / 2**14 * sigma * (1 + 1e-6)
    assert sized.lipschitz == resize.Resize(384, 512, 96, 128).norm == pytest.approx(0.25, rel=4e-3)


# -- whose noise ------------------------------------------------------------------------------------------------------


def test_views():
    picture = random_picture(3)
    same = view_of(picture, Resize((30, 40)), SIGMA, 1, CPU)
    plain = view_of(picture, Identity(), SIGMA, 1, CPU)
    assert same.noise == plain.noise
    assert isinstance(same.noise, LatticeNoise)
    assert same.front_end == plain.front_end
    assert plain.front_end.is_identity
    assert torch.equal(same.values, torch.from_numpy(picture.pixels.copy()))
    view = view_of(picture, Resize(15), SIGMA, 1, CPU)
    assert isinstance(view.noise, FineNoise)
    assert view.front_end == SizedFrontEnd.of(Resize(15), 30, 40, SIGMA)
    assert view.values.shape == (3, 15, 20)
    assert view.values.dtype == torch.int32
    assert isinstance(view_of(random_picture(3, kind="float"), Resize(15), SIGMA, 1, CPU).noise, FineNoise)


def test_no_two_setups_share_a_key():
    setups = [
        (picture, Resize(resolution), sigma, seed)
        for picture in (random_picture(3), random_picture(4), random_picture(3, kind="float"))
        for sigma in (0.25, 0.5)
        for seed in (1, 2)
        for resolution in (15, (15, 40), (20, 15))
    ]
    keys = {view_of(*setup, CPU).noise.key for setup in setups}
    assert len(keys) == len(setups)
    flat = [read_image(torch.full((3, 30, 40), 7, dtype=torch.uint8)), read_image(torch.full((3, 28, 40), 7).byte())]
    views = [view_of(picture, Resize((10, 10)), 0.25, 1, CPU) for picture in flat]
    assert torch.equal(views[0].values, views[1].values)  # the same resized image ...
    assert views[0].noise.key != views[1].noise.key  # ... of two pictures


def test_keys_behind_a_resize_are_those_of_earlier_versions():
    """A seed that was revealed with a certificate of format version 2 draws the same noise today."""
    picture = read_image(torch.full((3, 30, 40), 7, dtype=torch.uint8))
    digest = hashlib.sha256(f"certiqa-working-1|{picture.sha256()}|15x20|{(0.25).hex()}".encode()).hexdigest()
    assert view_of(picture, Resize(15), 0.25, 1, CPU).noise.key == noise_key(1, digest)
    assert view_of(picture, Identity(), 0.25, 1, CPU).noise.key == noise_key(1, picture.sha256())
