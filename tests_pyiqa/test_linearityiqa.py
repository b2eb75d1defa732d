"""LinearityIQA with its network, on random weights: against torchvision's backbone, and under certify()."""

import copy
import hashlib
from collections import OrderedDict

import pytest
import torch
from torch import nn
from torch.nn import functional

import certiqa
from certiqa.errors import WeightsError
from certiqa.metrics import load
from certiqa.metrics.linearityiqa import (
    LinearityIQA,
    LinearMap,
    branch_loss,
    fit_linear_map,
    load_linearityiqa,
    read_checkpoint,
    to_checkpoint,
)
from certiqa.metrics.policy import AnySize, Resized

pytest.importorskip("timm")
torchvision = pytest.importorskip("torchvision")

SIZE = (48, 64)
K, B = [21.0, 22.0, 23.0], [50.0, 51.0, 52.0]


class Published(nn.Module):
    """The published network from torchvision's backbone, with its names; for average pooling without a pyramid."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(*list(torchvision.models.resnext101_32x8d(weights=None).children())[:8])
        for name, width in (("dr6", 1024), ("dr7", 2048)):
            sizes = [width, 1024, 256, 64]
            layers = [m for i in range(3) for m in (nn.Linear(sizes[i], sizes[i + 1]), nn.BatchNorm1d(sizes[i + 1]))]
            self.add_module(name, nn.Sequential(*layers, nn.ReLU()))
        self.regr6, self.regr7, self.regression = nn.Linear(64, 1), nn.Linear(64, 1), nn.Linear(128, 1)

    def forward(self, images):
        mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
        stage3 = self.features[:7]((images - mean.view(3, 1, 1)) / std.view(3, 1, 1))
        six, seven = self.dr6(stage3.mean((2, 3))), self.dr7(self.features[7](stage3).mean((2, 3)))
        return self.regr6(six), self.regr7(seven), self.regression(torch.cat((six, seven), 1))


def noise(count, size=SIZE, seed=0):
    return torch.rand(count, 3, *size, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(scope="module")
def published():
    """Random weights; one batch in train mode gives BatchNorm the statistics that keep the activations in bounds."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Published()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        network.train()(noise(6, seed=9))
    return network.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def file(published, tmp_path_factory):
    path = tmp_path_factory.mktemp("checkpoints") / "p1q2.pth"
    content = {"model": published.state_dict(), "optimizer": {"state": {}, "param_groups": []}, "amp": OrderedDict()}
    torch.save(content | {"k": K, "b": B}, path, _use_new_zipfile_serialization=False)
    return path


@pytest.fixture(scope="module")
def metric(file):
    return load_linearityiqa(file, "cpu", resize=None)


@pytest.fixture(scope="module")
def tiny(file):
    return load_linearityiqa(file, resize=(32, 32))


def test_it_is_torchvisions_network_in_the_published_format(metric, published):
    images = noise(2)
    three, four, both = (branch.squeeze(1) for branch in published(images))
    found = metric.predictions(images)
    for ours, theirs in zip(found, (three, four, both), strict=True):
        assert ours.shape == (2,)
        assert torch.allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    assert (both[0] - both[1]).abs() > 1e-3, "the weights tell the images apart"
    assert torch.allclose(metric(images), K[0] * both + B[0], rtol=1e-4, atol=1e-3)
    assert metric.linear_maps() == tuple(map(LinearMap, K, B))


def test_the_channels_are_rgb(metric):
    images = noise(1)
    assert (metric(images) - metric(images.flip(1))).abs() > 1e-3


def test_the_resize_is_inside(file, metric):
    resized = load_linearityiqa(file, resize=SIZE)
    images = noise(2, (80, 90))
    small = functional.interpolate(images, SIZE, mode="bilinear", antialias=True, align_corners=False)
    assert torch.equal(resized(images), metric(small))
    assert resized.card.input == Resized(*SIZE, None, "bilinear", True)
    assert metric.card.input == AnySize(1)
    assert metric(noise(1, (1, 1))).shape == (1,)


def test_the_registry_loads_it_frozen_and_leaves_the_random_state(file):
    state = torch.random.get_rng_state()
    metric = load("linearityiqa", "cpu", weights=file)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert metric.card.weights_sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert (metric.name, metric.lower_better, metric.output_range, metric.min_size) == ("linearityiqa", False, None, 1)
    assert metric.resize == (498, 664)
    assert not metric.training
    assert not any(parameter.requires_grad for parameter in metric.parameters())
    assert {tensor.device.type for tensor in metric.state_dict().values()} == {"cpu"}
    assert {tensor.dtype for tensor in metric.state_dict().values()} == {torch.float32, torch.int64}


def test_a_score_does_not_depend_on_the_batch(metric):
    images = noise(2)
    alone = torch.cat([metric(image[None]) for image in images])
    assert (metric(images) - alone).abs().max() < 1e-2
    assert (alone[0] - alone[1]).abs() > 2e-2
    assert (metric(torch.cat((images[:1], 1e3 * images[1:])))[0] - alone[0]).abs() < 1e-2


def test_the_gradient_reaches_the_image_and_is_the_slope(tiny):
    double = copy.deepcopy(tiny).double()
    images = noise(2, (40, 36)).double().requires_grad_()
    double(images)[1].backward()
    assert images.grad[0].abs().max() == 0
    assert images.grad[1].abs().max() > 0
    step = torch.zeros_like(images)
    step[1] = 1e-7 * images.grad[1].sign()
    with torch.no_grad():
        slope = (double(images + step) - double(images - step))[1] / 2e-7
    assert slope.item() == pytest.approx(images.grad[1].abs().sum().item(), rel=1e-3)


def test_certify_runs(tiny):
    picture = (255 * noise(1, (40, 36))[0]).to(torch.uint8)
    certificate = certiqa.certify(tiny, picture, 0.12, n=60, seed=1)
    interval = certificate.bounds(0.02)
    assert interval.lower < certificate.score < interval.upper
    assert certificate.output_range is None
    assert certificate.provenance.model == "linearityiqa"


def test_low_precision_scores_in_float32_under_autocast(metric):
    images = noise(2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        low = metric(images)
    assert low.dtype == torch.float32
    assert bool(torch.isfinite(low).all())


# -- training, and the way back to a file -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wide():
    """All options other than the published ones, random weights."""
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return LinearityIQA(None, pool="meanstd", levels=(2, 1), bn_end=True)


def test_the_loss_trains_it_and_what_it_learnt_is_saved_and_loaded(wide, tmp_path):
    images, human = noise(4, (64, 49)), torch.tensor([10.0, 30.0, 50.0, 90.0])
    loss = branch_loss(wide.train().predictions(images), human)
    loss.backward()
    assert 0 < loss.item() < 1.2
    without = [name for name, one in wide.named_parameters() if one.grad is None or not one.grad.isfinite().all()]
    assert without == []
    wide.eval()
    with torch.no_grad():
        raw = wide.predictions(images).both
        wide.set_linear_maps(fit_linear_map(raw, human))
        scores = wide(images)
    assert scores.mean().item() == pytest.approx(human.mean().item(), abs=0.1)
    torch.save(to_checkpoint(wide), tmp_path / "mine.pth")
    options = {"resize": None, "pool": "meanstd", "levels": (2, 1), "bn_end": True}
    again = load_linearityiqa(tmp_path / "mine.pth", **options)
    assert torch.equal(again(images), scores)
    assert again.min_size == wide.min_size == 49
    assert again(noise(1, (49, 49))).shape == (1,)
    names = read_checkpoint(tmp_path / "mine.pth").tensors
    assert {"dr6.0.weight", "regr7.1.running_mean", "regression.0.weight", "features.0.weight"} <= names.keys()
    with pytest.raises(
        WeightsError, match=r"missing: regr6.weight, .*unexpected: regr6.0.weight, .*shapes: dr6.0.weight"
    ):
        load_linearityiqa(tmp_path / "mine.pth", resize=None)


def test_wrong_names_are_named_with_the_remedy(published, tmp_path):
    state = published.state_dict()
    first, second = state.pop("features.0.weight"), state.pop("dr7.3.bias")
    state["conv1.weight"] = first
    state["dr6.0.bias"] = second
    torch.save({"model": state, "k": K, "b": B}, tmp_path / "c.pth")
    with pytest.raises(WeightsError) as caught:
        load_linearityiqa(tmp_path / "c.pth")
    assert "missing: features.0.weight, dr7.3.bias; unexpected: conv1.weight;" in str(caught.value)
    assert "shapes: dr6.0.bias (256,) instead of (1024,)" in str(caught.value)
    assert "github.com/lidq92/LinearityIQA" in str(caught.value)
    torch.save({"model": {}, "k": K, "b": B}, tmp_path / "c.pth")
    with pytest.raises(WeightsError, match=r"missing: features\.0\.weight, .* and [0-9]+ more"):
        load_linearityiqa(tmp_path / "c.pth")
