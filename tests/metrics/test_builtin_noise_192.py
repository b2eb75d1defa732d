"""The built-in metric for certificates: its sigma and resolution go with it, and its certificates meet real attacks."""

import hashlib
from importlib import resources

import pytest
import torch

import certiqa
from certiqa import metrics, samples
from certiqa.data.images import read_image
from certiqa.data.resize import Resize, working_size
from certiqa.errors import InputError
from certiqa.metrics import builtin_noise_192
from certiqa.metrics.builtin_noise_192 import SIDE
from certiqa.statistics.percentile import eps_from_linf, psnr_db


@pytest.fixture(scope="module")
def metric():
    return metrics.load("builtin-noise-192", "cpu")


@pytest.fixture(scope="module")
def picture():
    return read_image(samples.path("chelsea"))


def test_the_packaged_weights_are_those_on_the_card(metric):
    file = resources.files("certiqa.metrics").joinpath("weights", builtin_noise_192.WEIGHTS_FILE)
    assert hashlib.sha256(file.read_bytes()).hexdigest() == metric.card.weights_sha256
    assert len(file.read_bytes()) < 4_000_000


def test_it_scores_what_the_resize_leaves(metric):
    images = torch.rand(2, 3, 90, 130, generator=torch.Generator().manual_seed(0))
    small = Resize(90, 130, *working_size(90, 130, SIDE)).of_tensor(images)
    assert torch.equal(metric(images), metric.network(small))
    assert torch.equal(metric(small), metric.network(small))  # no second resize
    assert bool(((metric(images) >= 0) & (metric(images) <= 100)).all())


def test_certify_takes_its_sigma_and_resolution(metric, picture):
    certificate = certiqa.certify("builtin-noise-192", samples.path("chelsea"), n=50, seed=1, device="cpu")
    assert certificate.sigma == metric.certified_sigma
    assert certificate.front_end.output_shape[1:] == (
        SIDE,
        round(SIDE * picture.width / picture.height),
    )
    assert certificate.shape == picture.shape


def test_its_certificates_cover_attacks_that_exist(metric, picture):
    """Two grey levels everywhere: the interval is proved by scores, not by the range, and narrower than the range."""
    certificate = certiqa.certify(metric, samples.path("chelsea"), n=2000, seed=1)
    eps = eps_from_linf(2 / 255, picture.dimension)
    assert psnr_db(eps, picture.dimension) == pytest.approx(42.11, abs=0.01)
    bounds = certificate.bounds(eps)
    assert bounds.certified
    assert 0 < bounds.lower < certificate.score < bounds.upper < 100
    assert bounds.upper - bounds.lower < 50


def test_an_attack_of_two_grey_levels_stays_inside(metric, picture):
    """The sign of the smoothed score's gradient in the original's pixels, 8-bit, both ways; fresh noise afterwards."""
    certificate = certiqa.certify(metric, samples.path("chelsea"), n=2000, seed=1)
    bounds = certificate.bounds(eps_from_linf(2 / 255, picture.dimension))
    image = torch.from_numpy(picture.as_float())[None].requires_grad_()
    smooth = certiqa.MedianSmoothing(metric, metric.certified_sigma, n=64, seed=2, resolution=SIDE)
    (gradient,) = torch.autograd.grad(smooth.scores(image).mean(), image)
    pixels = torch.from_numpy(picture.pixels.copy()).int()
    fresh = certiqa.MedianSmoothing(metric, metric.certified_sigma, n=4000, seed=3, resolution=SIDE)
    moved = []
    for way in (-1, 1):
        attacked = (pixels + 2 * way * gradient[0].sign().int()).clamp(0, 255).to(torch.uint8)
        moved.append(float(fresh(attacked[None])))
    assert bounds.lower <= moved[0] < certificate.score < moved[1] <= bounds.upper


def test_its_parts_belong_together(tmp_path):
    with pytest.raises(InputError, match="belong together"):
        metrics.load("builtin-noise-192", "cpu", weights=tmp_path / "own.safetensors")
