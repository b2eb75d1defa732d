"""LIQE of the real pyiqa: its text features are those of the weights in it, and its file on disk is not made wrong."""

import copy
import warnings

import pytest
import torch
from pyiqa.archs import liqe_arch
from random_weights import random_hub

import certiqa
from certiqa.errors import WeightsError

NAMES = {"liqe": {}, "liqe_mix": {"pretrained": "mix"}}
"""For each, how pyiqa itself builds it around a checkpoint on disk: with its features computed from that."""


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    return tmp_path_factory.mktemp("hub")


@pytest.fixture(autouse=True)
def disk(monkeypatch, tmp_path):
    """pyiqa's folder, empty; and two of the nine scenes, one of the eleven distortions: 10 texts instead of 495."""
    folder = tmp_path / "cache"
    folder.mkdir()
    monkeypatch.setattr(liqe_arch, "DEFAULT_CACHE_DIR", str(folder))
    monkeypatch.setattr(liqe_arch, "scenes", ["human", "night"])
    monkeypatch.setattr(liqe_arch, "dists_map", ["blur"])
    return folder


@pytest.fixture(scope="module")
def mine(hub, tmp_path_factory):
    """A checkpoint whose texts have other features than those of the CLIP that pyiqa starts from."""
    folder = tmp_path_factory.mktemp("mine")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(liqe_arch, "DEFAULT_CACHE_DIR", str(folder))
        state = theirs(hub, pretrained=False).state_dict()
    state["clip_model.text_projection"] = state["clip_model.text_projection"].flip(1).contiguous()
    torch.save({"params": state}, folder / "mine.pth")
    return folder / "mine.pth"


@pytest.fixture(scope="module")
def image():
    return torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(2))


def theirs(hub, **options):
    """LIQE as pyiqa itself builds it."""
    with random_hub(hub), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit.load in pyiqa's CLIP
        return liqe_arch.LIQE(**options).eval()


def load(name, hub, weights=None):
    with random_hub(hub):
        return certiqa.metrics.load(f"pyiqa:{name}", "cpu", weights=weights)


@pytest.mark.parametrize("name", NAMES)
def test_the_texts_are_of_the_weights_that_were_put_in(hub, disk, mine, image, name):
    expected = theirs(hub, pretrained_model_path=str(mine), **NAMES[name])
    for file in disk.iterdir():
        file.unlink()
    theirs(hub, pretrained=False)
    (left,) = disk.iterdir()
    before = left.read_bytes()
    metric = load(name, hub, mine)
    assert metric.net.text_features.shape == (10 if name == "liqe_mix" else 5, 1024)
    assert torch.allclose(metric.net.text_features, expected.text_features, atol=1e-6)
    with torch.no_grad():
        assert torch.allclose(metric(image), expected(image).flatten(), atol=1e-5)
    if name == "liqe":
        old = torch.load(left, weights_only=True)
        assert not torch.allclose(metric.net.text_features, old, atol=1e-2), "the test can fail"
    assert [file.read_bytes() for file in disk.iterdir()] == [before], "what lies there is left as it was"


@pytest.mark.parametrize("name", NAMES)
def test_weights_of_ones_own_leave_nothing_on_disk(hub, disk, mine, tmp_path, name):
    load(name, hub, mine)
    torch.save({"params": {"other": torch.ones(1)}}, tmp_path / "bad.pth")
    with pytest.raises(WeightsError, match=f"does not fit pyiqa:{name}"):
        load(name, hub, tmp_path / "bad.pth")
    assert list(disk.iterdir()) == []
    assert str(disk) == liqe_arch.DEFAULT_CACHE_DIR


def test_the_published_metric_does_not_believe_what_others_left(hub, disk, image):
    good = load("liqe", hub)
    assert list(disk.iterdir()) == []
    torch.save(torch.zeros(495, 1024), disk / "liqe_text_feat.pt")
    again = load("liqe", hub)
    with torch.no_grad():
        assert torch.equal(again(image), good(image))
    assert good.state_dict().keys() == again.state_dict().keys()
    assert not any(name.endswith("joint_texts") for name in good.state_dict())


def test_a_copy_and_a_gradient(hub, image):
    metric = load("liqe", hub)
    leaf = image.clone().requires_grad_()
    metric(leaf).sum().backward()
    assert leaf.grad.abs().max() > 0
    assert torch.equal(copy.deepcopy(metric).net.text_features, metric.net.text_features)
