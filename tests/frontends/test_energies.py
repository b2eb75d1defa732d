"""Energies: its bound, how tight it is, its arithmetic, and what it is made of."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import fft

from certiqa.errors import InputError
from certiqa.frontends import Energies, from_dict
from certiqa.frontends.bands import COLOURS, band_of, dct_error, dct_matrix
from certiqa.smoothing.declared import is_front_end

SMALL = Energies(side=64, rings=8, orientations=2, signed=3)
WAVES = Energies(side=64)
SIZES = [(16, 16), (16, 57), (33, 16), (47, 61), (64, 96), (90, 71), (16, 700)]


def picture(height: int, width: int, seed: int = 0, grey: bool = False) -> np.ndarray:
    """Smooth structure and texture, in [0, 1]."""
    rng = np.random.default_rng(seed)
    coarse = torch.from_numpy(rng.random((1, 1 if grey else 3, 4, 4)))
    smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic")[0].numpy()
    image = smooth + 0.1 * rng.standard_normal((1 if grey else 3, height, width))
    return np.broadcast_to(np.clip(image, 0, 1), (3, height, width)).copy()


def stretched(phi: Energies, image: np.ndarray, d: np.ndarray) -> float:
    """||phi(x + d) - phi(x)|| / ||d||, by the reference."""
    return float(np.linalg.norm(phi(image + d) - phi(image)) / np.linalg.norm(d))


def ascend(phi: Energies, image: np.ndarray, steps: int, size: float, seed: int = 0) -> tuple[float, np.ndarray]:
    """The largest stretch that gradient ascent finds over directions of one length, and the perturbation.

    Every step goes to the direction in which the current change grows fastest: the power method where phi is linear.
    """
    x = torch.from_numpy(image)[None]
    rng = np.random.default_rng(seed)
    d = torch.from_numpy(rng.standard_normal(image.shape))[None]
    clean, best, found = phi.of_tensor(x), 0.0, d
    for _ in range(steps):
        d = (d * (size / d.norm())).requires_grad_()
        change = (phi.of_tensor(x + d) - clean).norm()
        if float(change.detach()) / size > best:
            best, found = float(change.detach()) / size, d.detach()
        change.backward()
        d = d.grad.detach()
    return best, found[0].numpy()


# -- the bound --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_ascent_finds_no_more_than_the_bound_and_nearly_all_of_it(size, grey):
    image = picture(*size, grey=grey)
    bound = SMALL.lipschitz(*size)
    found = 0.0
    for length in (1e-3, 0.3):
        best, d = ascend(SMALL, image, 12, length)
        exact = stretched(SMALL, image, d)
        assert exact == pytest.approx(best, rel=1e-6)
        assert exact <= bound * (1 + 1e-9)
        found = max(found, exact)
    assert found >= 0.9 * bound


@pytest.mark.parametrize("size", [(47, 61), (90, 71)])
def test_far_perturbations_stay_within_the_bound(size):
    rng = np.random.default_rng(3)
    one, other = picture(*size, seed=1), picture(*size, seed=2)
    for d in (other - one, -one, 1.0 - one, rng.choice([-1.0, 1.0], one.shape)):
        assert stretched(SMALL, one, d) <= SMALL.lipschitz(*size) * (1 + 1e-9)


def test_a_large_photograph():
    image, phi = picture(3000, 4000), Energies()
    best, d = ascend(phi, image, 1, 1.0)
    low = np.full_like(image, 1e-3)
    assert stretched(phi, image, d) == pytest.approx(best, rel=1e-5)
    assert best <= phi.lipschitz(3000, 4000)
    assert 0.9 * phi.lipschitz(3000, 4000) <= stretched(phi, image, low) <= phi.lipschitz(3000, 4000)
    assert phi.size(3000, 4000) == (512, 683)


def test_the_bound_would_be_broken_by_overlapping_bands(monkeypatch):
    """A test of the tests: counting one coefficient twice is found out."""
    size = (47, 61)

    class Twice:
        def __getattr__(self, name):
            return getattr(SMALL, name)

        def __call__(self, values):
            return np.concatenate([SMALL(values), SMALL(values)[:3]])

        def of_tensor(self, images):
            numbers = SMALL.of_tensor(images)
            return torch.cat([numbers, numbers[:, -3:]], 1)

    best, _ = ascend(Twice(), picture(*size), 12, 1e-3)
    assert best > SMALL.lipschitz(*size) * 1.2


@pytest.mark.parametrize("size", [(512, 512), (500, 700), (64, 64)])
def test_its_units_are_rms(size):
    phi = Energies()
    assert phi.lipschitz(*size) == pytest.approx(1 / math.sqrt(3 * size[0] * size[1]), rel=1e-12)
    assert phi.lipschitz(*size) >= 1 / math.sqrt(3 * size[0] * size[1])


# -- the arithmetic ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
def test_the_rounding_bound_against_extended_precision(size):
    image = picture(*size)
    assert np.finfo(np.longdouble).eps < 1e-18 or pytest.skip("no extended precision here")
    rows, columns = SMALL.size(*size)
    wide = image.astype(np.longdouble)
    if (rows, columns) != size:
        from certiqa.data.resize import axis_matrix

        across = axis_matrix(size[1], columns).astype(np.longdouble).T
        wide = axis_matrix(size[0], rows).astype(np.longdouble) @ wide @ across
    colours = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]], np.longdouble)
    colours /= np.sqrt(np.square(colours).sum(1, keepdims=True))
    wide = (colours @ wide.reshape(3, -1)).reshape(3, rows, columns)
    wide = exact_dct(rows) @ wide @ exact_dct(columns).T / np.sqrt(np.longdouble(3 * rows * columns))
    labels = band_of(rows, columns, SMALL.rings, SMALL.orientations, SMALL.signed)
    norms = [[np.sqrt(np.square(wide[c][labels == band]).sum()) for band in range(SMALL.bands)] for c in range(3)]
    low = wide[:, : SMALL.signed, : SMALL.signed].reshape(3, -1)
    exact = np.concatenate([np.array(norms, np.longdouble), low], axis=1).ravel()
    assert np.abs(SMALL(image) - exact).max() <= SMALL.rounding(*size) < 1e-9


def exact_dct(length: int) -> np.ndarray:
    turns = np.outer(np.arange(length), 2 * np.arange(length) + 1) % (4 * length)
    pi = np.longdouble("3.14159265358979323846264338327950288")
    matrix = np.cos(turns * (pi / (2 * length))) * np.sqrt(np.longdouble(2) / length)
    matrix[0] = 1 / np.sqrt(np.longdouble(length))
    return matrix


@pytest.mark.parametrize("length", [16, 61, 512, 4096])
def test_the_dct_against_scipy(length):
    values = np.random.default_rng(0).standard_normal((length, 2))
    found = dct_matrix(length) @ values
    limit = 2 * dct_error(length) * np.linalg.norm(values)
    assert np.linalg.norm(found - fft.dct(values, axis=0, norm="ortho")) <= limit


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_tensors_agree_with_the_reference(size, dtype):
    images = np.stack([picture(*size, seed=1), picture(*size, seed=2, grey=True)])
    found = SMALL.of_tensor(torch.from_numpy(images).to(dtype))
    assert found.dtype == dtype
    expected = np.stack([SMALL(image) for image in images])
    np.testing.assert_allclose(found.numpy(), expected, rtol=0, atol=1e-12 if dtype == torch.float64 else 3e-6)


def test_the_gradient_at_bands_without_energy_is_finite():
    images = torch.zeros((1, 3, 40, 52), dtype=torch.float64, requires_grad=True)
    SMALL.of_tensor(images).sum().backward()
    assert bool(torch.isfinite(images.grad).all())
    grey = torch.from_numpy(picture(40, 52, grey=True))[None].requires_grad_()
    assert torch.autograd.gradcheck(lambda x: SMALL.of_tensor(x)[:, : SMALL.bands], grey[..., :16, :16], atol=1e-6)


# -- what it is -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("orientations", [1, 2])
def test_every_coefficient_is_in_exactly_one_place(size, orientations):
    phi = replace(SMALL, orientations=orientations)
    labels = band_of(*size, phi.rings, orientations, phi.signed)
    assert (labels == -1).sum() == phi.signed**2
    assert labels.max() < phi.bands
    image = picture(*size)
    if phi.size(*size) == size:
        assert np.square(phi(image)).sum() == pytest.approx(np.square(image).mean(), rel=1e-12)


def test_colours_are_orthonormal():
    np.testing.assert_allclose(COLOURS @ COLOURS.T, np.eye(3), atol=1e-15)


def test_a_grating_is_in_the_band_of_its_frequency_and_orientation():
    down = np.cos(np.pi * (np.arange(64) + 0.5) * 20 / 64)
    for wave, orientation in ((down[:, None] * np.ones(64), 0), (down[:, None] * down[None], 1)):
        numbers = SMALL(np.broadcast_to(0.5 + 0.4 * wave, (3, 64, 64)).copy()).reshape(3, -1)
        band = int(numbers[0, : SMALL.bands].argmax())
        assert band % 2 == orientation
        assert numbers[0, band] == pytest.approx(0.4 * math.sqrt(np.square(wave).mean()), rel=1e-12)
        assert np.abs(numbers[1:]).max() < 1e-12


def test_it_is_a_front_end_that_json_carries():
    assert is_front_end(SMALL)
    assert from_dict(SMALL.to_dict()) == SMALL
    assert len({replace(SMALL, **change).digest for change in ({}, {"rings": 9}, {"side": 65}, {"signed": 4})}) == 4
    assert SMALL.output_shape(16, 900) == (3 * (16 + 9),)
    assert Energies(side=64).words(128, 256) == f"{WAVES.numbers} band energies and low frequencies of the image " + (
        "reduced to 128x64"
    )


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"side": 10}, "'side'"),
        ({"rings": 2}, "'rings'"),
        ({"orientations": 3}, "'orientations'"),
        ({"orientations": True}, "'orientations'"),
        ({"signed": 17}, "'signed'"),
        ({"signed": 0}, "'signed'"),
    ],
)
def test_wrong_parameters(given, words):
    with pytest.raises(InputError, match=words):
        Energies(**given)


def test_too_small_an_image():
    with pytest.raises(InputError, match="16"):
        SMALL(np.zeros((3, 15, 40)))
