"""Budgets: exactly kept in float64, the projections optimal, 8-bit images inside, SSIM that of scikit-image."""

import math

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from skimage.metrics import structural_similarity

from certiqa import attacks
from certiqa.attacks.budgets import L2, SSIM, Budget, LInf, Perceptual
from certiqa.attacks.ssim import ssim
from certiqa.errors import InputError, ModelOutputError, UnknownNameError

SHAPES = [(2, 3, 5, 7), (1, 3, 2, 2), (3, 3, 16, 13)]


def mae(images, clean):
    return (images - clean).abs().mean((1, 2, 3))


def exact(clean):
    return clean.double() / 255 if clean.dtype == torch.uint8 else clean.double()


@pytest.mark.parametrize("text", ["linf:4/255", "linf:0.0123", "l2:0.5", "ssim:0.98", "linf:1"])
def test_text_and_budget_are_one(text):
    budget = Budget.parse(text)
    assert Budget.parse(str(budget)) == budget
    assert Budget.parse(budget) is budget
    assert attacks.LInf(4 / 255) == Budget.parse("linf:4/255")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("linf:0", "in (0, 1]"),
        ("linf:1.01", "in (0, 1]"),
        ("linf:4", "n/255"),
        ("linf:nan", "in (0, 1]"),
        ("l2:-1", "finite number > 0"),
        ("l2:inf", "finite number > 0"),
        ("ssim:1", "Try 0.98"),
        ("l2:", "KIND:AMOUNT"),
        ("l2:1/0", "KIND:AMOUNT"),
        ("l3:1", "Did you mean 'l2'"),
        (3, "must be a budget or its text"),
    ],
)
def test_bad_budgets(text, says):
    with pytest.raises(InputError) as caught:
        Budget.parse(text)
    assert says in str(caught.value)
    assert issubclass(UnknownNameError, InputError)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("eps", [1e-6, 1 / 255, 0.01, 0.3, 1.0])
def test_what_is_projected_is_inside_as_real_numbers(help_, shape, eps):
    clean = help_.noise(*shape, seed=1).round(decimals=1)  # with 0 and 1 among them
    wild = help_.noise(*shape, seed=2, low=-3, high=4)
    for budget in (LInf(eps), L2(eps)):
        for images in (budget.project(wild, clean), budget.along(wild - 0.5, clean), budget.steepest(wild, clean)):
            assert images.dtype == torch.float32
            assert float(images.min()) >= 0
            assert float(images.max()) <= 1
            change = images.double() - clean.double()
            used = change.abs().amax((1, 2, 3)) if budget.kind == "linf" else change.flatten(1).norm(dim=1)
            assert bool((used <= eps).all()), "no tolerance"


@pytest.mark.parametrize("budget", [LInf(0.2), L2(0.4)])
def test_the_projection_is_the_nearest_point(help_, budget):
    clean = help_.noise(1, 3, 2, 2, seed=3).round(decimals=1)
    wild = help_.noise(1, 3, 2, 2, seed=4, low=-0.5, high=1.5)
    ours = budget.project(wild, clean).double().flatten().numpy()
    c, w = clean.double().flatten().numpy(), wild.double().flatten().numpy()
    if budget.kind == "linf":
        expected = np.clip(w, np.maximum(c - 0.2, 0), np.minimum(c + 0.2, 1))
    else:
        inside = {"type": "ineq", "fun": lambda x: 0.4**2 - ((x - c) ** 2).sum()}
        expected = minimize(
            lambda x: ((x - w) ** 2).sum(), c, jac=lambda x: 2 * (x - w), bounds=[(0, 1)] * 12, constraints=inside,
            method="SLSQP", options={"ftol": 1e-14, "maxiter": 500},
        ).x  # fmt: skip
    assert ours == pytest.approx(expected, abs=2e-5)


@pytest.mark.parametrize("budget", [LInf(0.2), L2(0.5)])
def test_the_steepest_point_is_best_for_a_linear_score_in_the_box(help_, budget):
    clean = help_.noise(1, 3, 2, 2, seed=5).round(decimals=1)
    g = help_.noise(1, 3, 2, 2, seed=6, low=-1)
    ours = budget.steepest(g, clean)
    c, slope = clean.double().flatten().numpy(), g.double().flatten().numpy()
    inside = {"type": "ineq", "fun": lambda x: 0.5**2 - ((x - c) ** 2).sum()}
    bounds = [(0, 1)] * 12 if budget.kind == "l2" else [(max(v - 0.2, 0), min(v + 0.2, 1)) for v in c]
    best = minimize(
        lambda x: -(slope * x).sum(), c, jac=lambda x: -slope, bounds=bounds, method="SLSQP",
        constraints=inside if budget.kind == "l2" else (), options={"ftol": 1e-14, "maxiter": 500},
    )  # fmt: skip
    assert float((g.double() * ours.double()).sum()) == pytest.approx(-best.fun, abs=1e-5)


@pytest.mark.parametrize("budget", [LInf(0.1), L2(0.1), SSIM(0.9), Perceptual(mae, 0.01)])
def test_no_gradient_no_step(help_, budget):
    clean = help_.noise(2, 3, 8, 8)
    zero = torch.zeros_like(clean)
    assert torch.equal(budget.steepest(zero, clean), clean)
    assert torch.equal(budget.direction(zero), zero)
    assert bool(torch.isfinite(budget.radius(zero, clean)).all())
    tiny = torch.full_like(clean, 1e-30)
    assert bool((budget.steepest(tiny, clean) - clean).abs().amax((1, 2, 3)).gt(0).all()), "a tiny gradient is one"


@pytest.mark.parametrize("budget", [SSIM(0.97), SSIM(0.5), Perceptual(mae, 0.004, "mae")])
@pytest.mark.parametrize("shape", SHAPES)
def test_searched_budgets_are_kept_and_used(help_, budget, shape):
    clean, wild = help_.noise(*shape, seed=1), help_.noise(*shape, seed=2)
    for images in (budget.project(wild, clean), budget.along(wild - 0.5, clean)):
        used = budget.distance(images, clean)
        assert bool((used <= budget.limit).all())
        assert float(images.min()) >= 0
        assert float(images.max()) <= 1
        if shape != (1, 3, 2, 2):  # where [0, 1] may end before the budget does
            assert bool((used >= 0.9 * budget.limit).all()), "most of it"
    near = (clean + 1e-4).clamp(0, 1)
    assert torch.equal(budget.project(near, clean), near), "what is inside stays"


def test_a_distance_that_misbehaves_is_named(help_):
    clean = help_.noise(2, 3, 4, 4)
    with pytest.raises(ModelOutputError, match="'odd' must return one number per image"):
        Perceptual(lambda x, y: (x - y).abs().mean(), 0.1, "odd").project(clean, clean)
    with pytest.raises(ModelOutputError, match="finite"):
        Perceptual(lambda x, y: (x - y).mean((1, 2, 3)) / 0, 0.1).project(clean, clean)
    with pytest.raises(InputError, match="callable"):
        Perceptual("lpips", 0.1)


# -- 8 bits -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("budget", [LInf(1 / 255), LInf(2.7 / 255), LInf(0.5), L2(1 / 255), L2(0.05), L2(0.7), L2(4)])
def test_8_bit_images_keep_the_norm_in_whole_levels(help_, seed, budget):
    shape = SHAPES[seed % 3]
    levels = help_.on_grid(*shape, seed=seed)
    clean = exact(levels)
    direction = help_.noise(*shape, seed=seed + 10, low=-1)
    images = budget.along(direction, clean.float())
    moved = budget.quantise(images, clean).int() - levels.int()
    if budget.kind == "linf":
        assert int(moved.abs().max()) <= math.floor(255 * budget.eps + 1e-9)
        aim = (255 * (images.double() - clean)).round()
        assert bool(((moved - aim).abs() <= 1).all())
    else:
        squares = moved.square().flatten(1).sum(1)
        most = (255 * budget.eps) ** 2
        assert bool((squares <= most * (1 + 1e-9)).all())
        room = bool((images > 0).all()) and bool((images < 1).all())
        if room and moved.abs().max() > 1:
            assert bool((squares >= 0.8 * most).all()), "and use it up"
    assert bool((moved * direction >= 0).all()), "no change goes the other way"


def test_an_l2_change_below_half_a_level_everywhere_still_moves_its_largest_entries(help_):
    levels = help_.on_grid(1, 3, 32, 32, low=20, high=230)
    clean, direction = exact(levels), help_.noise(1, 3, 32, 32, seed=9, low=-1)
    images = L2(0.05).along(direction, clean.float())
    assert float((images - clean.float()).abs().max()) < 0.5 / 255, "rounding alone would give the clean image"
    moved = (L2(0.05).quantise(images, clean).int() - levels.int()).flatten()
    assert int(moved.square().sum()) == math.floor((255 * 0.05) ** 2)
    strong = direction.flatten().abs()
    assert float(strong[moved != 0].min()) >= float(strong[moved == 0].max())


def test_ties_are_broken_so_that_the_budget_is_used(help_):
    levels = torch.full((1, 3, 8, 8), 100, dtype=torch.uint8)
    clean = exact(levels)
    images = L2(0.02).along(torch.ones(1, 3, 8, 8), clean.float())
    moved = L2(0.02).quantise(images, clean).int() - levels.int()
    assert int(moved.square().sum()) == 26  # (255 * 0.02)^2 = 26.01, one level each


def test_an_l2_change_is_not_made_larger_by_rounding(help_):
    levels = help_.on_grid(1, 3, 8, 8, low=20, high=230)
    clean = exact(levels)
    images = (clean + 0.05 * help_.noise(1, 3, 8, 8, seed=1, low=-1)).float()
    moved = (L2(5.0).quantise(images, clean).double() / 255 - clean).norm()
    assert 0.9 * float((images.double() - clean).norm()) <= float(moved) <= float((images.double() - clean).norm())


@pytest.mark.parametrize("budget", [SSIM(0.95), Perceptual(mae, 0.01)])
def test_8_bit_images_keep_searched_budgets(help_, budget):
    levels = help_.on_grid(2, 3, 16, 13)
    clean = exact(levels)
    images = budget.along(help_.noise(2, 3, 16, 13, seed=1, low=-1), clean.float())
    stored = budget.quantise(images, clean)
    used = budget.distance(stored.double() / 255, clean)
    assert bool((used <= budget.limit).all())
    assert bool((used > 0.5 * budget.limit).all())


@pytest.mark.parametrize("budget", [LInf(4 / 255), L2(0.5), SSIM(0.9)])
def test_off_the_grid_too(help_, budget):
    clean = help_.noise(1, 3, 9, 9, seed=4)
    images = budget.along(help_.noise(1, 3, 9, 9, seed=1, low=-1), clean)
    stored = budget.quantise(images, clean.double()).double() / 255
    assert float(budget.distance(stored, clean)) <= budget.limit * (1 + 1e-9)


@pytest.mark.parametrize("budget", [LInf(0.0001), L2(1e-3)])
def test_no_grid_point_is_near_enough(help_, budget):
    clean = torch.full((1, 3, 4, 4), 0.5)  # between 127 and 128
    stored = budget.quantise(clean, clean.double())
    assert set(stored.unique().tolist()) <= {127, 128}, "the nearest there is"


@pytest.mark.parametrize("budget", [LInf(0.9 / 255), L2(0.9 / 255)])
def test_less_than_a_level_is_refused_unless_floats_are_enough(budget):
    with pytest.raises(InputError, match="no 8-bit image but the clean one"):
        budget.check((3, 8, 8), True)
    budget.check((3, 8, 8), False)
    type(budget)(1 / 255).check((3, 8, 8), True)


def test_no_image_is_farther_than_the_cube_is_wide():
    with pytest.raises(InputError, match=r"at most sqrt\(3\*H\*W\) = 13.86"):
        L2(13.9).check((3, 8, 8), True)
    L2(13.8).check((3, 8, 8), True)


# -- SSIM -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(16, 23), (11, 11), (40, 12)])
@pytest.mark.parametrize("strength", [0.001, 0.05, 1.0])
def test_ssim_is_that_of_scikit_image(help_, shape, strength):
    x = help_.noise(2, 3, *shape, seed=1).double()
    y = (x + strength * (help_.noise(2, 3, *shape, seed=2).double() - 0.5)).clamp(0, 1)
    expected = [
        structural_similarity(
            a.permute(1, 2, 0).numpy(), b.permute(1, 2, 0).numpy(), gaussian_weights=True, sigma=1.5,
            use_sample_covariance=False, data_range=1.0, channel_axis=2,
        )
        for a, b in zip(x, y, strict=True)
    ]  # fmt: skip
    assert ssim(x, y).tolist() == pytest.approx(expected, abs=1e-12)
    assert ssim(x.float(), y.float()).tolist() == pytest.approx(expected, abs=1e-5)
    assert ssim(x, y).tolist() == pytest.approx(ssim(y, x).tolist(), abs=1e-14)


@pytest.mark.parametrize("shape", [(2, 2), (3, 9), (10, 64)])
def test_ssim_of_small_images(help_, shape):
    x = help_.noise(1, 3, *shape).double()
    assert float(ssim(x, x)) == pytest.approx(1, abs=1e-12)
    assert -1 <= float(ssim(x, 1 - x)) < 0.9


def test_ssim_has_the_gradient_of_its_values(help_):
    x, y = help_.noise(1, 3, 12, 13, seed=1).double(), help_.noise(1, 3, 12, 13, seed=2).double()
    assert torch.autograd.gradcheck(lambda z: ssim(z, y), x.requires_grad_(), atol=1e-8)
