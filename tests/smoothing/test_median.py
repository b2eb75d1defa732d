"""The smoothed metrics as modules: the certificate's score, and good company for torch."""

import copy
import weakref

import numpy as np
import pytest
import torch
from torch import nn

import certiqa
from certiqa import DenoisedMedianSmoothing, MedianSmoothing
from certiqa.errors import CertiqaError, ImageError, InputError, ModelError, ModelOutputError
from certiqa.statistics.statements import median_rank

pytestmark = pytest.mark.usefixtures("one_thread")


def shrink(images, sigma):
    return images * (1 - sigma)


@pytest.mark.parametrize("n", [1, 2, 9, 10, 101])
@pytest.mark.parametrize("kind", ["uint8", "float"])
def test_the_value_is_the_certificates_score(n, kind, picture, toys):
    image = picture if kind == "uint8" else picture.float() / 256
    smooth = MedianSmoothing(toys.exact, 0.1, n=n, seed=3, batch_size=7)
    certificate = certiqa.certify(toys.exact, image, 0.1, n=n, seed=3)
    assert smooth(image[None]).item() == certificate.score
    assert smooth.scores(image[None])[0].tolist() == certificate.scores.tolist()
    assert certificate.score == sorted(certificate.scores)[(n + 1) // 2 - 1]


def test_the_value_with_a_graph_is_the_same(picture, toys):
    smooth = MedianSmoothing(toys.mean, 0.3, n=25, seed=3, batch_size=4)
    images = (picture[None] / 255).requires_grad_()
    with torch.no_grad():
        plain = smooth(images)
    assert not plain.requires_grad
    assert torch.equal(smooth(images).detach(), plain)


def test_the_denoised_value_is_the_certificates_score(picture, toys):
    smooth = DenoisedMedianSmoothing(toys.exact, shrink, 0.1, n=31, seed=3)
    certificate = certiqa.certify(toys.exact, picture, 0.1, n=31, seed=3, denoiser=shrink)
    assert smooth(picture[None]).item() == certificate.score
    assert smooth(picture[None]).item() != MedianSmoothing(toys.exact, 0.1, n=31, seed=3)(picture[None]).item()
    with_graph = smooth((picture[None] / 255).requires_grad_())
    assert with_graph.item() == certificate.score


def test_the_denoiser_is_told_sigma_and_sees_noise_unclipped(toys):
    seen = []

    def denoiser(images, sigma):
        seen.append((images.min().item(), images.max().item(), sigma))
        return 3 * images

    def metric(images):
        assert images.min() >= 0
        assert images.max() <= 1
        return toys.mean(images)

    black_and_white = torch.zeros(1, 3, 8, 8)
    black_and_white[..., 4:] = 1
    smooth = DenoisedMedianSmoothing(metric, denoiser, 0.2, n=20, seed=1)
    smooth(black_and_white)
    smooth(black_and_white.requires_grad_())
    assert all(low < -0.2 and high > 1.2 and sigma == 0.2 for low, high, sigma in seen)
    assert len(seen) == 2


def test_fresh_noise_unless_seeded(picture, toys):
    fresh = MedianSmoothing(toys.mean, 0.1, n=20)
    assert fresh(picture[None]).item() != fresh(picture[None]).item()
    seeded = MedianSmoothing(toys.mean, 0.1, n=20, seed=5)
    assert seeded(picture[None]).item() == seeded(picture[None]).item()
    assert seeded(picture[None]).item() != MedianSmoothing(toys.mean, 0.1, n=20, seed=6)(picture[None]).item()


def test_the_images_of_a_batch_get_different_noise(picture, toys):
    smooth = MedianSmoothing(toys.mean, 0.1, n=20, seed=5)
    other = picture.clone()
    other[0, 0, 0] ^= 1
    scores = smooth.scores(torch.stack([picture, other]))
    assert (scores[0] - scores[1]).abs().min() > 1e-6  # with the same noise: at most 1/(255*576), 7e-6, and constant
    assert (scores[0] - scores[1]).std() > 1e-3
    assert torch.equal(smooth(picture[None]), smooth(torch.stack([picture, other]))[:1])


def test_the_global_generators_are_left_alone(picture, toys):
    before = toys.states()
    MedianSmoothing(toys.mean, 0.1, n=20)(picture[None])
    MedianSmoothing(toys.mean, 0.1, n=20)((picture[None] / 255).requires_grad_())
    assert toys.states() == before


# -- with torch -------------------------------------------------------------------------------------------------------


def test_modes_devices_and_dtypes(picture, toys):
    smooth = MedianSmoothing(toys.Network(), 0.1, n=20, seed=1)
    assert smooth.eval().model.training is False
    assert smooth.train().model.training is True
    smooth = smooth.eval().to("cpu")
    single = smooth(picture[None])
    double = copy.deepcopy(smooth).to(torch.float64)(picture[None])
    half = copy.deepcopy(smooth).to(torch.bfloat16)(picture[None])
    assert single.dtype == double.dtype == torch.float32
    assert torch.allclose(single, double, rtol=1e-4, atol=1e-5)
    assert torch.allclose(single, half, rtol=0.1, atol=0.1)


def test_state_dict_round_trip(picture, toys):
    one = MedianSmoothing(toys.Network(1), 0.1, n=20, seed=1).eval()
    other = MedianSmoothing(toys.Network(2), 0.1, n=20, seed=1).eval()
    assert one(picture[None]).item() != other(picture[None]).item()
    assert all(name.startswith("model.") for name in one.state_dict())
    other.load_state_dict(one.state_dict())
    assert torch.equal(one(picture[None]), other(picture[None]))


def test_parents_children_and_copies(picture, toys):
    network, denoiser = toys.Network(), nn.Identity()
    denoiser.forward = shrink
    smooth = DenoisedMedianSmoothing(network, denoiser, 0.1, n=20, seed=1).eval()
    parent = nn.Sequential(smooth, nn.Flatten(0))
    assert torch.equal(parent(picture[None]), smooth(picture[None]))
    assert {id(p) for p in parent.parameters()} == {id(p) for p in network.parameters()}
    assert set(dict(smooth.named_children())) == {"model", "denoiser"}
    twin = copy.deepcopy(smooth)
    assert torch.equal(twin(picture[None]), smooth(picture[None]))
    assert twin.model is not smooth.model
    assert "MedianSmoothing(\n  sigma=0.1, n=20" in repr(smooth)
    assert "Network" in repr(smooth)


def test_a_smoothed_metric_is_not_smoothed_again(picture, toys):
    for smooth in (MedianSmoothing(toys.mean, 0.1), DenoisedMedianSmoothing(toys.mean, shrink, 0.1)):
        with pytest.raises(InputError, match=r"bare metric.*smooth\.model"):
            certiqa.certify(smooth, picture, 0.1)


def test_the_range_of_the_model_is_taken_over(picture, toys):
    model = toys.Wrapped(toys.mean)
    model.output_range, model.range_enforced = (0.0, 0.25), True
    assert MedianSmoothing(model, 0.1, n=20)(picture[None]).item() == 0.25
    assert MedianSmoothing(model, 0.1, n=20, output_range=(0.75, 1))(picture[None]).item() == 0.75
    model.range_enforced = False
    assert MedianSmoothing(model, 0.1).output_range is None


# -- gradients --------------------------------------------------------------------------------------------------------


def interior(shape=(2, 3, 6, 8)):
    return (0.4 + 0.2 * torch.rand(shape, generator=torch.Generator().manual_seed(1))).requires_grad_()


@pytest.mark.parametrize("denoiser", [None, shrink])
def test_the_gradient_of_a_linear_model_is_its_weight(denoiser, toys):
    weight = torch.randn(3, 6, 8, generator=torch.Generator().manual_seed(2))
    linear = toys.Linear(weight)
    if denoiser is None:
        smooth = MedianSmoothing(linear, 0.02, n=21, seed=1, batch_size=4)
    else:
        smooth = DenoisedMedianSmoothing(linear, denoiser, 0.02, n=21, seed=1, batch_size=4)
    images = interior()
    smooth(images).sum().backward()
    factor = 1 if denoiser is None else 0.98
    assert torch.allclose(images.grad, factor * weight.expand_as(images), atol=1e-6)
    # h = <w, x + g> at the median draw: the gradient of the weight is that noisy image
    moved = linear.weight.grad - factor * images.detach().sum(0)
    assert 0 < moved.abs().max() < 2 * 6 * 0.02


def test_the_gradient_stops_where_the_noisy_image_is_clipped(toys):
    images = torch.zeros(1, 3, 6, 8, requires_grad=True)
    scores = MedianSmoothing(toys.Linear(torch.ones(3, 6, 8)), 0.1, n=400, seed=1).scores(images)
    (gradient,) = torch.autograd.grad(scores.mean(), images)
    # of black pixels the half with positive noise passes it on (and the half of those drawn 0)
    assert abs(gradient.mean().item() - 0.5) < 0.03


def test_gradients_reach_the_parameters_with_images_that_ask_for_none(picture, toys):
    network = toys.Network().eval()
    MedianSmoothing(network, 0.1, n=5, seed=1)(picture[None]).sum().backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in network.parameters())


def test_no_graph_without_gradients(picture, toys):
    network = toys.Network().eval()
    alive, peak = [], []

    def model(images):
        out = network(images)
        weakref.finalize(out, alive.remove, len(peak))
        alive.append(len(peak))
        peak.append(len(alive))
        return out

    smooth = MedianSmoothing(toys.Wrapped(model), 0.1, n=20, batch_size=2)
    images = picture[None] / 255
    with torch.no_grad():
        assert not smooth(images.clone().requires_grad_()).requires_grad
    assert max(peak) == 1
    frozen = MedianSmoothing(network.requires_grad_(False), 0.1, n=4)
    assert not frozen(images).requires_grad
    assert frozen(images.clone().requires_grad_()).requires_grad


# -- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "parameter"),
    [
        ({"sigma": 0}, "sigma"),
        ({"sigma": float("nan")}, "sigma"),
        ({"sigma": 30.6}, "sigma"),
        ({"n": 0}, "n"),
        ({"n": 1.5}, "n"),
        ({"batch_size": 0}, "batch_size"),
        ({"batch_size": "all"}, "batch_size"),
        ({"output_range": (1, 0)}, "output_range"),
        ({"dtype": "int8"}, "dtype"),
        ({"seed": -1}, "seed"),
        ({"model": None}, "model"),
        ({"model": "builtin"}, "model"),
    ],
)
def test_wrong_arguments_fail_at_construction(arguments, parameter, toys):
    given = {"model": toys.mean, "sigma": 0.1} | arguments
    with pytest.raises(InputError, match=f"The parameter '{parameter}'"):
        MedianSmoothing(**given)
    with pytest.raises(InputError, match=f"The parameter '{parameter}'"):
        DenoisedMedianSmoothing(denoiser=shrink, **given)


@pytest.mark.parametrize("denoiser", [None, "unet", 3])
def test_wrong_denoisers_fail_at_construction(denoiser, toys):
    with pytest.raises(InputError, match="denoiser"):
        DenoisedMedianSmoothing(toys.mean, denoiser, 0.1)


@pytest.mark.parametrize(
    "images",
    [torch.rand(2, 1, 8, 8), torch.rand(8, 8), 2 * torch.rand(1, 3, 8, 8), np.zeros((8, 8, 3)), "a.png", None, [1]],
)
def test_wrong_images(images, toys):
    with pytest.raises(ImageError):
        MedianSmoothing(toys.mean, 0.1, n=5)(images)


def test_models_that_misbehave_are_found_when_they_are_called(picture, toys):
    images = (picture[None] / 255).requires_grad_()
    for bad in (lambda x: x, lambda x: toys.mean(x) * torch.nan, lambda x: toys.mean(x) / 0):
        with pytest.raises(ModelOutputError):
            MedianSmoothing(bad, 0.1, n=5)(images)
        with pytest.raises(ModelOutputError):
            MedianSmoothing(bad, 0.1, n=5)(images.detach())
    with pytest.raises(ModelError) as error:
        MedianSmoothing(lambda x: 1 / 0, 0.1, n=5)(images)
    assert isinstance(error.value, CertiqaError)


@pytest.mark.parametrize("n", [1, 2, 3, 10, 11])
def test_the_median_is_the_lower_one(n, toys):
    calls = []

    def model(images):
        start = sum(calls)
        calls.append(len(images))
        return torch.arange(start, start + len(images), dtype=torch.float32).flip(0)

    smooth = MedianSmoothing(model, 0.1, n=n, batch_size=3)
    assert smooth(torch.full((1, 3, 4, 4), 0.5)).item() == median_rank(n) - 1 == (n - 1) // 2


@pytest.mark.parametrize("keep_graph", [False, True])
@pytest.mark.parametrize("unclipped", [False, True])
def test_noise_is_clipped_unless_the_metric_was_made_for_it(unclipped, keep_graph):
    seen = []

    def metric(images):
        seen.append((images.min().item(), images.max().item()))
        return images.mean((1, 2, 3))

    metric.unclipped_noise = unclipped
    smooth = MedianSmoothing(metric, sigma=0.5, n=4, seed=0)
    image = torch.full((1, 3, 16, 16), 0.5, requires_grad=keep_graph)
    smooth.scores(image)
    outside = [low < 0 and high > 1 for low, high in seen]
    assert outside == [unclipped] * len(seen)
    assert seen
