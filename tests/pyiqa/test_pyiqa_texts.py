"""LIQE's text features: of the weights in the network, and nothing on disk for others to find."""

import sys
from types import ModuleType

import pytest
import torch
from torch import nn

from certiqa.errors import ModelError, WeightsError
from certiqa.metrics.pyiqa import load


@pytest.fixture
def liqe(fake, tmp_path, monkeypatch):
    """As pyiqa's liqe_arch: a folder with text features, read or written when a network is built."""
    module = ModuleType("pyiqa.archs.liqe_arch")
    module.DEFAULT_CACHE_DIR = str(tmp_path / "cache")
    (tmp_path / "cache").mkdir()
    published = {"koniq": 2.0, "mix": 3.0}

    class LIQE(nn.Module):
        """Its score is the mean of the image times the sum of its text features."""

        def __init__(self, pretrained, mtl=False):
            super().__init__()
            self.clip = nn.Linear(1, 1, bias=False)
            nn.init.constant_(self.clip.weight, published.get(pretrained, 1.0))
            mtl = mtl or pretrained == "mix"
            path = f"{module.DEFAULT_CACHE_DIR}/liqe_text_feat{'_mix' if pretrained == 'mix' else ''}.pt"
            try:
                self.text_features = torch.load(path, weights_only=True)
            except FileNotFoundError:
                self.joint_texts = torch.ones(7 if mtl else 5, 1, dtype=torch.int64)
                self.text_features = self.get_text_features(self.joint_texts)
                torch.save(self.text_features.detach(), path)

        def get_text_features(self, x):
            return self.clip(self.joint_texts.float())

        def forward(self, images):
            return images.mean((1, 2, 3)) * self.text_features.sum()

    options = {"liqe": "koniq", "liqe_mix": "mix"}

    def create(name, device, **given):
        return fake.networks.Holder(LIQE(**{"pretrained": options[name], **given}).to(device))

    monkeypatch.setattr(fake.networks, "create", create)
    for name, value in (("pyiqa.archs", ModuleType("pyiqa.archs")), ("pyiqa.archs.liqe_arch", module)):
        monkeypatch.setitem(sys.modules, name, value)
    module.folder, module.LIQE = tmp_path / "cache", LIQE
    torch.save({"clip.weight": torch.full((1, 1), 4.0)}, tmp_path / "mine.pth")
    module.mine = tmp_path / "mine.pth"
    return module


def score(metric):
    return metric(torch.ones(1, 3, 224, 224)).item()


def files(liqe):
    return sorted(path.name for path in liqe.folder.iterdir())


@pytest.mark.parametrize(("name", "texts"), [("liqe", 5), ("liqe_mix", 7)])
def test_the_texts_are_of_the_weights_that_were_put_in(liqe, name, texts):
    torch.save(torch.zeros(texts, 1), liqe.folder / "liqe_text_feat.pt")
    assert liqe.LIQE(None).text_features.sum() == 0, "the test can fail: pyiqa reads what is there"
    metric = load(name, "cpu", liqe.mine)
    assert score(metric) == 4 * texts
    assert not metric.net.text_features.requires_grad
    assert torch.load(liqe.folder / "liqe_text_feat.pt", weights_only=True).sum() == 0
    assert str(liqe.folder) == liqe.DEFAULT_CACHE_DIR


@pytest.mark.parametrize("name", ["liqe", "liqe_mix"])
def test_weights_of_ones_own_leave_nothing_on_disk(liqe, name):
    load(name, "cpu", liqe.mine)
    assert files(liqe) == []
    torch.save({"other": torch.ones(1)}, liqe.mine)
    with pytest.raises(WeightsError, match="does not fit"):
        load(name, "cpu", liqe.mine)
    assert (files(liqe), liqe.DEFAULT_CACHE_DIR) == ([], str(liqe.folder))


def test_the_published_metric_does_not_believe_what_others_left(liqe):
    liqe.LIQE(None)
    assert files(liqe) == ["liqe_text_feat.pt"]
    assert score(load("liqe", "cpu")) == 2 * 5


def test_the_published_mix_has_a_file_of_its_own(liqe):
    first, second = load("liqe_mix", "cpu"), load("liqe_mix", "cpu")
    assert files(liqe) == ["liqe_text_feat_mix.pt"]
    assert score(first) == score(second) == 3 * 7
    assert first.state_dict().keys() == second.state_dict().keys() == {"net.clip.weight", "net.text_features"}


def test_a_liqe_of_another_shape_is_refused(liqe, monkeypatch):
    monkeypatch.delattr(liqe.LIQE, "get_text_features")
    torch.save(torch.zeros(5, 1), liqe.folder / "liqe_text_feat.pt")
    with pytest.raises(ModelError):
        load("liqe", "cpu", liqe.mine)
    monkeypatch.delattr(liqe, "DEFAULT_CACHE_DIR")
    with pytest.raises(ModelError, match="as certiqa knows it"):
        load("liqe", "cpu")
