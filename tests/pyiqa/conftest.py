"""A small stand-in for the package pyiqa: the same two faces (DEFAULT_CONFIGS, create_metric), toy networks."""

import importlib
import sys
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from certiqa.metrics.card import MetricCard
from certiqa.metrics.pyiqa import build
from certiqa.metrics.pyiqa.metric import PyiqaMetric
from certiqa.metrics.pyiqa.traits import Traits

CONFIGS = """
from collections import OrderedDict
DEFAULT_CONFIGS = OrderedDict({
    "toy": {"metric_opts": {"type": "Toy"}, "metric_mode": "NR", "score_range": "~0, ~1"},
    "worse": {"metric_opts": {"type": "Toy"}, "metric_mode": "NR", "lower_better": True, "score_range": "0, ~"},
    "liqe": {"metric_opts": {"type": "LIQE", "pretrained": "koniq"}, "metric_mode": "NR", "score_range": "1, 5"},
    "liqe_mix": {"metric_opts": {"type": "LIQE", "pretrained": "mix"}, "metric_mode": "NR", "score_range": "1, 5"},
    "hyperiqa": {"metric_opts": {"type": "HyperNet"}, "metric_mode": "NR", "score_range": "~0, ~1"},
    "fid": {"metric_opts": {"type": "FID"}, "metric_mode": "NR", "lower_better": True, "score_range": "0, ~"},
    "clipscore": {"metric_opts": {"type": "CLIPScore"}, "metric_mode": "NR", "score_range": "0, 2.5"},
    "lpips": {"metric_opts": {"type": "LPIPS"}, "metric_mode": "FR", "lower_better": True, "score_range": "0, 1"},
})
"""

PACKAGE = """
from pyiqa import networks

def create_metric(name, as_loss=False, device=None, **options):
    return networks.create(name, device, **options)
"""

NETWORKS = """
import random
import numpy as np
import torch
from torch import nn

made = []

class Toy(nn.Module):
    def __init__(self, pretrained="hub"):
        super().__init__()
        self.head = nn.Linear(3, 1)
        self.dropout = nn.Dropout()
        self.options = pretrained
        torch.manual_seed(7), np.random.seed(7), random.seed(7)
        print("Loading pretrained model Toy")

    def forward(self, images):
        return self.head(self.dropout(images.mean((2, 3))))

class Holder:
    def __init__(self, net):
        self.net = net

def create(name, device, **options):
    made.append((name, str(device), options))
    return Holder(Toy(**options).to(device))
"""


@pytest.fixture
def absent(monkeypatch):
    """No pyiqa here, whatever is installed."""
    monkeypatch.setitem(sys.modules, "pyiqa", None)


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """The stand-in, installed for one test; ``fake.networks`` is its module of networks."""
    folder = tmp_path / "site" / "pyiqa"
    folder.mkdir(parents=True)
    for name, text in (("__init__", PACKAGE), ("default_model_configs", CONFIGS), ("networks", NETWORKS)):
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    for name in [name for name in sys.modules if name.split(".")[0] == "pyiqa"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(folder.parent)
    importlib.invalidate_caches()
    build._show_licence.cache_clear()
    yield SimpleNamespace(folder=folder, networks=importlib.import_module("pyiqa.networks"))
    for name in [name for name in sys.modules if name.split(".")[0] == "pyiqa"]:
        del sys.modules[name]
    build._show_licence.cache_clear()


@pytest.fixture
def wrap():
    """wrap(function or network, **traits): the adapter around it."""

    class Function(nn.Module):
        def __init__(self, function):
            super().__init__()
            self.function = function

        def forward(self, images):
            return self.function(images)

    def make(net, **traits):
        net = net if isinstance(net, nn.Module) else Function(net)
        known = Traits(**traits)
        return PyiqaMetric(MetricCard("pyiqa:toy", "", False, (0.0, 1.0), False, known.input), net, known).eval()

    return make


@pytest.fixture
def images():
    """(3,3,9,8), different, inside [0,1]."""
    return torch.rand(3, 3, 9, 8, generator=torch.Generator().manual_seed(3))
