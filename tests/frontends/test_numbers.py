"""Certificates behind a front end of numbers: the law, the bound and its tightness, requests, JSON, the module."""

import json
import math

import numpy as np
import pytest
import torch
from scipy import stats

import certiqa
from certiqa import Certificate, MedianSmoothing
from certiqa.certificate import MedianCertificate
from certiqa.certifiers import MedianCertifier
from certiqa.data.images import read_image
from certiqa.errors import AuditError, CertificateError, ImageError, InputError
from certiqa.evaluation import fresh_scores, verdict
from certiqa.frontends import Identity, Resize, register
from certiqa.smoothing.audit import AUDIT_COUNTER
from certiqa.smoothing.noise import VectorNoise

SIGMA = 0.003


@pytest.fixture(scope="module", autouse=True)
def _registered():
    from certiqa.frontends import registry

    before = dict(registry._makers)
    yield
    registry._makers.clear()
    registry._makers.update(before)


@pytest.fixture
def known(means):
    from certiqa.frontends import registry

    registry._makers.pop("means", None)
    register("means", lambda data: means(data["factor"]))


# -- noise ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 3, 4, 117, 70_000])
def test_a_sample_is_the_same_whatever_the_batch(size):
    noise = VectorNoise(SIGMA, (3, 9))
    values = np.arange(size, dtype=np.int32)
    batch = noise.noisy(values, 5, 7, clip=False)
    assert batch.shape == (7, size)
    for i in range(7):
        assert torch.equal(noise.noisy(values, 5 + i, 1, clip=False)[0], batch[i])
        assert np.array_equal(noise.draw(5 + i, size), noise.torch_draw(5 + i, 1, size)[0].numpy())
    assert len({row.numpy().tobytes() for row in batch}) == 7


def test_samples_on_both_sides_of_a_page_and_the_audits():
    noise, values = VectorNoise(SIGMA, (3, 9)), np.zeros(5, np.int32)
    for start in (2**32 - 2, AUDIT_COUNTER, 2**63 - 5):
        batch = noise.noisy(values, start, 4, clip=False)
        for i in range(4):
            assert torch.equal(noise.noisy(values, start + i, 1, clip=False)[0], batch[i])
        assert np.array_equal(
            noise.torch_draw(start, 4, 5).numpy(), np.stack([noise.draw(start + i, 5) for i in range(4)])
        )
        assert len({row.numpy().tobytes() for row in batch}) == 4
    first = noise.noisy(values, 0, 4, clip=False)
    assert not torch.equal(first, noise.noisy(values, 2**32, 4, clip=False))


def test_the_law_is_gaussian_and_its_elements_are_independent():
    noise = VectorNoise(SIGMA, (3, 9))
    drawn = noise.noisy(np.zeros(6, np.int32), 0, 40_000, clip=False).double().numpy() / SIGMA
    assert stats.kstest(drawn.ravel(), "norm").pvalue > 1e-5
    correlations = np.corrcoef(drawn.T) - np.eye(6)
    assert np.abs(correlations).max() < 5 / math.sqrt(40_000)
    assert abs(np.corrcoef(drawn[:-1, 0], drawn[1:, 0])[0, 1]) < 5 / math.sqrt(40_000)


@pytest.mark.parametrize("wrong", [np.zeros((3, 2, 2), np.int32), np.zeros(3), np.zeros(0, np.int32)])
def test_what_is_no_vector_on_the_grid(wrong):
    with pytest.raises(InputError, match=r"'pixels' must be a torch.int32 vector of shape \(m,\)"):
        VectorNoise(SIGMA, (1, 2)).noisy(wrong, 0, 1, clip=False)
    with pytest.raises(InputError, match="'clip'"):
        VectorNoise(SIGMA, (1, 2)).noisy(np.zeros(3, np.int32), 0, 1, clip=True)


# -- certificates -----------------------------------------------------------------------------------------------------


def test_the_median_and_its_bounds_are_those_of_theory(means, head, image):
    """f is linear, so under the strongest attack its median moves by exactly 100 |w| L eps."""
    certificate = certiqa.certify(head, image, SIGMA, n=20_000, front_end=means(), seed=2)
    assert isinstance(certificate, MedianCertificate)
    z = means()(image.double().numpy() / 255)
    true = 100 * (0.6 * z[0] - 0.8 * z[1])
    assert certificate.score == pytest.approx(true, abs=6 * 100 * SIGMA / math.sqrt(20_000))
    eps = 2 * SIGMA * math.sqrt(certificate.dimension)  # r = 2
    move = 100 * certificate.front_end.lipschitz * eps
    lower, upper = certificate.bounds(eps)
    assert lower <= true - move
    assert true + move <= upper
    assert upper - lower <= 2 * move * 1.1  # and not much wider
    assert certificate.front_end.behind(eps) == pytest.approx(2 * SIGMA, rel=1e-2)
    assert "the noise meets 3 numbers of the front end 'means', not pixels" in str(certificate)


def test_an_attack_reaches_the_bound_and_does_not_leave_it(means, metric, image):
    certifier = MedianCertifier.of(metric, seed=4, n=5000)
    picture = read_image(image.float() / 255.01)
    certificate = certifier.certify(picture)
    step = 0.004
    attacked = torch.from_numpy(picture.pixels.copy())
    attacked[0] += step
    attacked[1] -= step
    attacked.clamp_(0, 1)
    found = certifier.judge(certificate, picture, read_image(attacked), seed=9)
    assert found.within
    assert not found.alarm
    half = 0.5 * (found.upper - found.lower)
    assert found.median - certificate.score > 0.6 * half  # sqrt(2/3) of the budget points along w, |cos| = .99
    false = fresh_scores(certificate, metric, attacked, 5000, seed=9)
    assert verdict(certificate, picture, read_image(attacked), false + 2 * half, eps=found.eps).alarm


def test_a_metric_that_declares_everything_needs_nothing_more(metric, means, image):
    certificate = certiqa.certify(metric, image, seed=1)
    assert (certificate.n, certificate.sigma) == (500, SIGMA)
    assert certificate.front_end.front_end == means()
    assert certificate.provenance.model == "means-metric"
    assert certificate.provenance.image_notes == ("the means of the channels",)
    assert certiqa.certify(metric, image, 0.01, n=20).sigma == 0.01
    same = certiqa.certify(metric, image, seed=1, front_end=means())
    assert np.array_equal(same.scores, certificate.scores)


def test_batch_size_and_order_do_not_change_the_scores(metric, image):
    one = certiqa.certify(metric, image, seed=1, n=300, batch_size=7)
    other = certiqa.certify(metric, image, seed=1, n=300)
    assert np.array_equal(one.scores, other.scores)


def test_the_module_gives_the_certificates_score_and_a_gradient(metric, image):
    smooth = MedianSmoothing(metric, n=500, seed=1).eval()
    assert smooth.sigma == SIGMA
    certificate = certiqa.certify(metric, image, seed=1)
    assert float(smooth(image[None])) == pytest.approx(certificate.score, rel=1e-6)
    images = (image.float() / 255.0)[None].requires_grad_()
    (gradient,) = torch.autograd.grad(smooth(images).sum(), images)
    assert torch.allclose(gradient[0, 0], torch.full((), 60 / (30 * 41) / 3**0.5), rtol=1e-4)
    assert torch.allclose(gradient[0, 1], torch.full((), -80 / (30 * 41) / 3**0.5), rtol=1e-4)


# -- requests that make no sense --------------------------------------------------------------------------------------


def test_a_head_of_another_front_end(metric, means, head, image):
    with pytest.raises(InputError, match=r"'front_end' must be the one that 'means-metric' was made for, of digest"):
        certiqa.certify(metric, image, front_end=means(0.5))
    head.front_end_digest = means(0.5).digest
    with pytest.raises(InputError, match="'front_end' must be the one that"):
        certiqa.certify(head, image, SIGMA, front_end=means())


def test_requests_that_contradict_the_front_end(metric, means, head, image):
    with pytest.raises(InputError, match="'resolution' must not be given: 'means-metric' has a front end of its own"):
        certiqa.certify(metric, image, resolution=16)
    with pytest.raises(InputError, match="'resolution' must not be given beside front_end"):
        certiqa.certify(head, image, SIGMA, front_end=means(), resolution=16)
    with pytest.raises(InputError, match="'denoiser' must be None behind the front end 'means'"):
        certiqa.certify(metric, image, denoiser=lambda x, sigma: x)
    with pytest.raises(InputError, match=r"'sigma' must be at most 0.1 behind the front end 'means'. Got 0.12"):
        certiqa.certify(metric, image, 0.12)
    with pytest.raises(InputError, match="'front_end' must be a front end"):
        certiqa.certify(head, image, SIGMA, front_end="energies")
    with pytest.raises(InputError, match="'front_end' must be a front end"):
        certiqa.certify(head, image, SIGMA, front_end=Resize)
    with pytest.raises(ImageError, match=r"3x9; the front end 'means' needs at least 4 pixels on each side"):
        certiqa.certify(metric, torch.zeros(3, 9, 3))


# -- JSON -------------------------------------------------------------------------------------------------------------


def test_json(metric, means, image, known):
    one = certiqa.certify(metric, image, seed=1, n=5000)
    data = json.loads(one.to_json())
    assert data["front_end"]["front_end"] == {"name": "means", "factor": 1.0}
    assert data["noise"] == "lattice-vector"
    again = Certificate.from_json(one.to_json())
    assert again == one
    assert again.front_end == one.front_end
    data["front_end"]["front_end"]["factor"] = 0.5
    with pytest.raises(CertificateError, match="does not have the stated 'digest'"):
        Certificate.from_dict(data)


def test_a_name_is_taken_once(known):
    with pytest.raises(InputError, match="'name'"):
        register("means", lambda data: Identity())


# -- the audit --------------------------------------------------------------------------------------------------------


def spoilt(means, **methods):
    return type("Spoilt", (means,), methods)()


def hazard_of(front_end, head, image):
    with pytest.raises(AuditError) as error:
        certiqa.certify(head, image, SIGMA, n=20, front_end=front_end)
    (hazard,) = error.value.hazards
    assert f"[{hazard}]" in str(error.value)
    return hazard


def test_front_ends_that_are_refused(means, head, image):
    calls = []

    def drifting(self, values):
        calls.append(1)
        return values.mean((1, 2)) / np.sqrt(3) + 1e-9 * len(calls)

    def coupled(self, images):
        return (images - images.mean((0, 2, 3), keepdim=True)).mean((2, 3)) / 3**0.5

    def doubled(self, values):
        return 2 * values.mean((1, 2)) / np.sqrt(3) - 0.5

    assert hazard_of(spoilt(means, __call__=drifting), head, image) == "front-end-changes"
    assert hazard_of(spoilt(means, of_tensor=coupled), head, image) == "front-end-batch-coupled"
    assert hazard_of(spoilt(means, __call__=lambda s, v: np.full(3, np.nan)), head, image) == "front-end-not-finite"
    assert hazard_of(spoilt(means, __call__=lambda s, v: np.full(3, 7.0)), head, image) == "front-end-not-finite"
    assert hazard_of(spoilt(means, __call__=lambda s, v: np.zeros(4)), head, image) == "front-end-not-finite"
    assert hazard_of(spoilt(means, __call__=doubled), head, image) == "front-end-expands"


def test_a_module_whose_name_begins_like_the_packages_is_audited_too(means, head, image):
    front_end = spoilt(means, __call__=lambda self, values: 2 * values.mean((1, 2)) / np.sqrt(3))
    type(front_end).__module__ = "certiqa.frontends_of_mine"
    assert hazard_of(front_end, head, image) == "front-end-expands"


def test_an_expansion_that_only_ascent_finds(means, head, image):
    """Everything but one pixel is passed on as it should be; that one counts fifty times."""

    def spiked(self, values):
        z = values.mean((1, 2)) / np.sqrt(3)
        return z + np.array([0.0, 0.0, 0.05 * values[2, 3, 3]])

    def spiked_tensor(self, images):
        z = images.mean((2, 3)) / 3**0.5
        return z + torch.stack([0 * z[:, 0], 0 * z[:, 0], 0.05 * images[:, 2, 3, 3]], 1)

    front_end = spoilt(means, __call__=spiked, of_tensor=spiked_tensor)
    assert hazard_of(front_end, head, image) == "front-end-expands"
