"""The resize as a matrix: torch's own; its norm against exact rational arithmetic, closed forms and power iteration."""

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import interpolate

from certiqa.data import resize as module
from certiqa.data.resize import Resize, axis_matrix, spectral_norm

SIZES = [(2, 1), (4, 2), (7, 3), (33, 2), (64, 32), (65, 32), (100, 99), (512, 96), (1024, 512), (2, 7), (30, 50)]


def definite(matrix: np.ndarray, bound: float) -> bool:
    """Whether bound^2 I - A A^T is positive definite, by elimination in exact rational arithmetic: is ||A|| < bound?"""
    exact = [[Fraction(float(a)) for a in row] for row in matrix]
    n = len(exact)
    square = Fraction(bound) ** 2
    rows = [[(square if i == j else 0) - sum(map(lambda a, b: a * b, exact[i], exact[j])) for j in range(n)]
            for i in range(n)]  # fmt: skip
    for i in range(n):
        if rows[i][i] <= 0:
            return False
        for j in range(i + 1, n):
            factor = rows[j][i] / rows[i][i]
            rows[j] = [a - factor * b for a, b in zip(rows[j], rows[i], strict=True)]
    return True


@pytest.mark.parametrize(("length", "target"), SIZES)
def test_the_matrix_is_torchs(length, target):
    wide = torch.eye(length, dtype=torch.float64)[None, None]
    theirs = interpolate(wide, size=(target, length), mode="bilinear", antialias=True)[0, 0].numpy()
    ours = axis_matrix(length, target)
    assert np.abs(ours - theirs).max() < 1e-15
    assert ours.min() >= 0
    assert np.abs(ours.sum(1) - 1).max() < 1e-14
    with pytest.raises(ValueError, match="read-only"):
        ours[0, 0] = 1


@pytest.mark.parametrize(("length", "target"), [(5, 3), (9, 4), (12, 6), (7, 6), (3, 6)])
def test_the_norm_is_a_bound_in_exact_arithmetic_and_the_check_can_fail(length, target):
    matrix = axis_matrix(length, target)
    bound = spectral_norm(matrix)
    small = matrix if target <= length else matrix.T
    assert definite(small, bound)
    assert not definite(small, bound * (1 - 1e-9))


@pytest.mark.parametrize(("length", "target"), SIZES)
def test_the_norm_is_tight(length, target):
    matrix = axis_matrix(length, target)
    assert 0 <= spectral_norm(matrix) / np.linalg.norm(matrix, ord=2) - 1 < 1e-10


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 90), st.integers(1, 90))
def test_the_norm_of_any_resize_is_tight(length, target):
    matrix = axis_matrix.__wrapped__(length, target)
    assert -1e-15 < spectral_norm(matrix) / np.linalg.norm(matrix, ord=2) - 1 < 1e-9


def test_closed_forms():
    assert spectral_norm(axis_matrix(11, 11)) == 1.0
    assert Resize(8, 11, 8, 11).norm == 1.0
    # [[3, 3, 1, 0], [0, 1, 3, 3]] / 7: A A^T = [[19, 6], [6, 19]] / 49
    assert spectral_norm(axis_matrix(4, 2)) == pytest.approx(5 / 7, rel=1e-13)
    assert spectral_norm(axis_matrix(2, 1)) == pytest.approx(math.sqrt(0.5), rel=1e-13)
    for length in (128, 512, 1024):  # a long signal halved: 1/sqrt(2), and the border's share
        assert math.sqrt(0.5) < spectral_norm(axis_matrix(length, length // 2)) < 0.70756
    assert 0.5 < Resize(768, 1024, 384, 512).norm < 0.501  # the design's .50
    assert Resize(20, 20, 40, 40).norm > 1.9  # twice as many pixels each way: a flat change doubles its length


@pytest.mark.parametrize("sizes", [(24, 32, 9, 12), (40, 30, 8, 30), (10, 12, 15, 9)])
def test_power_iteration_on_the_whole_map_finds_no_more(sizes):
    resize = Resize(*sizes)
    rows, columns = axis_matrix(sizes[0], sizes[2]), axis_matrix(sizes[1], sizes[3])
    d = np.random.default_rng(1).random(sizes[:2])
    for _ in range(3000):
        d = rows.T @ resize(d) @ columns
        d /= np.linalg.norm(d)
    found = np.linalg.norm(resize(d))
    assert found <= resize.norm < found * (1 + 1e-6)


def test_signed_kernels_are_bounded_too():
    matrix = np.random.default_rng(0).normal(size=(5, 9))
    assert 1 < spectral_norm(matrix) / np.linalg.norm(matrix, ord=2) < 1 + 1e-10


def test_it_is_linear_and_keeps_constants():
    resize, random = Resize(13, 17, 6, 23), np.random.default_rng(2)
    a, b = random.random((2, 3, 13, 17))
    np.testing.assert_allclose(resize(2 * a - 3 * b), 2 * resize(a) - 3 * resize(b), atol=1e-13)
    assert np.abs(resize(np.full((3, 13, 17), 0.3)) - 0.3).max() < 1e-15
    assert resize(a.astype(np.float32)).dtype == np.float64
    assert resize((255 * a).astype(np.uint8)).shape == (3, 6, 23)


def test_its_rounding_is_what_it_says():
    sizes = (30, 21, 7, 9)
    resize, values = Resize(*sizes), np.random.default_rng(3).integers(0, 256, (30, 21))
    rows, columns = ([[Fraction(float(a)) for a in row] for row in axis_matrix(*s)] for s in ((30, 7), (21, 9)))
    got = resize(values)
    for i in (0, 3, 6):
        for j in (0, 4, 8):
            exact = sum(
                r * c * int(values[y, x]) for y, r in enumerate(rows[i]) for x, c in enumerate(columns[j]) if r and c
            )
            assert abs(Fraction(float(got[i, j])) - exact) <= Fraction(resize.rounding) * exact


def test_the_tensor_face_is_the_same_map_and_its_gradient_the_adjoint():
    resize = Resize(13, 17, 6, 8)
    image = torch.rand(2, 3, 13, 17, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).requires_grad_()
    small = resize.of_tensor(image)
    np.testing.assert_allclose(small.detach().numpy(), resize(image.detach().numpy()), atol=1e-15)
    weight = torch.rand(2, 3, 6, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    (gradient,) = torch.autograd.grad((weight * small).sum(), image)
    adjoint = axis_matrix(13, 6).T @ weight.numpy() @ axis_matrix(17, 8)
    np.testing.assert_allclose(gradient.numpy(), adjoint, atol=1e-15)
    assert resize.of_tensor(image.float()).dtype == torch.float32


def test_matrices_and_norms_are_computed_once():
    module._axis_norm.cache_clear()
    resize = Resize(50, 60, 20, 30)
    assert resize.norm == resize.norm
    assert module._axis_norm.cache_info().misses == 2
