"""Denoisers that must not be smoothed: what the audit says of each; and a network of someone else's that may be."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional

import certiqa
from certiqa.denoisers import UNetConfig, build
from certiqa.errors import AuditError, ModelOutputError

TINY = UNetConfig(unshuffle=2, widths=(4, 8), down=(0,), middle=1, up=(0,))


def mean(images):
    return images.mean((1, 2, 3))


def corner(images):
    return images[:, 0, :4, :4].mean((1, 2))


def certify(picture, denoiser, model=corner, sigma=0.1):
    return certiqa.certify(model, picture.repeat(1, 2, 2), sigma, n=12, seed=2, batch_size=6, denoiser=denoiser)


class RunningMean:
    """The mean of all that it was ever shown: the clean image leaks in from earlier calls."""

    def __init__(self):
        self.seen = []

    def __call__(self, images, sigma):
        self.seen.append(images.mean(0, keepdim=True))
        return 0.5 * images + 0.5 * torch.stack(self.seen).mean(0)


class LastCall(nn.Module):
    """A little of the image before: state in a buffer."""

    def __init__(self):
        super().__init__()
        self.register_buffer("last", torch.zeros(3, 1, 1))

    def forward(self, images, sigma):
        out = images + 0.1 * self.last
        self.last = images.mean((0, 2, 3)).view(3, 1, 1)
        return out


class Oracle:
    """Knows the picture."""

    def __init__(self, clean):
        self.clean = clean

    def __call__(self, images, sigma):
        return self.clean.to(images).expand_as(images)


def shared_dropout(images, sigma):
    return images * (torch.rand(1, 1, *images.shape[2:]) > 0.1)


def batch_mean(images, sigma):
    return images - images.mean(0, keepdim=True) + 0.5


def in_place(images, sigma):
    return images.mul_(0.9)


@pytest.mark.parametrize(
    ("make", "hazards"),
    [
        (RunningMean, {"shared-randomness", "per-sample-randomness", "batch-coupled"}),
        (LastCall().eval, {"shared-randomness", "per-sample-randomness", "batch-coupled"}),
        (lambda: shared_dropout, {"shared-randomness", "per-sample-randomness"}),
        (lambda: batch_mean, {"batch-coupled"}),
        (lambda: in_place, {"in-place-edit"}),
        (lambda: build(TINY, seed=0).train(), {"train-mode"}),
        (lambda: build(TINY, seed=0).train().forward, {"train-mode"}),
    ],
)
def test_refused_by_name(make, hazards, picture):
    with pytest.raises(AuditError) as error:
        certify(picture, make())
    assert set(error.value.hazards) & hazards


def test_a_denoiser_that_knows_the_clean_image(picture):
    clean = picture.repeat(1, 2, 2).float() / 255
    with pytest.raises(AuditError, match="same image for a picture and its negative") as error:
        certify(picture, Oracle(clean))
    assert error.value.hazards == ("ignores-input",)
    assert certify(picture, lambda images, sigma: 0.5 * images + 0.5 * clean).n == 12, "the test can fail"


@pytest.mark.parametrize(
    ("denoiser", "found"),
    [
        (lambda x, s: x[..., :-1], "of the shape and device of its input"),
        (lambda x, s: x.mean(1, keepdim=True), "of the shape and device of its input"),
        (lambda x, s: functional.avg_pool2d(x, 2), "of the shape and device of its input"),
        (lambda x, s: (x, s), "Got tuple"),
        (lambda x, s: x * torch.nan, "NaN"),
        (lambda x, s: torch.where(x.mean((1, 2, 3), keepdim=True) > -1, x / 0 * 0, x), "NaN"),
    ],
)
def test_outputs_that_are_no_images(denoiser, found, picture):
    with pytest.raises(ModelOutputError, match=found):
        certify(picture, denoiser)


@pytest.mark.parametrize("sigma", [0.05, 0.5])
def test_our_networks_pass(picture, sigma):
    net = build(TINY, seed=0)
    for parameter in net.parameters():
        parameter.data += 0.02
    certificate = certify(picture, net, sigma=sigma)
    assert certificate.method == "denoised median smoothing"
    assert certificate.provenance.findings == ()
    assert certificate.provenance.denoiser_sha256


# -- bf_unet: a network that nobody here trained ----------------------------------------------------------------------

WEIGHTS = Path(__file__).resolve().parents[3] / "shared" / "weights" / "bf_unet.pt"


class BiasFreeUNet(nn.Module):
    """The published bias-free, blind, grey U-Net as forward(x, sigma) -> x: each colour channel by itself."""

    def __init__(self, weights):
        super().__init__()
        self.weights = nn.ParameterDict({name.replace(".", "_"): value for name, value in weights.items()})

    def grey(self, x):
        w = [self.weights[f"conv{i}_weight"] for i in range(1, 10)]
        height, width = x.shape[2:]
        x = functional.pad(x, (0, width % 2, 0, height % 2), mode="reflect")
        skip = functional.relu(
            functional.conv2d(functional.relu(functional.conv2d(x, w[0], padding=2)), w[1], padding=1)
        )
        out = functional.relu(functional.conv2d(skip, w[2], stride=2, padding=1))
        out = functional.relu(functional.conv2d(out, w[3], padding=1))
        out = functional.relu(functional.conv2d(out, w[4], padding=2, dilation=2))
        out = functional.relu(functional.conv2d(out, w[5], padding=4, dilation=4))
        out = functional.relu(functional.conv_transpose2d(out, w[6], stride=2, padding=1))
        out = functional.relu(functional.conv2d(torch.cat((out, skip), 1), w[7], padding=1))
        return functional.conv2d(out, w[8], padding=2)[..., :height, :width]

    def forward(self, images, sigma):
        return self.grey(images.flatten(0, 1)[:, None]).view_as(images)


@pytest.mark.shared
@pytest.mark.parametrize("size", [(32, 48), (33, 47)])
def test_the_third_party_unet_through_the_same_protocol(shared_data, size):
    if not WEIGHTS.exists():
        pytest.skip("the third-party weights of ../shared/weights are not here")
    net = BiasFreeUNet(torch.load(WEIGHTS, weights_only=True)).eval()
    pixels = certiqa.data.images.read_image(shared_data / "kodak24" / "kodim03.png").pixels
    pixels = torch.from_numpy(pixels[:, : size[0], 100 : 100 + size[1]].copy())
    clean = pixels[None] / 255
    noisy = clean + 0.12 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        out = net(noisy, 0.12)
    assert (out - clean).square().mean() < 0.15 * (noisy - clean).square().mean(), "it denoises"
    certificate = certiqa.certify(mean, pixels, 0.12, n=6, batch_size=3, seed=1, denoiser=net)
    assert certificate.provenance.findings == ()
    assert certificate.provenance.denoiser_sha256
