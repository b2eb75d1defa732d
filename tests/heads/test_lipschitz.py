"""Heads that bound themselves: K from above, exact where it can be, and an attack that never leaves the bounds."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logit

from certiqa.certifiers.lipschitz import BoundedHead
from certiqa.errors import InputError
from certiqa.heads.additive import AdditiveHead
from certiqa.heads.curves import Curves
from certiqa.heads.lipschitz import LipschitzHead
from certiqa.heads.norms import euclidean_norm, spectral_norm
from certiqa.heads.worst_case import largest_rises

RADII = np.concatenate([[0.0], 10 ** (-np.arange(60.0, 15.0, -3.0) / 20)])


def lipschitz(m=117, hidden=(32, 32), seed=0, gain=20.0):
    generator = torch.Generator().manual_seed(seed)
    head = LipschitzHead(m, hidden)
    for parameter in head.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator) / parameter.shape[-1:].numel() ** 0.5
    head.last.data *= gain
    head.centre.copy_(0.05 * torch.rand(m, generator=generator))
    return head.requires_grad_(False).eval()


def additive(m=117, knots=6, seed=0):
    generator = torch.Generator().manual_seed(seed)
    head = AdditiveHead(m, knots)
    spread = torch.sort(0.1 * torch.rand(m, knots, generator=generator), 1).values
    head.knots.copy_(spread + 1e-3 * torch.arange(knots))
    head.slopes.data = 5 * torch.randn(m, knots, generator=generator)
    return head.requires_grad_(False).eval()


def numbers(m, seed=0):
    return 0.1 * np.random.default_rng(seed).random(m)


def ascent(head, z, radius, sign, steps=80):
    """The score furthest from that of z that a projected gradient ascent in float64 finds on the ball."""
    head, start = head.double(), torch.tensor(z)
    generator = torch.Generator().manual_seed(1)
    best = None
    for restart in range(2):
        moved = torch.randn(len(z), dtype=torch.float64, generator=generator)
        moved *= (radius if restart else 0.0) / moved.norm()
        for step in range(steps):
            moved.requires_grad_()
            value = head.values(start[None] + moved)
            (gradient,) = torch.autograd.grad(sign * value.sum(), moved)
            best = max(sign * value.item(), -np.inf if best is None else best)
            moved = moved.detach() + gradient * radius * (1 - step / steps) / gradient.norm().clamp_min(1e-12)
            moved *= min(1.0, radius * (1 - 1e-12) / max(moved.norm().item(), 1e-300))
    return sign * best


HEADS = {"maxmin": lipschitz, "additive": additive, "linear": lambda **k: lipschitz(hidden=(), **k)}


@pytest.mark.parametrize("kind", HEADS)
@pytest.mark.parametrize("m", [1, 7, 117])
def test_ascent_never_leaves_the_bounds(kind, m):
    head = HEADS[kind](m=m)
    z = numbers(m)
    score, lower, upper = head.ball_bounds(z, RADII)
    for index in (4, 10):
        high, low = (ascent(head, z, float(RADII[index]), sign) for sign in (1, -1))
        assert lower[index] <= 100 / (1 + np.exp(-low)) <= score + 1e-9
        assert score - 1e-9 <= 100 / (1 + np.exp(-high)) <= upper[index]


def test_ascent_comes_close_to_the_additive_bound():
    head, z = additive(), numbers(117)
    value = float(head.double().values(torch.tensor(z)[None]))
    _, lower, upper = head.ball_bounds(z, RADII)
    for index in (4, 7, 10):
        radius = float(RADII[index])
        assert ascent(head, z, radius, 1) - value >= 0.97 * (logit(upper[index] / 100) - value)
        assert value - ascent(head, z, radius, -1) >= 0.97 * (value - logit(lower[index] / 100))


def test_the_oracle_can_fail():
    head, z = additive(), numbers(117)
    value = float(head.double().values(torch.tensor(z)[None]))
    _, _, upper = head.ball_bounds(z, RADII)
    assert ascent(head, z, float(RADII[7]), 1) > value + 0.9 * (logit(upper[7] / 100) - value)


@pytest.mark.parametrize("kind", ["linear", "additive"])
def test_linear_heads_are_exact(kind):
    generator = np.random.default_rng(2)
    w, z = generator.standard_normal(33), numbers(33)
    if kind == "linear":
        head = LipschitzHead(33, ())
        head.last.data = torch.tensor(w, dtype=torch.float32)
    else:
        head = AdditiveHead(33, 5)
        head.slopes.data = torch.tensor(w, dtype=torch.float32)[:, None].repeat(1, 5)
    norm = float(np.linalg.norm(w.astype(np.float32).astype(np.float64)))
    score, lower, upper = head.ball_bounds(z, RADII)
    value = logit(score / 100)
    np.testing.assert_allclose(logit(upper / 100) - value, norm * RADII, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(value - logit(lower / 100), norm * RADII, rtol=1e-6, atol=1e-9)
    assert norm <= head.lipschitz() <= norm * (1 + 1e-9)


def test_additive_against_a_grid_in_two_dimensions():
    head, z = additive(m=2, knots=4, seed=3), np.array([0.05, 0.06])
    angle, share = np.meshgrid(np.linspace(0, 2 * np.pi, 1441), np.linspace(0, 1, 101))
    for radius in (0.003, 0.02, 0.1):
        moved = z[:, None] + radius * share.ravel() * np.stack([np.cos(angle.ravel()), np.sin(angle.ravel())])
        values = head.double().values(torch.tensor(moved.T)).numpy()
        rises = largest_rises(head.curves(), z, np.array([radius]))
        found = values.max() - float(head.values(torch.tensor(z)[None]))
        assert found <= rises[0]
        assert rises[0] <= 1.25 * found + 1e-6  # a gap of duality, where the sum is not concave


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 10**6), st.sampled_from([1e-150, 1e-3, 1.0, 1e8]))
def test_spectral_norm_from_above(rows, columns, seed, scale):
    matrix = np.random.default_rng(seed).standard_normal((rows, columns)) * scale
    true = np.linalg.svd(matrix, compute_uv=False)[0]
    assert true * (1 - 1e-13) <= spectral_norm(matrix) <= true * (1 + 1e-9)
    assert np.linalg.norm(matrix) * (1 - 1e-13) <= euclidean_norm(matrix)


@pytest.mark.parametrize("matrix", [np.zeros((3, 4)), np.ones((4, 4)), np.eye(5), np.array([[1.0, 1e-9], [1e-9, 1.0]])])
def test_spectral_norm_of_degenerate_matrices(matrix):
    true = np.linalg.svd(matrix, compute_uv=False)[0]
    assert true <= spectral_norm(matrix) <= true * (1 + 1e-9)


def test_the_constant_is_above_the_product_and_near_it():
    head = lipschitz()
    true = np.linalg.norm(head.last.double())
    for weight in head.weights:
        true *= np.linalg.svd(weight.double().numpy(), compute_uv=False)[0]
    assert true <= head.lipschitz() <= true * (1 + 1e-8)


@pytest.mark.parametrize("kind", HEADS)
def test_bounds_grow_from_the_score_to_the_range(kind):
    head, z = HEADS[kind](), numbers(117)
    score, lower, upper = head.ball_bounds(z, np.array([0.0, 1e-6, 0.01, 0.1, 1.0, 1e6]))
    assert (np.diff(lower) <= 0).all()
    assert (np.diff(upper) >= 0).all()
    assert lower[0] <= score <= upper[0] <= lower[0] + 1e-6
    assert (lower[-1], upper[-1]) == (0.0, 100.0)
    for one, two in zip(head.bounds(z, np.array([0.01])), (lower[2], upper[2]), strict=True):
        assert one[0] == pytest.approx(two, abs=1e-6)


@pytest.mark.parametrize("kind", HEADS)
def test_float64_reference_and_torch_agree(kind):
    head, z = HEADS[kind](), numbers(117)
    score = head.ball_bounds(z, np.zeros(1))[0]
    assert float(head(torch.tensor(z, dtype=torch.float32)[None])) == pytest.approx(score, abs=1e-3)
    assert float(head.double()(torch.tensor(z)[None])) == pytest.approx(score, abs=1e-9)
    assert isinstance(head, BoundedHead)


def test_beyond_the_knots_a_curve_is_straight():
    curves = Curves.of(np.array([[0.0, 1.0]]), np.array([[-1.0, 3.0]]))
    at = {x: float(curves.at(np.array([x]))[0]) for x in (-2.0, 0.0, 0.5, 1.0, 2.0)}
    assert at == {-2.0: 2.0, 0.0: 0.0, 0.5: 0.0, 1.0: 1.0, 2.0: 4.0}
    assert 3.0 <= curves.lipschitz() <= 3.0 * (1 + 1e-9)


def test_knots_far_from_the_numbers_are_bounded_with_their_own_rounding():
    """Two curves of 1e10 cancel: float64 moves the sum by 2e-6 between numbers that are 1e-9 apart."""
    head = AdditiveHead(2, 2)
    head.knots.copy_(torch.tensor([[-1e9, -5e8]] * 2))
    head.slopes.data.copy_(torch.tensor([[10.0, 10.0], [-10.0, -10.0]]))
    places = [np.array([place, 0.0]) for place in np.arange(0, 4e-6, 1e-9)]
    sums = [head.curves().at(place).sum() for place in places]
    before = int(np.argmax(np.abs(np.diff(sums))))
    assert abs(sums[before + 1] - sums[before]) > 1e-6
    _, lower, upper = head.ball_bounds(places[before], np.array([1.001e-9]))
    assert lower[0] <= head.ball_bounds(places[before + 1], np.zeros(1))[0] <= upper[0]


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: LipschitzHead(0), "inputs"),
        (lambda: LipschitzHead(5, (3,)), "hidden"),
        (lambda: LipschitzHead(5, (0,)), "hidden"),
        (lambda: AdditiveHead(0), "inputs"),
        (lambda: AdditiveHead(3, 1), "knots"),
    ],
)
def test_wrong_sizes_are_refused(make, name):
    with pytest.raises(InputError, match=repr(name)):
        make()
