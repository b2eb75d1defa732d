"""The learned front end: its constant bounds what attacks reach, and is reached; odd sizes; weights of any kind."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save

from certiqa.errors import InputError, WeightsError
from certiqa.frontends.learned import Learned
from certiqa.frontends.learned_maps import numbers
from certiqa.frontends.learned_weights import LearnedWeights, norm_bound

SIZES = [(32, 32), (33, 47), (32, 301), (257, 32), (97, 130), (160, 224), (520, 700)]


def picture(height: int, width: int, kind: str, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    if kind == "grey":
        return np.full((3, height, width), 0.5)
    if kind == "noise":
        return rng.random((3, height, width))
    ramp = np.linspace(0.1, 0.9, height)[:, None] * np.ones(width)
    return np.clip(ramp + 0.03 * rng.standard_normal((3, height, width)), 0, 1)


def changed(**tensors: np.ndarray) -> bytes:
    """The shipped weight file with some tensors replaced."""
    from importlib import resources

    shipped = load_file(str(resources.files("certiqa.frontends") / "weights" / "learned.safetensors"))
    return save(shipped | {name.replace("_", "."): tensor for name, tensor in tensors.items()})


def stretch(phi: Learned, x: torch.Tensor, delta: torch.Tensor) -> torch.Tensor:
    """||phi(x + d) - phi(x)|| / ||d||."""
    return (phi.of_tensor(x + delta) - phi.of_tensor(x)).norm() / delta.norm()


def steepest(phi: Learned, x: torch.Tensor, size: float, steps: int, seed: int) -> float:
    """The largest stretch that gradient ascent in d finds, ||d|| = size sqrt(d); L holds outside [0, 1], too."""
    generator = torch.Generator().manual_seed(seed)
    length = size * math.sqrt(x.numel())
    delta = torch.randn(x.shape, generator=generator, dtype=x.dtype)
    best = 0.0
    for _ in range(steps):
        delta = (delta * (length / delta.norm())).detach().requires_grad_(True)
        found = stretch(phi, x, delta)
        best = max(best, float(found.detach()))
        (gradient,) = torch.autograd.grad(found, delta)
        if float(gradient.norm()) == 0:
            break
        delta = delta + length * gradient / gradient.norm()
    return best


@pytest.mark.parametrize("kind", ["grey", "noise", "ramp"])
@pytest.mark.parametrize("size", SIZES[:6], ids=str)
def test_gradient_ascent_never_exceeds_the_constant(size: tuple[int, int], kind: str) -> None:
    phi, x = Learned(), torch.from_numpy(picture(*size, kind))[None]
    for seed, length in enumerate((1e-3, 3e-2)):
        found = steepest(phi, x, length, 12, seed)
        assert found <= phi.lipschitz(*size) * (1 + 1e-9)


@pytest.mark.parametrize(("size", "steps"), [((32, 64), 25), ((96, 128), 25), ((520, 552), 10)], ids=str)
def test_gradient_ascent_reaches_nine_tenths_of_the_constant(size: tuple[int, int], steps: int) -> None:
    phi, x = Learned(), torch.from_numpy(picture(*size, "ramp"))[None]
    best = steepest(phi, x, 1e-2, steps, 0)
    assert best >= 0.9 * phi.lipschitz(*size)


def test_the_ascent_sees_a_constant_that_is_too_small() -> None:
    """Of the test itself: weights three times too large, judged by the constant of the shipped ones, are found out."""
    shipped = LearnedWeights.shipped()
    large = (dataclasses.replace(shipped.fine[0], matrix=3 * shipped.fine[0].matrix), *shipped.fine[1:])
    phi = Learned(dataclasses.replace(shipped, fine=large))
    x = torch.from_numpy(picture(64, 64, "ramp"))[None]
    assert steepest(phi, x, 1e-2, 15, 0) > 1.5 * Learned().lipschitz(64, 64)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("kind", ["grey", "noise", "ramp"])
def test_tensor_and_reference_agree_and_lie_in_range(size: tuple[int, int], kind: str) -> None:
    phi, x = Learned(), picture(*size, kind)
    reference = phi(x)
    assert reference.shape == phi.output_shape(*size)
    assert reference.dtype == np.float64
    assert np.abs(reference).max() <= 1 + 1e-6
    np.testing.assert_allclose(phi.of_tensor(torch.from_numpy(x)[None])[0].numpy(), reference, atol=1e-13, rtol=0)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_extreme_pictures_stay_in_range(value: float) -> None:
    assert np.abs(Learned()(np.full((3, 64, 96), value))).max() <= 1 + 1e-6


def test_a_batch_is_its_pictures() -> None:
    phi = Learned()
    batch = torch.from_numpy(np.stack([picture(70, 66, "noise", seed) for seed in range(3)]))
    alone = torch.cat([phi.of_tensor(one[None]) for one in batch])
    np.testing.assert_allclose(phi.of_tensor(batch).numpy(), alone.numpy(), atol=1e-14, rtol=0)


@pytest.mark.skipif(np.finfo(np.longdouble).eps > 1e-18, reason="long double is no wider than double here")
@pytest.mark.parametrize("kind", ["grey", "noise", "ramp"])
@pytest.mark.parametrize("size", [(32, 32), (64, 96), (33, 257)], ids=str)
def test_rounding_bounds_the_distance_from_extended_precision(size: tuple[int, int], kind: str) -> None:
    phi, x = Learned(), picture(*size, kind)
    rows, columns = (side // 32 * 32 for side in size)
    top, left = (size[0] - rows) // 2, (size[1] - columns) // 2
    crop = x[:, top : top + rows, left : left + columns].astype(np.longdouble)
    exact = numbers(crop, phi.weights) / np.sqrt(np.longdouble(crop.size))
    assert exact.dtype == np.longdouble
    error = float(np.abs(phi(x) - exact).max())
    assert 0 < error <= phi.rounding(*size) < 1e-9


@pytest.mark.parametrize("shape", [(5, 5), (3, 9), (9, 3)])
def test_norm_bound_is_above_the_norm_and_close_for_orthogonal_matrices(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    for scale in (1e-3, 1.0, 1.7):
        matrix = scale * rng.standard_normal(shape)
        assert norm_bound(matrix) >= np.linalg.norm(matrix, 2)
    q = np.linalg.qr(rng.standard_normal((max(shape), max(shape))))[0][: shape[0], : shape[1]]
    assert np.linalg.norm(q, 2) <= norm_bound(q) <= 1 + 1e-12


def test_weights_that_are_not_orthogonal_get_a_larger_constant_that_is_true() -> None:
    shipped = LearnedWeights.shipped()
    damaged = LearnedWeights.of_bytes(changed(fine_0=(1.2 * shipped.fine[0].matrix).astype(np.float32)), "damaged")
    phi, x = Learned(damaged), torch.from_numpy(picture(64, 64, "ramp"))[None]
    unit = math.sqrt(3 * 64 * 64)
    found = steepest(phi, x, 1e-2, 20, 0)
    assert 1.05 < found * unit <= phi.lipschitz(64, 64) * unit
    assert Learned().lipschitz(64, 64) * unit < 1.0001
    one = shipped.fine[0].matrix.copy()
    one[0] = one[1]
    twice = Learned(LearnedWeights.of_bytes(changed(fine_0=one.astype(np.float32)), "twice"))
    assert twice.lipschitz(64, 64) * unit >= math.sqrt(2)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not safetensors at all",
        changed()[:-7],
        changed(fine_0=np.zeros((189, 191), np.float32)),
        changed(fine_0=np.full((189, 192), np.nan, np.float32)),
        changed(fine_0=np.zeros((189, 192), np.float64)),
        changed(group=np.zeros(189, np.int64) + 1),
        changed(stranger=np.zeros(3, np.float32)),
    ],
    ids=["empty", "text", "cut", "shape", "nan", "dtype", "groups", "stranger"],
)
def test_a_damaged_file_is_refused_in_one_line(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    path.write_bytes(data)
    with pytest.raises(WeightsError, match=r"weights\.safetensors") as caught:
        Learned.of_file(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="cannot be read"):
        Learned.of_file(tmp_path / "none.safetensors")


def test_the_digest_is_of_the_weights_and_the_dictionary_reads_back() -> None:
    phi = Learned()
    assert Learned.from_dict(phi.to_dict()) == phi
    assert hash(Learned.from_dict(phi.to_dict())) == hash(phi)
    bias = LearnedWeights.shipped().fine[0].bias.astype(np.float32) + np.float32(1e-3)
    other = Learned(LearnedWeights.of_bytes(changed(**{"fine_0_bias": bias}), "other"))
    assert other != phi
    assert other.digest != phi.digest
    with pytest.raises(InputError, match="weights"):
        Learned.from_dict(other.to_dict())


def test_small_pictures_are_refused() -> None:
    with pytest.raises(InputError, match="at least 32"):
        Learned().lipschitz(31, 64)


def test_gradients_are_finite_where_norms_vanish() -> None:
    x = torch.full((1, 3, 64, 64), 0.5, requires_grad=True)
    Learned().of_tensor(x).sum().backward()
    assert x.grad is not None
    assert bool(torch.isfinite(x.grad).all())
