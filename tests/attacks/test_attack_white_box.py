"""White-box attacks against closed forms: linear scores, quadratic scores, active bounds, texture, frequencies."""

import numpy as np
import pytest
import torch

from certiqa import attacks
from certiqa.attacks._filters import activity, band_pass
from certiqa.attacks.objectives import Lower, Raise

EPS = {"linf": 4 / 255, "l2": 0.5}
ONE_STEP = ["fgsm"]
MANY = ["i-fgsm", "pgd", "apgd"]


def share_of_optimum(toys, help_, name, kind, aim, interior=True, **options):
    """(change of a linear score) / (the largest possible), which is eps times the dual norm in the interior."""
    shape = (3, 9, 11)
    weight = help_.noise(*shape, seed=1, low=-1)
    clean = help_.noise(*shape, seed=2, low=0.4, high=0.6) if interior else help_.noise(*shape, seed=2).round()
    result = attacks.load(name, quantise=False, **options)(toys.Linear(weight), clean, aim, f"{kind}:{EPS[kind]}")[0]
    g = weight.double() if aim == "raise" else -weight.double()
    if kind == "linf":
        room = torch.where(g > 0, (1 - clean.double()), clean.double()).clamp_max(EPS[kind])
        best = (g.abs() * room).sum()
    else:
        free = torch.where((g > 0) == (clean == 0), g, torch.zeros_like(g)) if not interior else g
        best = EPS[kind] * free.norm()
    return (1 if aim == "raise" else -1) * result.change / float(best)


@pytest.mark.parametrize("name", [*ONE_STEP, *MANY])
@pytest.mark.parametrize("kind", EPS)
@pytest.mark.parametrize("aim", ["raise", "lower"])
def test_a_linear_score_moves_by_eps_times_the_dual_norm(toys, help_, name, kind, aim):
    share = share_of_optimum(toys, help_, name, kind, aim)
    assert share == pytest.approx(1, abs=1e-4 if (name, kind) != ("pgd", "l2") else 2e-3)
    assert share <= 1 + 1e-5, "more is impossible"


@pytest.mark.parametrize("name", ["fgsm", "apgd"])
@pytest.mark.parametrize("kind", EPS)
@pytest.mark.parametrize("aim", ["raise", "lower"])
def test_black_and_white_pixels_can_move_one_way_only(toys, help_, name, kind, aim):
    share = share_of_optimum(toys, help_, name, kind, aim, interior=False)
    assert share == pytest.approx(1, abs=1e-3)


def test_a_sign_that_is_flipped_is_found(toys, help_, monkeypatch):
    monkeypatch.setattr(Lower, "slope", Raise.slope)
    for name in ("fgsm", "pgd"):
        assert share_of_optimum(toys, help_, name, "linf", "lower") < 0.9
    assert share_of_optimum(toys, help_, "fgsm", "l2", "raise") == pytest.approx(1, abs=1e-4)
    monkeypatch.setattr(attacks.L2, "direction", lambda self, gradient: -gradient)
    assert share_of_optimum(toys, help_, "fgsm", "l2", "raise") == 0


@pytest.mark.parametrize(("name", "options"), [("pgd", {}), ("pgd", {"momentum": 0.5}), ("apgd", {}), ("madc", {})])
@pytest.mark.parametrize("bowl", [False, True])
def test_the_best_point_of_a_ball_for_a_quadratic(help_, name, options, bowl):
    shape = (3, 6, 7)
    clean, centre = help_.noise(*shape, seed=1, low=0.45, high=0.55), help_.noise(*shape, seed=2, low=0.4, high=0.6)
    model = help_.Quadratic(centre, bowl)
    distance, eps = float((clean - centre).norm()), 0.2
    assert distance > eps
    result = attacks.load(name, quantise=False, **options)(model, clean, "raise", attacks.L2(eps))[0]
    best = (distance + eps) ** 2 if bowl else -((distance - eps) ** 2)
    assert result.score_after == pytest.approx(best, rel=2e-2)
    assert result.l2 == pytest.approx(eps, rel=1e-3)


def test_a_summit_inside_the_budget_is_found(help_):
    clean = help_.noise(3, 6, 7, seed=1, low=0.45, high=0.55)
    centre = clean + 0.01 * help_.noise(3, 6, 7, seed=3, low=-1)
    for budget in ("l2:0.5", "linf:0.05"):
        result = attacks.load("apgd", steps=100, quantise=False)(help_.Quadratic(centre), clean, "raise", budget)[0]
        assert result.score_after > 0.05 * result.score_before, "PGD with a fixed step runs past it"


def test_apgd_halves_its_step_where_pgd_runs_past(help_):
    clean = help_.noise(3, 6, 7, seed=1, low=0.45, high=0.55)
    centre = clean + 0.003 * help_.noise(3, 6, 7, seed=3, low=-1)
    model = help_.Quadratic(centre)
    pgd, apgd = (
        attacks.load(name, steps=60, quantise=False, random_start=False)(model, clean, "raise", "linf:0.05")[0]
        for name in ("pgd", "apgd")
    )
    assert apgd.score_after > pgd.score_after


@pytest.mark.parametrize("name", ["i-fgsm", "pgd", "apgd"])
def test_a_target_is_hit(help_, name):
    model, image = help_.Smooth(), help_.on_grid(3, 16, 16, seed=4)
    before = attacks.load(name)(model, image, "raise", "linf:8/255")[0]
    middle = (before.score_before + before.score_after) / 2
    result = attacks.load(name, quantise=False)(model, image, attacks.Target(middle), "linf:8/255")[0]
    assert abs(result.score_after - middle) < 0.1 * abs(before.score_before - middle)
    beyond = attacks.load(name)(model, image, attacks.Target(before.score_after + 1000), "linf:8/255")[0]
    assert beyond.score_after == pytest.approx(before.score_after, abs=2), "an endless target is 'raise'"


def test_more_restarts_are_never_worse(help_):
    model, image = help_.Smooth(), help_.on_grid(3, 16, 16, seed=4)
    scores = [
        attacks.load("pgd", steps=5, restarts=n, quantise=False)(model, image, "raise", "l2:1")[0].score_after
        for n in (1, 2, 4)
    ]
    assert scores == sorted(scores)


def test_move_keeps_the_farther_side(help_):
    model, image = help_.Smooth(), help_.on_grid(3, 16, 16, seed=4)
    up, down, both = (attacks.load("i-fgsm")(model, image, aim, "linf:8/255")[0] for aim in ("raise", "lower", "move"))
    assert abs(both.change) == max(up.change, -down.change)
    assert both.objective == ("move:raise" if up.change > -down.change else "move:lower")


# -- MADC -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("start", ["noise", "gradient"])
def test_madc_stays_on_the_sphere(help_, start):
    lengths = []

    class Watched(help_.Smooth):
        def forward(self, images):
            lengths.append(float((images.detach().double() - clean.double()).norm()))
            return super().forward(images)

    clean = help_.noise(1, 3, 12, 12, low=0.3, high=0.7)
    attacks.load("madc", steps=10, start=start, quantise=False)(Watched(), clean, "raise", "l2:0.5")
    inside = lengths[2:] if start == "gradient" else lengths[1:]
    assert inside == pytest.approx([0.5] * len(inside), rel=1e-5)


def test_madc_goes_both_ways_at_one_mse(help_):
    model, image = help_.Smooth(), help_.on_grid(3, 16, 16, seed=4, low=60, high=200)
    best, worst = (attacks.load("madc")(model, image, aim, "l2:0.5")[0] for aim in ("raise", "lower"))
    assert worst.score_after < worst.score_before < best.score_after
    assert best.psnr == pytest.approx(worst.psnr, abs=1e-3)


# -- perceptual -------------------------------------------------------------------------------------------------------


def test_the_perceptual_attack_prefers_what_is_not_seen(help_):
    """A heavy penalty finds more score per distance than none, in the same number of steps."""
    model, image = help_.Smooth(), help_.on_grid(3, 20, 20, seed=4)
    light, heavy = (
        attacks.load("perceptual", steps=40, weight=weight)(model, image, "raise", "ssim:0.5")[0]
        for weight in (1e3, 1e-4)
    )
    assert light.change > 0
    assert heavy.change > 0
    assert heavy.ssim > light.ssim


@pytest.mark.parametrize("direction", ["sign", "l2"])
def test_any_distance_can_be_the_budget(help_, direction):
    def distance(x, y):
        return (x - y).square().mean((1, 2, 3))

    budget = attacks.Perceptual(distance, 1e-4, "mse")
    attack = attacks.load("perceptual", steps=30, direction=direction)
    for aim in ("raise", "lower"):
        result = attack(help_.Smooth(), help_.on_grid(3, 16, 16, seed=4), aim, budget)[0]
        assert result.budget == "mse:0.0001"
        assert max(result.used, result.used_quantised) <= 1e-4
        assert result.change * (1 if aim == "raise" else -1) > 0


def test_a_distance_without_gradient_is_named(help_):
    def blind(x, y):
        return (x - y).detach().abs().mean((1, 2, 3))

    budget, image = attacks.Perceptual(blind, 0.01, "blind"), help_.on_grid(3, 16, 16)
    with pytest.raises(certiqa_error(), match=r"'blind:0.01' has no gradient"):
        attacks.load("perceptual", steps=2)(help_.Smooth(), image, "raise", budget)
    assert attacks.load("pgd", steps=3)(help_.Smooth(), image, "raise", budget)[0].change > 0, "others do not need it"


def certiqa_error():
    from certiqa.errors import GradientError

    return GradientError


# -- texture and frequencies ------------------------------------------------------------------------------------------


def test_activity_is_zero_where_it_is_flat_and_that_of_sobel_elsewhere(help_):
    from scipy.ndimage import sobel, uniform_filter

    image = help_.noise(1, 3, 12, 14)
    luma = np.tensordot([0.299, 0.587, 0.114], image[0].double().numpy(), 1)
    energy = np.hypot(sobel(luma, 0, mode="nearest"), sobel(luma, 1, mode="nearest"))
    smooth = uniform_filter(energy, 3)[2:-2, 2:-2]
    found = activity(image, 3)[0, 0].double().numpy()[2:-2, 2:-2]
    assert found / found.max() == pytest.approx(smooth / smooth.max(), abs=1e-5)
    assert float(activity(torch.full((1, 3, 9, 9), 0.3), 5).abs().max()) == 0
    half = torch.cat((torch.full((1, 3, 12, 12), 0.3), help_.noise(1, 3, 12, 12)), dim=3)
    assert float(activity(half, 3)[..., :9].abs().max()) == 0


@pytest.mark.parametrize("budget", ["linf:8/255", "l2:0.5", "ssim:0.9"])
def test_korhonen_leaves_flat_places_alone(help_, budget):
    flat = torch.full((3, 16, 12), 120, dtype=torch.uint8)
    image = torch.cat((flat, help_.on_grid(3, 16, 12, low=40, high=200)), dim=2)
    result = attacks.load("korhonen", spread=3)(help_.Smooth(), image, "raise", budget)[0]
    moved = (result.image - image.float() / 255).abs().amax(0)
    assert float(moved[:, :8].max()) == 0
    assert float(moved[:, 14:].max()) > 0
    assert (result.quantised[:, :8] == 120).all()
    assert result.change > 0


def test_korhonen_moves_no_intensity_by_more_than_its_weight(help_):
    image = help_.noise(3, 16, 16, low=0.3, high=0.7)
    result = attacks.load("korhonen", quantise=False)(help_.Smooth(), image, "raise", "linf:8/255")[0]
    reach = 8 / 255 * activity(image[None], 5)[0]
    assert bool(((result.image - image).abs() <= reach + 1e-6).all())
    assert bool(((result.image - image).abs() > 0.9 * reach).any())


def test_korhonen_through_a_substitute_never_asks_the_model(help_):
    model, image = help_.Smooth(0), help_.on_grid(3, 16, 16)
    attack = attacks.load("korhonen", steps=6, substitute=help_.Smooth(0))
    result = attack(model, image, "raise", "linf:8/255")[0]
    assert (result.queries, result.gradients) == (0, 0)
    assert "6 forward and 6 backward passes" in result.notes[0]
    assert result.change > 0, "the substitute is its twin"
    assert model.calls == 3, "clean, float image, 8-bit image"


def test_the_band_pass_keeps_a_band(help_):
    x = help_.noise(2, 3, 16, 15, low=-1)
    assert float((band_pass(x, 0.0, 1.0) - x).abs().max()) < 1e-5
    assert float((band_pass(x, 0.0, 0.4) + band_pass(x, 0.41, 1.0) - x).abs().max()) < 1e-5
    wave = torch.cos(2 * np.pi * 3 * torch.arange(16) / 16).expand(1, 3, 16, 16)  # 3/8 of the Nyquist frequency
    assert float((band_pass(wave, 0.3, 0.4) - wave).abs().max()) < 1e-5
    assert float(band_pass(wave, 0.5, 1.0).abs().max()) < 1e-5


@pytest.mark.parametrize("budget", ["linf:2/255", "l2:0.5"])
def test_the_frequency_attack_changes_its_band_only(help_, budget):
    image = help_.noise(3, 16, 16, low=0.4, high=0.6)
    result = attacks.load("frequency", low=0.6, quantise=False)(help_.Smooth(), image, "move", budget)[0]
    change = (result.image - image)[None]
    assert float(band_pass(change, 0.0, 0.55).norm()) < 1e-4 * float(change.norm())
    assert result.used == pytest.approx(attacks.Budget.parse(budget).limit, rel=1e-4)
