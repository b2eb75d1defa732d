"""FS-IQA's claimed interval: computed as published, and left by attacks, because a Jacobian is not a bound."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

import certiqa
from certiqa.errors import InputError, ModelOutputError
from certiqa.evaluation.fs_iqa import ClaimedInterval, fs_iqa, largest_singular_value, noisy_scores
from certiqa.frontends.energies import Energies
from certiqa.metrics.builtin import load_builtin

GREY = torch.full((3, 32, 32), 0.5)


def linear(rows, seed=0):
    weight = torch.randn(rows, 3 * 8 * 8, generator=torch.Generator().manual_seed(seed))
    return weight, lambda x: x.flatten(1) @ weight.T


class MeanAndContrast(nn.Module):
    """Two features: the mean intensity, and the variance around grey, whose derivative is zero at grey."""

    def forward(self, images):
        return torch.stack([images.mean((1, 2, 3)), (images - 0.5).square().mean((1, 2, 3)) * 400], dim=1)


def weighted_sum(features):
    return 50 + 20 * features.sum(1)


def displaced(features, image, eps, steps=12):
    """A perturbation of l2 length eps, inside [0, 1], that moves the features far."""
    clean = features(image[None]).detach()
    moved = torch.randn(image.shape, generator=torch.Generator().manual_seed(3))
    moved = (image - 0.1 * eps * moved.abs() / moved.norm()).clamp(0, 1) - image
    for _ in range(steps):
        moved.requires_grad_()
        (gradient,) = torch.autograd.grad((features((image + moved)[None]) - clean).norm(), moved)
        moved = (image + moved.detach() + 0.5 * eps * gradient / gradient.norm()).clamp(0, 1) - image
        moved = moved * min(1.0, eps / float(moved.norm()))
    return moved


def smoothed(features, head, image, sigma):
    """The median under fresh noise."""
    return float(noisy_scores(features, head, image, sigma, 4000, seed=99).quantile(0.5))


def test_the_singular_value_of_a_linear_map():
    weight, features = linear(20)
    true = float(np.linalg.svd(weight.numpy(), compute_uv=False)[0])
    found = largest_singular_value(features, torch.zeros(1, 3, 8, 8), iterations=300)
    assert 0.9999 * true <= found <= true * (1 + 1e-5)
    assert largest_singular_value(features, torch.zeros(1, 3, 8, 8), iterations=2) < found  # it comes from below
    assert largest_singular_value(lambda x: 0 * x.flatten(1), torch.zeros(1, 3, 8, 8)) == 0.0
    assert largest_singular_value(features, torch.zeros(1, 3, 1, 1).expand(1, 3, 8, 8)) > 0


def test_the_interval_of_a_linear_model_is_the_percentile_bound():
    weight, features = linear(6)
    unit = torch.zeros(6)
    unit[0] = 1.0
    head = lambda z: 50 + z @ unit  # noqa: E731
    sigma, eps, n = 0.5, 0.02, 4000
    claimed = fs_iqa(features, head, torch.zeros(3, 8, 8), sigma, eps, n=n, iterations=200)
    reach = float(np.linalg.svd(weight.numpy(), compute_uv=False)[0]) * eps
    assert claimed.radius == pytest.approx(reach / sigma, rel=1e-3)
    assert claimed.score == pytest.approx(50, abs=0.05)
    assert 50 + reach <= claimed.upper <= 50 + reach + 0.25 * sigma
    assert 50 - reach - 0.25 * sigma <= claimed.lower <= 50 - reach
    tail = stats.norm.sf(claimed.radius)
    above = int((noisy_scores(features, head, torch.zeros(3, 8, 8), sigma, n, 0) > claimed.upper).sum())
    assert stats.binom.cdf(above, n, tail) <= 5e-4 < stats.binom.cdf(above + 1, n, tail)


def test_an_attack_leaves_the_claim_on_a_constructed_extractor():
    features, sigma, eps = MeanAndContrast(), 0.05, 1.1  # 34 dB
    claimed = fs_iqa(features, weighted_sum, GREY, sigma, eps)
    pattern = torch.ones(32, 32)
    pattern[::2] = -1.0  # the mean stays: the Jacobian at grey does not see it
    attacked = GREY + 0.999 * eps / math.sqrt(GREY.numel()) * pattern
    assert float((attacked - GREY).norm()) <= eps
    assert smoothed(features, weighted_sum, GREY, sigma) <= claimed.upper  # the attack did it, not the noise
    assert smoothed(features, weighted_sum, attacked, sigma) > claimed.upper


def test_where_the_constant_is_known_the_jacobian_stays_below_it():
    front_end, eps = Energies(rings=6, orientations=1, signed=2), 0.44  # 42 dB
    constant = front_end.lipschitz(32, 32)
    noisy = GREY + 0.1 * torch.randn(GREY.shape, generator=torch.Generator().manual_seed(5)).clamp(-5, 5)
    for image in (GREY, noisy):
        assert 0.9 * constant <= largest_singular_value(front_end.of_tensor, image[None]) <= constant * (1 + 1e-5)
        moved = displaced(front_end.of_tensor, image, eps)
        move = front_end.of_tensor((image + moved)[None]) - front_end.of_tensor(image[None])
        assert 0 < float(move.norm()) <= constant * eps * (1 + 1e-5)


def test_the_features_of_the_shipped_network_move_further_than_the_jacobian_says():
    metric, white, eps = load_builtin(), torch.ones(3, 64, 64), 0.1  # 61 dB
    singular = largest_singular_value(metric.statistics, white[None], iterations=30)
    attacked = white + displaced(metric.statistics, white, eps)
    assert 0 <= float(attacked.min()) <= float(attacked.max()) <= 1
    assert float((attacked - white).norm()) <= eps * (1 + 1e-5)
    with torch.no_grad():
        clean = metric.statistics(white[None])
        move = metric.statistics(attacked[None]) - clean
    assert float(move.norm()) > 2 * singular * eps
    direction = (move / move.norm())[0]
    head = lambda z: 50 + (z - clean) @ direction  # noqa: E731  # a linear head on the network's own features
    sigma = singular * eps
    claimed = fs_iqa(metric.statistics, head, white, sigma, eps, iterations=30)
    assert smoothed(metric.statistics, head, white, sigma) <= claimed.upper
    assert smoothed(metric.statistics, head, attacked, sigma) > claimed.upper


def test_it_says_that_it_is_no_certificate():
    claimed = fs_iqa(MeanAndContrast(), weighted_sum, GREY, 0.05, 0.5)
    assert claimed.is_certificate is False
    assert "not a certificate" in str(claimed)
    assert not isinstance(claimed, certiqa.Certificate)
    assert claimed == fs_iqa(MeanAndContrast(), weighted_sum, GREY, 0.05, 0.5)
    assert "no attack" in str(fs_iqa(MeanAndContrast(), weighted_sum, GREY, 0.05, 0.0))


def test_too_few_scores_claim_nothing():
    claimed = fs_iqa(MeanAndContrast(), weighted_sum, GREY, 1e-4, 1.0, n=50)
    assert (claimed.lower, claimed.upper) == (-math.inf, math.inf)
    assert isinstance(claimed, ClaimedInterval)


@pytest.mark.parametrize(
    ("change", "name"),
    [({"sigma": 0}, "sigma"), ({"eps": -1}, "eps"), ({"n": 0}, "n"), ({"alpha": 2}, "alpha"),
     ({"iterations": 0}, "iterations"), ({"image": GREY[None]}, "image")],
)  # fmt: skip
def test_wrong_arguments_are_refused(change, name):
    given = {"image": GREY, "sigma": 0.1, "eps": 0.1} | change
    with pytest.raises(InputError, match=repr(name)):
        fs_iqa(MeanAndContrast(), weighted_sum, **given)


def test_wrong_shapes_are_refused():
    with pytest.raises(ModelOutputError, match="features"):
        fs_iqa(lambda x: x.flatten(), weighted_sum, GREY, 0.1, 0.1)
    with pytest.raises(ModelOutputError, match="head"):
        fs_iqa(MeanAndContrast(), lambda z: z, GREY, 0.1, 0.1)
