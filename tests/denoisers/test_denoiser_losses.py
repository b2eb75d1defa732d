"""Each loss against its definition, written out with loops and SciPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import rankdata, spearmanr

from certiqa.denoisers.losses import margin_ranking_loss, mse_loss, soft_rank_loss, target_loss, wanted_order

NAN = math.nan


def numbers(count: int, seed: int) -> torch.Tensor:
    return torch.randn(count, generator=torch.Generator().manual_seed(seed))


def differences(values: torch.Tensor) -> torch.Tensor:
    return values[:, None] - values


def test_mse():
    a, b = (torch.rand(2, 3, 4, 5, generator=torch.Generator().manual_seed(i)) for i in (0, 1))
    assert mse_loss(a, b).item() == pytest.approx(np.mean((a.numpy() - b.numpy()) ** 2), rel=1e-6)
    assert mse_loss(2 * a, a).item() > 0, "no clipping"


def test_target():
    scores, clean = numbers(7, 0).requires_grad_(), numbers(7, 1).requires_grad_()
    loss = target_loss(scores, clean, scale=4.0)
    assert loss.item() == pytest.approx(np.mean(np.abs(scores.detach().numpy() - clean.detach().numpy())) / 4)
    loss.backward()
    assert clean.grad is None
    assert torch.equal(scores.grad, (scores - clean).sign() / 28)


@pytest.mark.parametrize("lower_better", [False, True])
def test_the_wanted_order_pair_by_pair(lower_better):
    mos = torch.tensor([1.0, 3.0, 2.0, NAN, 5.0, NAN])
    groups = torch.tensor([0, 0, 1, 1, 1, 0])
    clean = numbers(6, 2)
    order = wanted_order(mos, groups, clean, lower_better=lower_better)
    for i in range(6):
        for j in range(6):
            human = not (mos[i].isnan() or mos[j].isnan()) and groups[i] == groups[j]
            wanted = (mos[i] - mos[j]) * (-1 if lower_better else 1) if human else clean[i] - clean[j]
            assert order[i, j] == wanted
    assert torch.equal(order, -order.T)
    clean.requires_grad_()
    assert not wanted_order(mos, groups, clean).requires_grad


@pytest.mark.parametrize(("margin", "slope"), [(0.0, 1.0), (0.3, 0.0), (0.1, 0.5), (0.0, 0.0)])
def test_margin_pair_by_pair(margin, slope):
    scores, quality = numbers(8, 3), numbers(8, 4)
    quality[3] = quality[5]  # a tie has no order
    terms = [
        max(0.0, margin + slope * abs(float(quality[i] - quality[j])) - float(scores[i] - scores[j]) * s)
        for i in range(8)
        for j in range(i)
        if (s := float(torch.sign(quality[i] - quality[j])))
    ]
    assert len(terms) == 27
    loss = margin_ranking_loss(scores, differences(quality), margin=margin, slope=slope)
    assert loss.item() == pytest.approx(np.mean(terms), rel=1e-5)


def test_margin_is_zero_exactly_for_the_wanted_order():
    quality = numbers(6, 5)
    assert margin_ranking_loss(3 * quality, differences(quality)).item() == 0
    assert margin_ranking_loss(quality + 7, differences(quality), slope=0.999).item() == 0
    assert margin_ranking_loss(-quality, differences(quality)).item() > 0
    swapped = 3 * quality
    low, high = quality.argsort()[:2]
    swapped[low], swapped[high] = swapped[high].clone(), swapped[low].clone()
    assert margin_ranking_loss(swapped, differences(quality), slope=0.0).item() > 0, "one wrong pair is seen"


@pytest.mark.parametrize("loss", [margin_ranking_loss, soft_rank_loss])
def test_nothing_to_order(loss):
    scores = numbers(4, 6).requires_grad_()
    value = loss(scores, torch.zeros(4, 4))
    assert value.item() == 0
    value.backward()
    assert torch.equal(scores.grad, torch.zeros(4))


@pytest.mark.parametrize("seed", range(5))
def test_soft_ranks_tend_to_spearman(seed):
    scores, quality = numbers(20, seed), numbers(20, 100 + seed)
    loss = soft_rank_loss(scores, differences(quality), temperature=1e-6)
    assert loss.item() == pytest.approx((1 - spearmanr(scores, quality).statistic) / 2, abs=1e-4)
    ties = quality.round()
    exact = np.corrcoef(rankdata(scores), rankdata(ties))[0, 1]
    loss = soft_rank_loss(scores, differences(ties), temperature=1e-6)
    assert loss.item() == pytest.approx((1 - exact) / 2, abs=1e-4)


@pytest.mark.parametrize(
    "loss",
    [
        lambda s, order: margin_ranking_loss(s, order, margin=0.1, slope=0.7),
        lambda s, order: soft_rank_loss(s, order, temperature=0.3),
    ],
)
def test_gradients_are_right_and_lead_to_the_order(loss):
    quality = numbers(8, 7).double()
    scores = numbers(8, 8).requires_grad_()
    before = spearmanr(scores.detach(), quality).statistic
    step = 1e-3
    loss(scores, differences(quality)).backward()
    for i in range(8):
        moved = torch.zeros(8)
        moved[i] = step
        with torch.no_grad():
            numeric = (loss(scores + moved, differences(quality)) - loss(scores - moved, differences(quality))) / (
                2 * step
            )
        assert scores.grad[i].item() == pytest.approx(numeric.item(), abs=5e-3)
    values = scores.detach().clone()
    for _ in range(300):
        values.requires_grad_()
        (gradient,) = torch.autograd.grad(loss(values, differences(quality)), values)
        values = (values - 0.3 * gradient).detach()
    assert spearmanr(values, quality).statistic > max(0.95, before)


def test_the_gradient_of_equal_scores_is_finite():
    scores = torch.zeros(5, requires_grad=True)
    soft_rank_loss(scores, differences(numbers(5, 9))).backward()
    assert bool(torch.isfinite(scores.grad).all())
    assert scores.grad.abs().max() < 1e4
