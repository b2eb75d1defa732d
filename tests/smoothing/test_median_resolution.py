"""The smoothed modules behind a resize, when they keep a graph, and the modes that they refuse."""

import gc
import weakref

import pytest
import torch

import certiqa
from certiqa import DenoisedMedianSmoothing, MedianSmoothing
from certiqa.data.resize import Resize
from certiqa.errors import AuditError, ImageError

pytestmark = pytest.mark.usefixtures("one_thread")


def shrink(images, sigma):
    return images * (1 - sigma)


@pytest.mark.parametrize("kind", ["uint8", "float"])
@pytest.mark.parametrize("resolution", [6, (5, 16), 24])
def test_the_value_is_the_certificates_score(kind, resolution, picture, toys):
    image = picture if kind == "uint8" else picture.float() / 256
    smooth = MedianSmoothing(toys.mean, 0.1, n=31, seed=3, batch_size=7, resolution=resolution)
    certificate = certiqa.certify(toys.mean, image, 0.1, n=31, seed=3, resolution=resolution)
    scores = smooth.scores(image[None])[0]
    assert torch.allclose(scores.double(), torch.from_numpy(certificate.scores.copy()), rtol=0, atol=1e-6)
    assert smooth(image[None]).item() == pytest.approx(certificate.score, abs=1e-6)
    assert smooth(image[None]).item() != MedianSmoothing(toys.mean, 0.1, n=31, seed=3)(image[None]).item()
    denoised = DenoisedMedianSmoothing(toys.mean, shrink, 0.1, n=31, seed=3, resolution=resolution)
    certificate = certiqa.certify(toys.mean, image, 0.1, n=31, seed=3, denoiser=shrink, resolution=resolution)
    assert denoised(image[None]).item() == pytest.approx(certificate.score, abs=1e-6)


def test_the_value_with_a_graph_is_the_same(picture, toys):
    smooth = MedianSmoothing(toys.mean, 0.3, n=25, seed=3, batch_size=4, resolution=6)
    images = (picture[None] / 255).requires_grad_()
    with torch.no_grad():
        plain = smooth(images)
    assert not plain.requires_grad
    assert torch.allclose(smooth(images).detach(), plain, rtol=0, atol=2e-7)
    assert "front_end=Resize(resolution=6)" in repr(smooth)
    assert "front_end" not in repr(MedianSmoothing(toys.mean, 0.3))


@pytest.mark.parametrize("denoiser", [None, shrink])
def test_the_gradient_goes_through_the_resize(denoiser, toys):
    weight = torch.randn(3, 6, 8, generator=torch.Generator().manual_seed(2))
    linear = toys.Linear(weight).requires_grad_(False)
    kind, more = (MedianSmoothing, ()) if denoiser is None else (DenoisedMedianSmoothing, (denoiser,))
    smooth = kind(linear, *more, 0.02, n=21, seed=1, batch_size=4, resolution=6)
    images = (0.4 + 0.2 * torch.rand(2, 3, 12, 16, generator=torch.Generator().manual_seed(1))).requires_grad_()
    smooth(images).sum().backward()
    start = torch.zeros(3, 12, 16, dtype=torch.float64, requires_grad=True)
    (adjoint,) = torch.autograd.grad((weight.double() * Resize(12, 16, 6, 8).of_tensor(start)).sum(), start)
    factor = 1 if denoiser is None else 0.98
    assert torch.allclose(images.grad, factor * adjoint.float().expand_as(images), atol=1e-6)


def test_the_least_size_is_that_of_the_working_image(picture, toys):
    model = toys.Wrapped(toys.mean)
    model.min_size = 7
    with pytest.raises(ImageError, match="resized to 8x6"):
        MedianSmoothing(model, 0.1, n=5, resolution=6)(picture[None])
    assert MedianSmoothing(model, 0.1, n=5, resolution=7)(picture[None]).shape == (1,)


# -- when a graph is kept ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("resolution", [None, 6])
def test_a_graph_is_kept_for_images_that_ask_or_in_training_and_not_else(resolution, picture, toys):
    smooth = MedianSmoothing(toys.Wrapped(toys.Linear(torch.ones(3, 1, 1))), 0.1, n=6, resolution=resolution)
    images = picture[None] / 255
    assert smooth.train()(images).requires_grad
    assert not smooth.eval()(images).requires_grad
    assert smooth(images.clone().requires_grad_()).requires_grad
    with torch.no_grad():
        assert not smooth.train()(images.clone().requires_grad_()).requires_grad


def test_in_eval_mode_no_pass_outlives_its_batch(picture, toys):
    network, alive, most = toys.Network().eval(), [], []

    def model(images):
        out = network(images)
        weakref.finalize(out, alive.pop)
        alive.append(None)
        most.append(len(alive))
        return out

    smooth = MedianSmoothing(toys.Wrapped(model), 0.1, n=12, batch_size=2)
    smooth.parameter = torch.nn.Parameter(torch.ones(1))  # something requires grad
    smooth.eval()(picture[None])
    gc.collect()
    assert max(most) == 1
    assert len(most) == 6


# -- modes ------------------------------------------------------------------------------------------------------------


def test_a_part_in_train_mode_is_refused_in_eval_mode(picture, toys):
    network = toys.Network()
    smooth = MedianSmoothing(network, 0.1, n=5).eval()
    network.train()
    with pytest.raises(AuditError, match="but model is in train mode") as error:
        smooth(picture[None])
    assert error.value.hazards == ("train-mode",)
    network.eval()
    network.body[1].train()  # one BatchNorm is enough
    with pytest.raises(AuditError, match=r"model\.body\.1 is in train mode"):
        smooth(picture[None])
    assert smooth.eval()(picture[None]).shape == (1,)
    denoised = DenoisedMedianSmoothing(toys.mean, torch.nn.Dropout(), 0.1, n=5).eval()
    denoised.denoiser.train()
    with pytest.raises(AuditError, match="denoiser is in train mode"):
        denoised(picture[None])
    assert smooth.train()(picture[None]).shape == (1,)  # training through it is the caller's business


def test_what_is_deployed_is_what_is_certified():
    """A metric that declares a resolution gets it in both; "native" switches it off in both."""

    class Declares(torch.nn.Module):
        certified_sigma, certified_resolution = 0.25, 8

        def forward(self, images):
            return (images[:, :, 1:] - images[:, :, :-1]).abs().mean((1, 2, 3))

    metric = Declares().eval()
    image = torch.rand(3, 40, 60, generator=torch.Generator().manual_seed(0))
    for given in (None, "native", 12):
        certificate = certiqa.certify(metric, image, n=200, seed=1, resolution=given)
        smooth = certiqa.MedianSmoothing(metric, 0.25, n=200, seed=1, resolution=given).eval()
        assert float(smooth(image[None])) == pytest.approx(certificate.score, rel=1e-6)
        assert (certificate.front_end.is_identity) == (given == "native")
