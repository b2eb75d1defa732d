"""Purifications: exact values, gradients, randomness, sizes, and what they say about themselves."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter
from torch import nn
from torch.nn import functional

import certiqa
from certiqa import _provenance as provenance
from certiqa import metrics, purifications
from certiqa.data.images import read_images
from certiqa.errors import AuditError, ImageError, InputError, UnknownNameError
from certiqa.smoothing.view import view_of

NAMES = purifications.names()
SMALL = {"jpeg": {"quality": 30}, "crop": {"share": 0.5, "seed": 1}, "bits": {"bits": 2}}


class Sees(nn.Module):
    """A metric that keeps what it was shown."""

    name, lower_better, output_range, range_enforced, min_size = "sees", True, (-1.0, 1.0), True, 4

    def forward(self, images):
        self.seen = images.detach()
        return images.mean((1, 2, 3))


def metric():
    return Sees().eval()


def load(name, inner=None, **options):
    return purifications.load(name, inner or metric(), **{**SMALL.get(name, {}), **options})


def shown(wrapper, images):
    wrapper(images)
    return wrapper.metric.seen


@pytest.fixture
def photographs():
    """(2,3,24,35) on the 8-bit grid: smooth, and noise."""
    rows = np.linspace(0, 255, 24)[:, None] * np.ones((1, 35))
    smooth = np.stack([rows, rows[::-1], 0.5 * rows], -1).astype(np.uint8)
    noise = np.random.default_rng(0).integers(0, 256, (24, 35, 3), dtype=np.uint8)
    return torch.from_numpy(np.stack([smooth, noise])).permute(0, 3, 1, 2).float() / 255


# -- values -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("quality", [5, 75, 100])
def test_jpeg_is_pillows_to_the_last_bit(photographs, quality, subsampling):
    found = shown(load("jpeg", quality=quality, subsampling=subsampling), photographs)
    for image, one in zip(photographs, found, strict=True):
        pixels = (image * 255).round().byte().permute(1, 2, 0).numpy()
        file = io.BytesIO()
        Image.fromarray(pixels).save(
            file, "JPEG", quality=quality, subsampling={"4:4:4": 0, "4:2:2": 1, "4:2:0": 2}[subsampling]
        )
        expected = np.asarray(Image.open(file))
        np.testing.assert_array_equal((one * 255).round().byte().permute(1, 2, 0).numpy(), expected)
    if quality == 5:
        assert (found - photographs).abs().max() > 0.05, "it does something"


def test_the_median_is_pillows_inside(photographs):
    found = shown(load("median", size=5), photographs)
    image = Image.fromarray((photographs[1] * 255).byte().permute(1, 2, 0).numpy())
    expected = torch.from_numpy(np.asarray(image.filter(ImageFilter.MedianFilter(5))).copy()).permute(2, 0, 1)
    torch.testing.assert_close((found[1] * 255).round().byte()[:, 2:-2, 2:-2], expected[:, 2:-2, 2:-2])
    assert shown(load("median"), torch.full((1, 3, 8, 8), 0.25)).unique().tolist() == [0.25], "no dark borders"


def test_the_gaussian_has_the_width_that_was_asked_for():
    image = torch.zeros(1, 3, 41, 41)
    image[..., 20, 20] = 1
    found = shown(load("blur", sigma=2.0), image)[0, 0].double()
    place = torch.arange(41).double() - 20
    assert float(found.sum()) == pytest.approx(1, abs=1e-5)
    assert float((found.sum(0) * place**2).sum()) == pytest.approx(4, rel=0.03)  # it is cut at three sigma


def test_the_resize_goes_there_and_back(photographs):
    found = shown(load("resize", scale=0.5), photographs)
    assert found.shape == photographs.shape
    small = functional.interpolate(photographs, (12, 18), mode="bilinear", antialias=True)
    torch.testing.assert_close(found, functional.interpolate(small, (24, 35), mode="bilinear"))
    assert found[1].std() < 0.6 * photographs[1].std(), "noise is averaged away"


def test_bits_and_flip(photographs):
    found = shown(load("bits", bits=2), photographs)
    assert sorted({round(v, 4) for v in found.unique().tolist()}) == [0, 0.3333, 0.6667, 1]
    assert (found - photographs).abs().max() <= 1 / 6 + 1e-6
    torch.testing.assert_close(shown(load("bits", bits=8), photographs), photographs)
    torch.testing.assert_close(shown(load("flip", load("flip").metric), photographs), photographs.flip(-1))
    twice = purifications.load("flip", load("flip"))
    twice(photographs)
    torch.testing.assert_close(twice.metric.metric.seen, photographs)


@pytest.mark.parametrize("name", NAMES)
def test_images_stay_in_range_and_apart(name, photographs):
    wrapper = load(name)
    together = shown(wrapper, photographs)
    assert together.min() >= 0
    assert together.max() <= 1
    for index, image in enumerate(photographs):
        torch.testing.assert_close(shown(wrapper, image[None])[0], together[index], rtol=0, atol=1e-6)


# -- randomness -------------------------------------------------------------------------------------------------------


def test_each_image_has_its_own_crop():
    place = torch.arange(40.0 * 40).reshape(1, 1, 40, 40).expand(30, 3, 40, 40) / 1600
    fresh = shown(purifications.load("crop", metric(), share=0.5), place)
    assert fresh.shape == (30, 3, 20, 20)
    assert len({float(one.min()) for one in fresh}) > 20, "one crop for a batch would be one place"
    rows = {round(float(one.min()) * 1600) // 40 for one in fresh}
    assert min(rows) >= 0
    assert max(rows) <= 20
    other = shown(purifications.load("crop", metric(), share=0.5), place)
    assert not torch.equal(fresh, other), "fresh at every call"


def test_a_seeded_crop_is_a_function_of_the_image(photographs):
    wrapper, again = load("crop", seed=5), load("crop", seed=5)
    torch.testing.assert_close(shown(wrapper, photographs), shown(again, photographs))
    torch.testing.assert_close(shown(wrapper, photographs.flip(0)), shown(again, photographs).flip(0))
    others = [shown(load("crop", seed=seed), photographs) for seed in range(6)]
    assert len({float(one.sum()) for one in others}) > 3


def test_a_whole_crop_is_the_image(photographs):
    torch.testing.assert_close(shown(load("crop", share=1.0), photographs), photographs)


@pytest.mark.parametrize("name", NAMES)
def test_no_global_state_is_touched(name, photographs, toys):
    before = toys.states()
    load(name)(photographs)
    assert toys.states() == before


def test_random_ones_are_not_smoothed_and_fixed_ones_are():
    image = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(1))
    with pytest.raises(AuditError):
        certiqa.certify(purifications.load("crop", metric(), share=0.5), image, 0.1, n=20)
    found = certiqa.certify(load("median"), image, 0.1, n=20, seed=0)
    assert found.output_range == (-1.0, 1.0)
    assert found.range_enforced_by == "model"


# -- gradients --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in NAMES if purifications.card(name).differentiable == "exactly"])
def test_exact_gradients_are_those_of_finite_differences(name):
    weight = torch.randn(3, 9, 9, generator=torch.Generator().manual_seed(3)).double()

    def score(x):
        return (x * weight[:, : x.shape[2], : x.shape[3]]).sum((1, 2, 3))

    options = {"crop": {"share": 1.0, "seed": 0}}.get(name, {})
    wrapper = purifications.load(name, score, **options)
    image = 0.1 + 0.8 * torch.rand(1, 3, 9, 9, generator=torch.Generator().manual_seed(4)).double()
    assert torch.autograd.gradcheck(wrapper, (image.requires_grad_(),), eps=1e-5, atol=1e-4)


@pytest.mark.parametrize("name", ["jpeg", "bits"])
def test_straight_through_gradients_are_those_at_the_purified_image(name, photographs):
    """d/dx of sum(p(x)^2) is 2 p(x), as if p were the identity; the value is p's, to the last bit."""
    wrapper = load(name, lambda x: (x**2).sum((1, 2, 3)))
    with torch.no_grad():
        exact, purified = wrapper(photographs), wrapper.purify(photographs)
    images = photographs.clone().requires_grad_()
    value = wrapper(images)
    assert torch.equal(value.detach(), exact)
    (gradient,) = torch.autograd.grad(value.sum(), images)
    torch.testing.assert_close(gradient, 2 * purified)


def test_kornias_jpeg_lends_its_gradient_and_not_its_value(photographs):
    from kornia.enhance import jpeg_codec_differentiable

    wrapper = load("jpeg", lambda x: (x**2).sum((1, 2, 3)), gradient="kornia")
    with torch.no_grad():
        exact, purified = wrapper(photographs), wrapper.purify(photographs)
    images = photographs.clone().requires_grad_()
    value = wrapper(images)
    assert torch.equal(value.detach(), exact)
    (gradient,) = torch.autograd.grad(value.sum(), images)
    again = photographs.clone().requires_grad_()
    surrogate = jpeg_codec_differentiable(again, torch.tensor([30.0]))
    (expected,) = torch.autograd.grad((surrogate * 2 * purified).sum(), again)
    torch.testing.assert_close(gradient, expected)
    assert not torch.allclose(gradient, 2 * purified), "it is not the straight-through one"


@pytest.mark.parametrize("gradient", ["straight-through", "kornia"])
def test_an_attack_through_jpeg_moves_the_score_of_the_file(photographs, gradient):
    wrapper = load("jpeg", lambda x: x[:, 0].mean((1, 2)), gradient=gradient)
    images = (0.2 + 0.6 * photographs).requires_grad_()
    (slope,) = torch.autograd.grad(wrapper(images).sum(), images)
    with torch.no_grad():
        assert (wrapper(images + 4 / 255 * slope.sign()) > wrapper(images) + 0.005).all()


# -- what they say ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_they_speak_for_the_metric(name):
    wrapper = load(name)
    assert (wrapper.lower_better, wrapper.output_range, wrapper.range_enforced) == (True, (-1.0, 1.0), True)
    assert wrapper.name.startswith("sees behind ")
    assert not wrapper.training
    assert purifications.load(name, Sees()).training
    facts = purifications.card(name)
    assert wrapper.random == facts.random
    assert wrapper.differentiable == facts.differentiable in ("exactly", "by a surrogate")
    assert purifications.load("flip", wrapper).random == facts.random
    plain = purifications.load(name, lambda x: x.mean((1, 2, 3)))
    assert (plain.lower_better, plain.output_range, plain.range_enforced) == (None, None, False)


class MadeForNoise(Sees):
    """A metric that declares all that a certificate of it should use."""

    certified_sigma, certified_resolution, certified_n, unclipped_noise = 0.9, 16, 30, True


CLIPPING = {"jpeg", "bits"}  # they store values in [0, 1]


@pytest.mark.parametrize("name", NAMES)
def test_they_keep_what_the_metric_was_made_for(name):
    wrapper = load(name, MadeForNoise().eval())
    assert (wrapper.certified_sigma, wrapper.certified_resolution, wrapper.certified_n) == (0.9, 16, 30)
    assert wrapper.unclipped_noise is True
    smooth = certiqa.MedianSmoothing(load("flip", wrapper), seed=0).eval()
    assert (smooth.sigma, smooth.front_end.resolution) == (0.9, 16)


@pytest.mark.parametrize("name", [name for name in NAMES if not purifications.card(name).random])
def test_a_purified_metric_is_certified_as_the_metric_itself(name):
    image = torch.rand(3, 40, 60, generator=torch.Generator().manual_seed(1))
    options = {"jpeg": {"quality": 100}, "bits": {"bits": 8}, "blur": {"sigma": 0.1}, "resize": {"scale": 0.9}}
    wrapper = purifications.load(name, MadeForNoise().eval(), **options.get(name, {}))
    found, bare = certiqa.certify(wrapper, image, seed=0), certiqa.certify(MadeForNoise().eval(), image, seed=0)
    assert (found.sigma, found.n, found.front_end) == (bare.sigma, bare.n, bare.front_end)
    assert found.provenance.image_notes == bare.provenance.image_notes != ()
    seen = wrapper.metric.seen
    assert seen.shape[2:] == (16, 24)
    assert (seen.min() < 0 and seen.max() > 1) == (name not in CLIPPING)


def test_the_packages_metric_for_noise_keeps_it_all_behind_a_purification():
    card = next(one for one in metrics.list() if one.unclipped_noise and one.certified_resolution)
    inner = metrics.load(card.name, "cpu")
    smooth = certiqa.MedianSmoothing(purifications.load("flip", inner), n=3, seed=0).eval()
    bare = certiqa.MedianSmoothing(inner, n=3, seed=0).eval()
    assert (smooth.sigma, smooth.front_end) == (bare.sigma, bare.front_end)
    assert smooth._base(view(smooth)).clips_noise is bare._base(view(bare)).clips_noise is False


def view(smooth):
    picture = read_images(torch.rand(3, 40, 60, generator=torch.Generator().manual_seed(1)))[0]
    return view_of(picture, smooth.front_end, smooth.sigma, 0, torch.device("cpu"))


@pytest.mark.parametrize("name", NAMES)
def test_the_repr_builds_it_again(name):
    wrapper = purifications.load("flip", load(name))
    again = eval(repr(wrapper), {"purifications": purifications, "metric": metric()})
    assert repr(again) == repr(wrapper)
    assert again.metric.options == wrapper.metric.options


def test_options_are_part_of_the_hash():
    hashes = [provenance.model_sha256(load("jpeg", quality=q)) for q in (30, 31)]
    hashes.append(provenance.model_sha256(metric()))
    assert None not in hashes
    assert len(set(hashes)) == 3
    one = load("jpeg", quality=30)
    one.load_state_dict(load("jpeg", quality=30).state_dict())
    with pytest.raises(InputError, match="'state_dict' must be of"):
        one.load_state_dict(load("jpeg", quality=31).state_dict())


@pytest.mark.parametrize(
    ("name", "options", "least"),
    [
        ("jpeg", {}, 4), ("median", {"size": 9}, 5), ("median", {}, 4), ("blur", {"sigma": 2.0}, 7),
        ("resize", {"scale": 0.1}, 25), ("crop", {"share": 0.5}, 8), ("crop", {"share": 0.3}, 14), ("bits", {}, 4),
    ],
)  # fmt: skip
def test_the_least_size_is_what_both_need(name, options, least):
    wrapper = purifications.load(name, metric(), **options)
    assert wrapper.min_size == least
    images = torch.rand(1, 3, least, least + 3, generator=torch.Generator().manual_seed(0))
    assert shown(wrapper, images).shape[-2] >= 4
    with pytest.raises(ImageError, match=f"needs at least {least} pixels"):
        wrapper(images[:, :, :-1])


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("jpeg", {"quality": 0}, "'quality' must be a whole number from 1 to 100"),
        ("jpeg", {"quality": 75.5}, "'quality' must be"),
        ("jpeg", {"quality": True}, "'quality' must be"),
        ("jpeg", {"gradient": "none"}, "'gradient' must be one of 'straight-through', 'kornia'"),
        ("median", {"size": 4}, "'size' must be an odd number from 3 to 15"),
        ("blur", {"sigma": 0}, r"'sigma' must lie in \(0, 10\]"),
        ("blur", {"sigma": "x"}, "'sigma' must lie"),
        ("resize", {"scale": 1}, r"'scale' must lie in \(0.05, 1\)"),
        ("bits", {"bits": 9}, "'bits' must be"),
        ("crop", {"seed": -1}, "'seed' must be None"),
    ],
)
def test_options_out_of_their_range(name, options, words):
    with pytest.raises(InputError, match=words):
        purifications.load(name, metric(), **options)


def test_unknown_names():
    with pytest.raises(UnknownNameError, match=r"Unknown purification 'jpg'\. Did you mean 'jpeg'"):
        purifications.load("jpg", metric())
    with pytest.raises(UnknownNameError, match=r"Unknown option of jpeg 'qualty'\. Did you mean 'quality'"):
        purifications.load("jpeg", metric(), qualty=3)
    with pytest.raises(InputError, match="'metric' must be callable"):
        purifications.load("jpeg", 3)
    with pytest.raises(InputError, match="'metric' must be callable"):
        purifications.load("jpeg", Sees)


def test_text():
    assert purifications.parse(" crop:share=0.5, seed=3 ") == ("crop", {"share": 0.5, "seed": 3})
    assert purifications.parse("flip") == ("flip", {})
    for text in ("jpeg:", "jpeg:quality", "jpeg:quality=", "jpeg:quality=5,quality=6"):
        with pytest.raises(InputError, match="'purification' must have the form"):
            purifications.parse(text)
    with pytest.raises(InputError, match="'quality' must be a whole number"):
        purifications.parse("jpeg:quality=many")
    with pytest.raises(UnknownNameError, match="option of jpeg 'size'"):
        purifications.parse("jpeg:size=3")
