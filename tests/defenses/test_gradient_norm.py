"""The estimate of the gradient's norm: exact where it must be, O(h) elsewhere, each image for itself."""

import itertools
import math
import sys
from contextlib import nullcontext

import pytest
import torch
from torch import nn

from certiqa.defenses import IMAGENET_STD, GradientNorm, exact_gradient_norm, gradient_norm
from certiqa.defenses.modes import evaluating, is_training
from certiqa.errors import InputError, ModelError, ModelOutputError

STD = torch.tensor(IMAGENET_STD, dtype=torch.float64).view(3, 1, 1)


def linear(toys):
    weight = torch.randn(3, 12, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    return toys.Linear(weight), weight


# -- values -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", ["l1", "l2"])
@pytest.mark.parametrize("h", [1e-4, 0.01, 10.0])
@pytest.mark.parametrize("std", [None, IMAGENET_STD])
def test_exact_on_a_linear_model_whatever_h(toys, pictures, norm, h, std):
    model, weight = linear(toys)
    seen = weight if std is None else weight * STD
    wanted = seen.abs().sum() if norm == "l1" else seen.norm()
    found = gradient_norm(model, pictures(), h=h, norm=norm, std=std)
    assert torch.allclose(found, wanted.expand(3), rtol=1e-9)
    assert torch.allclose(exact_gradient_norm(model, pictures(), norm=norm, std=std), wanted.expand(3), rtol=1e-12)


@pytest.mark.parametrize("norm", ["l1", "l2"])
@pytest.mark.parametrize("std", [None, IMAGENET_STD])
def test_the_error_is_of_order_h(kinds, pictures, norm, std):
    model, images = kinds["smooth"](dtype=torch.float64).eval(), pictures()
    exact = exact_gradient_norm(model, images, norm=norm, std=std)
    steps = [2.0**-k for k in range(9, 16)]
    errors = [(gradient_norm(model, images, h=h, norm=norm, std=std) - exact).abs().max().item() for h in steps]
    slopes = [math.log2(a / b) for a, b in itertools.pairwise(errors)]
    assert all(0.7 < slope < 1.4 for slope in slopes), slopes
    assert errors[-1] < 0.01 * exact.max().item()


def test_the_normalised_norm_is_that_of_the_normalised_network(kinds, pictures):
    model, images = kinds["smooth"](dtype=torch.float64).eval(), pictures()

    class Behind(nn.Module):
        """What the network is from its normalised input on."""

        def forward(self, u):
            return model(u * STD)

    there = gradient_norm(Behind(), images / STD, h=0.01)
    assert torch.allclose(gradient_norm(model, images, h=0.01, std=IMAGENET_STD), there, rtol=1e-9)


def test_theorem_1_a_step_of_fgsm_moves_the_score_by_eps_times_the_l1_norm(kinds, pictures):
    model, images = kinds["smooth"](dtype=torch.float64).eval(), pictures().requires_grad_(True)
    scores = model(images)
    (gradient,) = torch.autograd.grad(scores.sum(), images)
    norm = exact_gradient_norm(model, images)
    ratios = []
    for eps in (1e-3, 1e-4, 1e-5):
        moved = model(images + eps * gradient.sign())
        ratios.append(((moved - scores) / (eps * norm) - 1).abs().max().item())
        other = torch.randn(images.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).sign()
        assert bool(((model(images + eps * other) - scores).abs() < moved - scores).all()), "no step moves it more"
    assert ratios[1] < 0.2 * ratios[0]
    assert ratios[2] < 0.2 * ratios[1]
    assert ratios[2] < 1e-3


# -- as a loss --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", ["l1", "l2"])
@pytest.mark.parametrize("power", [1, 2])
def test_its_gradient_is_that_of_double_backward(kinds, pictures, norm, power):
    model, images = kinds["smooth"](dtype=torch.float64).eval(), pictures()
    parameters = [p for p in model.parameters() if p is not model.head.bias]
    reference = torch.autograd.grad(exact_gradient_norm(model, images, norm=norm).pow(power).mean(), parameters)
    errors = []
    for h in (1e-3, 1e-4):
        ours = torch.autograd.grad(GradientNorm(h, norm=norm, power=power)(model, images), parameters)
        pairs = list(zip(ours, reference, strict=True))
        errors.append(max(float((a - b).norm() / b.norm()) for a, b in pairs))
    assert errors[1] < 0.2 * errors[0]
    assert errors[1] < 4e-3


def test_which_is_the_published_loss_and_which_the_released(toys, pictures):
    model, weight = linear(toys)
    norm = weight.abs().sum().item()
    assert GradientNorm(0.01, power=2)(model, pictures()).item() == pytest.approx(norm**2)
    assert GradientNorm(0.01, power=1)(model, pictures()).item() == pytest.approx(norm)
    released = 0.5 * torch.tensor([norm, norm, norm]).square().mean()
    assert 5e-4 * GradientNorm(0.01)(model, pictures()).item() == pytest.approx(1e-3 * float(released))


def test_the_clean_scores_are_used_again(smooth, pictures):
    calls = []
    smooth.register_forward_hook(lambda *_: calls.append(1))
    images = pictures(dtype=torch.float32).requires_grad_(True)
    alone = gradient_norm(smooth, images, h=0.01)
    assert len(calls) == 2
    scores = smooth(images)
    calls.clear()
    again = gradient_norm(smooth, images, h=0.01, scores=scores)
    assert len(calls) == 1
    assert torch.equal(alone, again)
    (gradient,) = torch.autograd.grad(again.sum() + scores.sum(), [smooth.head.weight])
    assert bool(gradient.any()), "the graph of the scores is still there"


@pytest.mark.parametrize("kind", ["smooth", "withnorm"])
def test_each_image_for_itself(kinds, pictures, kind):
    model, images = kinds[kind](dtype=torch.float64).train(), pictures(4)
    together = gradient_norm(model, images, h=0.01)
    alone = torch.cat([gradient_norm(model, one[None], h=0.01) for one in images])
    assert torch.allclose(together, alone, rtol=1e-9)
    assert is_training(model), "the mode is given back"


def test_the_test_above_can_fail(kinds, pictures, monkeypatch):
    """With the train mode's statistics, as in the released code, the batch leaks into the gradients."""
    module = sys.modules["certiqa.defenses.gradient_norm"]
    monkeypatch.setattr(module, "evaluating", lambda model: nullcontext())
    model, images = kinds["withnorm"](dtype=torch.float64), pictures(4)
    model.train()
    model.body[-1].p = 0.0
    together = gradient_norm(model, images, h=0.01)
    alone = torch.cat([gradient_norm(model, one[None], h=0.01) for one in images])
    assert not torch.allclose(together, alone, rtol=1e-3)


def test_modes_and_statistics_stay(kinds, pictures):
    model = kinds["withnorm"](dtype=torch.float64).train()
    model.body[1].eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    GradientNorm(0.01)(model, pictures())
    assert [module.training for module in model.body] == [True, False, True, True, True, True]
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    with pytest.raises(KeyError), evaluating(model):
        raise KeyError
    assert model.training


def test_flat_models_and_zero_gradients(pictures):
    class Flat(nn.Module):
        def forward(self, images):
            return (0 * images).sum((1, 2, 3))

    for norm in ("l1", "l2"):
        assert torch.equal(gradient_norm(Flat(), pictures(), norm=norm), torch.zeros(3, dtype=torch.float64))


# -- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("h", [0, -0.01, math.inf, math.nan, "0.01", True, None])
def test_bad_steps(smooth, pictures, h):
    with pytest.raises(InputError, match="'h' must be a finite number > 0"):
        gradient_norm(smooth, pictures(dtype=torch.float32), h=h)
    with pytest.raises(InputError, match="'h'"):
        GradientNorm(h)


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"norm": "linf"}, "'norm'"),
        ({"std": (0.2, 0.2)}, "'std'"),
        ({"std": (0.2, 0.2, 0.0)}, "'std'"),
        ({"power": 3}, "'power'"),
        ({"power": True}, "'power'"),
    ],
)
def test_bad_options_fail_when_the_loss_is_built(options, found):
    with pytest.raises(InputError, match=found):
        GradientNorm(0.01, **options)


def test_scores_of_a_train_mode(kinds, pictures):
    model, images = kinds["withnorm"](dtype=torch.float64).train(), pictures().requires_grad_(True)
    with pytest.raises(InputError, match="'scores' must not be given for a model in train mode"):
        gradient_norm(model, images, scores=model(images))


def test_no_gradient_and_bad_shapes(pictures):
    with pytest.raises(ModelError, match="no gradient with respect to the images"):
        gradient_norm(lambda x: x.detach().mean((1, 2, 3)), pictures())
    with pytest.raises(ModelError, match="no gradient with respect to the images"):
        exact_gradient_norm(lambda x: x.detach().mean((1, 2, 3)), pictures())
    with pytest.raises(ModelOutputError, match="one score per image, 3"):
        gradient_norm(lambda x: x.mean(), pictures())
    with pytest.raises(ModelOutputError, match="float"):
        gradient_norm(lambda x: 1.0, pictures())
