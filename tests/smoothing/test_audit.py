"""Every hazard that the audit names, in a model that has it: as a module, and hidden in a plain callable."""

import functools
import random

import numpy as np
import pytest
import torch
from torch import nn

import certiqa
from certiqa.errors import AuditError, ModelError, ModelOutputError

pytestmark = pytest.mark.usefixtures("one_thread")


def mean(images):
    return images.mean((1, 2, 3))


def contrast(images):
    return images.flatten(1).std(1)


def crop(images, row, column):
    return images[:, :, row : row + 5, column : column + 5]


def seeds_torch(images):
    torch.manual_seed(0)
    return mean(images + 0.01 * torch.randn_like(images))


def seeds_numpy(images):
    np.random.seed(3)  # noqa: NPY002
    return mean(images) + float(np.random.rand())  # noqa: NPY002


def seeds_random(images):
    random.seed("fixed")
    return mean(images) + random.random()


def seeds_and_draws_nothing(images):
    torch.manual_seed(1234)
    return mean(images)


def shared_crop_torch(images):
    return mean(crop(images, *torch.randint(0, 8, (2,)).tolist()))


def shared_crop_numpy(images):
    return mean(crop(images, *np.random.randint(0, 8, 2).tolist()))  # noqa: NPY002


def shared_crop_random(images):
    return mean(crop(images, random.randrange(8), random.randrange(8)))


def crop_per_image(images):
    corners = torch.randint(0, 8, (len(images), 2)).tolist()
    return torch.stack([mean(crop(image[None], *corner))[0] for image, corner in zip(images, corners, strict=True)])


def dithers(images):
    return mean((images + torch.rand_like(images) / 255).clamp(0, 1))


def generator_of_its_own(images):
    return mean(images) + torch.rand(len(images), generator=torch.Generator().manual_seed(0))


def entropy_of_the_system(images):
    return mean(images) + random.SystemRandom().random()


def minus_the_batch(images):
    return mean(images) - mean(images).mean()


def z_scores(images):
    values = contrast(images)
    return (values - values.mean()) / (values.std(correction=0) + 1e-6)


def softmax(images):
    return mean(images).softmax(0)


def ranks(images):
    return mean(images).argsort().argsort().float()


def running_sum(images):
    return mean(images).cumsum(0)


def neighbour(images):
    return mean(images) + 0.1 * mean(images).roll(-1)


def loudest(images):
    return mean(images) / mean(images).amax()


def by_place(images):
    return mean(images) + torch.arange(len(images)) * 0.01


def by_size(images):
    return mean(images) / len(images)


def weak_coupling_of_large_scores(images):
    """Between the scores: a tenth of their spread; of the scores themselves, a few parts in a million."""
    return 1000 + mean(images).double() + 0.1 * mean(images).double().mean()


def clamps_in_place(images):
    return mean(images.clamp_(0.2, 0.8))


def normalises_in_place(images):
    return mean(images.sub_(0.45).div_(0.22))


def blackens_a_corner(images):
    images[:, :, 0, 0] = 0
    return mean(images)


HAZARDS = [
    (seeds_torch, "re-seeding"),
    (seeds_numpy, "re-seeding"),
    (seeds_random, "re-seeding"),
    (seeds_and_draws_nothing, "re-seeding"),
    (shared_crop_torch, "shared-randomness"),
    (shared_crop_numpy, "shared-randomness"),
    (shared_crop_random, "shared-randomness"),
    (crop_per_image, "per-sample-randomness"),
    (dithers, "per-sample-randomness"),
    (generator_of_its_own, "batch-coupled"),
    (entropy_of_the_system, "shared-randomness"),
    (minus_the_batch, "batch-coupled"),
    (z_scores, "batch-coupled"),
    (softmax, "batch-coupled"),
    (ranks, "batch-coupled"),
    (running_sum, "batch-coupled"),
    (neighbour, "batch-coupled"),
    (loudest, "batch-coupled"),
    (by_place, "batch-coupled"),
    (by_size, "batch-coupled"),
    (weak_coupling_of_large_scores, "batch-coupled"),
    (clamps_in_place, "in-place-edit"),
    (normalises_in_place, "in-place-edit"),
    (blackens_a_corner, "in-place-edit"),
]


def certify(model, picture, **options):
    return certiqa.certify(model, picture, 0.1, **({"n": 12, "seed": 2, "batch_size": 6} | options))


@pytest.fixture(params=["plain", "module", "denoiser"])
def placed(request, toys):
    """The function itself; inside of a module; or behind a denoiser, which has its own clamp after it."""
    return {
        "plain": lambda function: (function, {}),
        "module": lambda function: (toys.Wrapped(function).eval(), {}),
        "denoiser": lambda function: (function, {"denoiser": lambda images, sigma: 0.9 * images}),
    }[request.param]


@pytest.mark.parametrize(("function", "hazard"), HAZARDS, ids=[f.__name__ for f, _ in HAZARDS])
@pytest.mark.parametrize("seed", [0, 1])
def test_every_hazard_is_refused_by_name(function, hazard, seed, placed, picture, toys):
    model, options = placed(function)
    if "denoiser" in options and hazard == "in-place-edit":
        return  # it writes into what the denoiser made, which is nobody's input
    before = toys.states()
    with pytest.raises(AuditError) as error:
        certify(model, picture, seed=seed, **options)
    assert hazard in error.value.hazards
    assert f"[{hazard}]" in str(error.value)
    assert "\n" not in str(error.value)
    assert toys.states() == before


@pytest.mark.parametrize("function", [f for f, hazard in HAZARDS if hazard == "batch-coupled"])
def test_one_image_at_a_time_nothing_is_coupled(function, picture):
    assert certify(function, picture, batch_size=1).n == 12


@pytest.mark.parametrize("batch_size", [2, 3])
@pytest.mark.parametrize("function", [minus_the_batch, softmax, running_sum, by_place, shared_crop_torch])
def test_hazards_show_in_small_batches(function, batch_size, picture):
    with pytest.raises(AuditError):
        certify(function, picture, batch_size=batch_size)


@pytest.mark.parametrize("function", [shared_crop_torch, dithers, seeds_torch, clamps_in_place])
def test_the_other_hazards_are_hazards_at_batch_size_one_too(function, picture):
    with pytest.raises(AuditError):
        certify(function, picture, batch_size=1)


def batchnorm():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(560, 1))


def dropout():
    return nn.Sequential(nn.Flatten(), nn.Dropout(0.3), nn.Linear(576, 1))


@pytest.mark.parametrize(
    ("build", "hidden_as"),
    [(batchnorm, "batch-coupled"), (dropout, "per-sample-randomness")],
)
def test_train_mode(build, hidden_as, picture):
    model = build().train()
    for visible in (model, model.forward):
        with pytest.raises(AuditError, match="in train mode") as error:
            certify(visible, picture, device="cpu")
        assert error.value.hazards == ("train-mode",)
    for hidden in (lambda images: model(images), functools.partial(model)):
        with pytest.raises(AuditError) as error:
            certify(hidden, picture, device="cpu")
        assert hidden_as in error.value.hazards
    assert certify(model.eval(), picture).n == 12


def test_train_mode_of_one_layer_and_of_the_denoiser(picture, toys):
    model = batchnorm().eval()
    model[1].train()
    with pytest.raises(AuditError, match=r"The model is in train mode \(1\)"):
        certify(model, picture)

    class Denoiser(nn.Module):
        def forward(self, images, sigma):
            return images

    with pytest.raises(AuditError, match=r"The denoiser is in train mode \(Denoiser\)\. Call denoiser\.eval\(\)"):
        certify(toys.mean, picture, denoiser=Denoiser())


def test_a_refusal_before_the_first_pass_leaves_the_model_alone(picture):
    model = batchnorm().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(AuditError):
        certify(model, picture)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_several_hazards_are_all_named(picture):
    def bad(images):
        torch.manual_seed(0)
        images.mul_(0.5)
        return mean(images) - mean(images).mean()

    with pytest.raises(AuditError) as error:
        certify(bad, picture)
    assert set(error.value.hazards) == {"re-seeding", "in-place-edit", "batch-coupled"}


@pytest.mark.parametrize(
    ("output", "found"),
    [
        (lambda x: x.flatten(1)[:, :5], r"\(4, 5\)"),
        (lambda x: x.flatten(1)[:, :2, None], r"\(4, 2, 1\)"),
        (lambda x: x.mean(), "batch mean"),
        (lambda x: mean(x)[None], r"\(1, 4\)"),
        (lambda x: (mean(x), mean(x)), "tuple"),
        (lambda x: None, "NoneType"),
        (lambda x: torch.complex(mean(x), mean(x)), "complex64"),
        (lambda x: mean(x) > 0.5, "bool"),
        (lambda x: mean(x).to("meta"), "meta"),
        (lambda x: mean(x) * torch.nan, "4 NaN or infinite among 4"),
        (lambda x: mean(x) / 0, "inf"),
        (lambda x: torch.where(mean(x) == mean(x).amax(), torch.nan, mean(x)), "1 NaN"),
    ],
)
def test_outputs_that_are_no_scores(output, found, picture, toys):
    before = toys.states()
    with pytest.raises(ModelOutputError, match=found):
        certify(output, picture)
    assert toys.states() == before


def test_a_model_that_raises(picture, toys):
    def model(images):
        torch.rand(1)
        raise ValueError("needs at least 224 pixels")

    before = toys.states()
    with pytest.raises(ModelError, match=r"The model raised ValueError.*224 pixels") as error:
        certify(model, picture)
    assert not isinstance(error.value, AuditError)
    assert toys.states() == before


class Enforcing(nn.Module):
    """Says that its scores lie in [0, top], which they do for the first ``honest`` images only."""

    range_enforced = True

    def __init__(self, top, honest=0):
        super().__init__()
        self.output_range = (0.0, top)
        self.left = honest
        self.eval()

    def forward(self, images):
        self.left -= len(images)
        return mean(images).clamp(0, self.output_range[1] if self.left >= 0 else None)


def test_a_claimed_range_that_is_not_kept(picture):
    with pytest.raises(AuditError, match="claims to enforce") as error:
        certify(Enforcing(0.3), picture)
    assert error.value.hazards == ("range-not-kept",)
    certificate = certify(Enforcing(0.3), picture, output_range=(0, 0.3))
    assert certificate.range_enforced_by == "certiqa"
    assert certificate.clamped == 12


def test_a_claimed_range_that_is_kept_is_the_models(picture):
    certificate = certify(Enforcing(0.1, honest=10_000), picture)  # float32(0.1) > 0.1: rounding is not leaving
    assert certificate.range_enforced_by == "model"
    assert certificate.output_range == (0.0, 0.1)
    assert certificate.clamped == 0
    assert certificate.score == 0.1


def test_a_claimed_range_that_is_left_only_in_the_sample(picture):
    class LateRiser(Enforcing):
        def forward(self, images):
            limit = 0.3 if len(images) <= 4 else 1.0  # the audit scores four together
            return mean(images).clamp(0, limit)

    with pytest.raises(ModelOutputError, match="leave the range that the model claims"):
        certify(LateRiser(0.3), picture, batch_size=6)


def test_a_declared_range_that_is_left_is_reported_and_clamped(picture):
    certificate = certify(mean, picture, output_range=(0.0, 0.3))
    assert certificate.clamped == 12
    assert certificate.scores.max() == 0.3
    (finding,) = certificate.provenance.findings
    assert finding.startswith("[range-not-kept]")
    assert "clamped" in finding
    assert "Audit: [range-not-kept]" in str(certificate)


def test_infinite_scores_are_clamped_where_a_range_is_declared(picture):
    def model(images):
        return torch.where(mean(images) > 0.5, torch.inf, mean(images))

    with pytest.raises(ModelOutputError):
        certify(model, picture, n=40)
    certificate = certify(model, picture, n=40, output_range=(0, 1))
    assert certificate.clamped > 0
    assert certificate.scores.max() == 1


@pytest.mark.parametrize(
    ("denoiser", "error", "found"),
    [
        (lambda x, s: x[..., 1:], ModelOutputError, "denoiser must return an image"),
        (lambda x, s: x * torch.nan, ModelOutputError, "NaN"),
        (lambda x, s: None, ModelOutputError, "NoneType"),
        (lambda x: x, ModelError, "The denoiser raised TypeError"),
        (lambda x, s: x - x.mean(), AuditError, "batch-coupled"),
        (lambda x, s: x + torch.randn_like(x) * s, AuditError, "randomness"),
        (lambda x, s: x.mul_(0.5), AuditError, "in-place-edit"),
    ],
)
def test_denoisers(denoiser, error, found, picture):
    with pytest.raises(error, match=found):
        certify(mean, picture, denoiser=denoiser)


# -- honest models ----------------------------------------------------------------------------------------------------


class InDouble(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(576, 1).double()

    def forward(self, images):
        return self.layer(images.flatten(1))


HONEST = {
    "batchnorm in eval mode": lambda: (batchnorm().eval(), {}),
    "constant": lambda: (lambda x: torch.full((len(x),), 7.5), {}),
    "zero": lambda: (lambda x: x.new_zeros(len(x)), {}),
    "integers": lambda: (lambda x: (100 * mean(x)).round().long(), {}),
    "float64": lambda: (InDouble(), {}),
    "bfloat16": lambda: (batchnorm().eval(), {"dtype": "bfloat16"}),
    "float16": lambda: (dropout().eval(), {"dtype": "float16"}),
    "tiny": lambda: (lambda x: 1e-6 * contrast(x), {}),
    "tinier": lambda: (lambda x: 1e-20 * contrast(x), {}),
    "huge": lambda: (lambda x: 1e6 * contrast(x), {}),
    "around zero": lambda: (lambda x: mean(x) - 0.5, {}),
    "one or nothing": lambda: (lambda x: (mean(x) > 0.5).float(), {}),
    "numpy": lambda: (lambda x: x.numpy().mean((1, 2, 3)), {}),
    "list": lambda: (lambda x: mean(x).tolist(), {}),
    "its own fixed randomness": lambda: (
        lambda x: (x * torch.rand(x.shape[1:], generator=torch.Generator().manual_seed(1))).mean((1, 2, 3)),
        {},
    ),
}


@pytest.mark.parametrize("name", HONEST)
def test_honest_models_pass_and_leave_no_trace(name, picture, toys):
    torch.manual_seed(sum(map(ord, name)))
    model, options = HONEST[name]()
    model = model.eval() if isinstance(model, nn.Module) else model
    before = toys.states()
    certificate = certify(model, picture, **options)
    assert toys.states() == before
    assert certificate.provenance.findings == ()
    assert np.isfinite(certificate.scores).all()
    assert (certificate.provenance.model_sha256 is None) is not isinstance(model, nn.Module)


@pytest.mark.parametrize("seed", range(12))
def test_a_network_whose_scores_lie_around_zero(seed, toys):
    """Kernels for one image and for four round differently; next to a score near zero that is not a coupling."""
    picture = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(seed))
    network = toys.Network(seed).eval()
    with torch.no_grad():
        network.head.bias -= network(picture[None]).mean()
        for batch_size in (1, 3, 4):
            assert certiqa.certify(network, picture, 0.12, n=4, batch_size=batch_size).n == 4
