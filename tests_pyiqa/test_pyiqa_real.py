"""The adapter around the real package pyiqa, its networks with random weights."""

import copy
import hashlib
import json
import logging
import random
import subprocess
import sys
import urllib.error
import warnings
from unittest import mock

import numpy as np
import pyiqa
import pytest
import torch
from pyiqa.archs import arch_util, maniqa_arch, metaiqa_arch, tres_arch
from random_weights import random_hub

import certiqa
from certiqa.data.images import read_image
from certiqa.errors import InputError, UnknownNameError, WeightsError
from certiqa.metrics.policy import CropGrid
from certiqa.metrics.pyiqa import card, names
from certiqa.metrics.pyiqa.crops import crop_corners, unseen_fraction
from certiqa.metrics.pyiqa.traits import _TYPES

NETWORKS = ["hyperiqa", "dbcnn", "maniqa", "clipiqa+", "cnniqa"]
WEIGHTLESS = ["entropy", "piqe"]
SIZES = {"dbcnn": (48, 65), "clipiqa+": (64, 96), "cnniqa": (40, 33), "entropy": (20, 31), "piqe": (48, 64)}
"""Small and odd, to be quick; the metrics that cut crops get an image of the size of a crop."""


@pytest.fixture(scope="session")
def hub(tmp_path_factory):
    return tmp_path_factory.mktemp("hub")


@pytest.fixture(scope="session")
def metrics(hub):
    """metrics(name): through the adapter; built once, so no test may change it."""
    built = {}

    def metric(name):
        if name not in built:
            with random_hub(hub):
                built[name] = certiqa.metrics.load(f"pyiqa:{name}", "cpu")
        return built[name]

    return metric


@pytest.fixture(scope="session")
def raw(hub):
    """raw(name): what pyiqa's users call, with the same random weights; built once too."""
    built = {}

    def metric(name):
        if name not in built:
            with random_hub(hub), warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)  # torch.jit.load in pyiqa's CLIP
                built[name] = pyiqa.create_metric(name, device="cpu")
        return built[name]

    return metric


@pytest.fixture(scope="session")
def photograph():
    return torch.from_numpy(read_image(certiqa.samples.path("chelsea")).as_float())


@pytest.fixture
def images(photograph):
    """images(name, count): crops of a photograph, of the size for that metric."""

    def crops(name, count=2, size=None):
        height, width = size or SIZES.get(name, (224, 224))
        corners = [(10 * k, 40 * k) for k in range(count)]
        return torch.stack([photograph[:, top : top + height, left : left + width] for top, left in corners])

    return crops


def states():
    version, keys, *rest = np.random.get_state()  # noqa: NPY002
    return torch.get_rng_state().numpy().tobytes(), version, keys.tobytes(), rest, random.getstate()


def few_crops(net):
    """Four crops instead of 20 or 25: the same code in less time."""
    name = "num_crop" if hasattr(net, "num_crop") else "test_sample"
    return mock.patch.object(net, name, 4)


# -- names and cards --------------------------------------------------------------------------------------------------


def test_the_names_are_all_no_reference_metrics():
    assert set(names()) == set(pyiqa.list_models("NR"))
    assert len(names()) > 60
    assert {f"pyiqa:{name}" for name in names()} <= set(certiqa.metrics.names())


def test_names_and_cards_import_no_pyiqa():
    code = """
import sys, json, certiqa
from certiqa.metrics.pyiqa import card, names
cards = [card(name) for name in names()]
print(json.dumps([len(cards), sorted({m.split(".")[0] for m in sys.modules})]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    count, loaded = json.loads(done.stdout)
    assert count == len(names())
    assert not {"pyiqa", "torchvision", "timm", "transformers", "clip"} & set(loaded)


@pytest.mark.parametrize("name", pyiqa.list_models("NR"))
def test_every_card(name):
    facts = card(name)
    assert facts.name == f"pyiqa:{name}"
    assert facts.lower_better == pyiqa.api_helpers.DEFAULT_CONFIGS[name].get("lower_better", False)
    assert not facts.range_enforced
    assert pyiqa.api_helpers.DEFAULT_CONFIGS[name]["metric_opts"]["type"] in _TYPES, "certiqa has not read this network"
    assert "PolyForm-Noncommercial-1.0.0" in facts.licence
    assert pyiqa.__version__ in facts.licence
    json.dumps(facts.to_dict())


@pytest.mark.parametrize("name", pyiqa.list_models("FR"))
def test_metrics_with_a_reference_are_refused(name):
    with pytest.raises(InputError, match="reference"):
        certiqa.metrics.load(f"pyiqa:{name}", "cpu")


@pytest.mark.parametrize("name", ["fid", "sfid", "fid_dinov2", "inception_score", "clipscore"])
def test_what_is_no_metric_of_one_image_is_refused(name):
    with pytest.raises(InputError, match="must be a metric of one image"):
        certiqa.metrics.load(f"pyiqa:{name}", "cpu")


def test_an_unknown_name():
    with pytest.raises(UnknownNameError, match="Did you mean 'hyperiqa'"):
        certiqa.metrics.card("pyiqa:hyper-iqa")


# -- scores -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NETWORKS + WEIGHTLESS)
def test_scores_are_per_image_and_do_not_depend_on_the_batch(metrics, images, name):
    metric, batch = metrics(name), images(name)
    before, copied = states(), batch.clone()
    with torch.no_grad():
        scores = metric(batch)
        alone = torch.cat([metric(image[None]) for image in batch])
    assert scores.shape == (2,)
    assert scores[0] != scores[1], "the test can fail"
    assert torch.allclose(scores, alone, rtol=1e-5, atol=1e-7)
    assert not scores.requires_grad
    assert states() == before
    assert torch.equal(batch, copied)


@pytest.mark.parametrize("name", NETWORKS + WEIGHTLESS)
def test_the_score_is_pyiqa_s_own(metrics, raw, images, name):
    """The same call through pyiqa.create_metric: nothing is normalised twice, nothing left out."""
    metric, theirs = metrics(name), raw(name)
    if name in ("hyperiqa", "maniqa"):
        batch = images(name, 1, (239, 258))
        with few_crops(metric.net), few_crops(theirs.net):
            ours, expected = metric(batch), theirs(batch)
    else:
        batch = images(name)
        ours, expected = metric(batch), theirs(batch)
    assert ours.detach().numpy() == pytest.approx(expected.detach().flatten().numpy(), rel=1e-5, abs=1e-7)
    assert not expected.requires_grad, "pyiqa's own call gives no gradient"


@pytest.mark.parametrize("name", ["dbcnn", "clipiqa+", "cnniqa", *WEIGHTLESS])
def test_noisy_images_that_are_not_clipped(metrics, raw, images, name):
    noisy = images(name) + 0.3 * torch.randn(images(name).shape, generator=torch.Generator().manual_seed(1))
    with pytest.raises(AssertionError, match="normalized"):
        raw(name)(noisy)
    metric = metrics(name)
    assert torch.equal(metric(noisy), metric(noisy.clamp(0, 1)))


@pytest.mark.parametrize("name", ["dbcnn", "clipiqa+", "cnniqa", *WEIGHTLESS])
def test_the_least_size_of_the_card_is_enough(metrics, photograph, name):
    metric = metrics(name)
    least = metric.min_size
    with torch.no_grad():
        assert metric(photograph[None, :, :least, :least].contiguous()).isfinite().all()


# -- gradients --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_reach_the_image(metrics, images, name):
    metric = metrics(name)
    assert not any(parameter.requires_grad for parameter in metric.parameters())
    leaf = images(name).requires_grad_()
    metric(leaf)[1].backward()
    assert leaf.grad[0].abs().max() == 0, "a score depends on its own image only"
    assert leaf.grad[1].abs().max() > 0
    assert leaf.grad.isfinite().all()


@pytest.mark.parametrize("name", ["cnniqa", "dbcnn"])
def test_the_gradient_is_the_slope(metrics, images, name):
    metric = copy.deepcopy(metrics(name)).double()
    leaf = (0.1 + 0.8 * images(name, 1).double()).requires_grad_()
    metric(leaf).sum().backward()
    step = 1e-6 * leaf.grad.sign()
    with torch.no_grad():
        slope = (metric(leaf + step) - metric(leaf - step)) / 2e-6
    assert slope.item() == pytest.approx(leaf.grad.abs().sum().item(), rel=1e-3)


def test_entropy_gives_no_gradient_and_says_so(metrics, images):
    leaf = images("entropy").requires_grad_()
    assert not metrics("entropy")(leaf).requires_grad
    assert "no gradient" in card("entropy").summary


# -- nothing hidden ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NETWORKS)
def test_all_that_the_score_depends_on_moves(metrics, images, name):
    metric = copy.deepcopy(metrics(name)).to(torch.float64)
    assert {t.dtype for t in metric.state_dict().values() if t.is_floating_point()} == {torch.float64}
    if name not in ("hyperiqa", "maniqa"):  # their networks are large; the state dictionary says it
        batch = images(name)
        assert torch.allclose(metric(batch.double()).float(), metrics(name)(batch), rtol=1e-3, atol=1e-5)
    assert not any(module.training for module in metric.modules())


def test_clip_is_in_the_tree(metrics, raw):
    theirs, metric = raw("clipiqa+"), metrics("clipiqa+")
    clip = sum(parameter.numel() for parameter in theirs.net.clip_model[0].parameters())
    assert sum(parameter.numel() for parameter in theirs.parameters()) < clip / 100, "pyiqa's own module misses it"
    assert sum(parameter.numel() for parameter in metric.parameters()) > clip
    assert metric.net.clip_model[0] in set(metric.modules())
    moved = copy.deepcopy(metric).to("meta")
    assert moved.net.clip_model[0].visual.conv1.weight.device.type == "meta"


# -- crops ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [4, 20, 25, 50])
@pytest.mark.parametrize("size", [(384, 512), (300, 226), (225, 225)])
def test_the_corners_are_pyiqa_s(size, count):
    numbers = torch.arange(size[0] * size[1], dtype=torch.float64).reshape(1, 1, *size)
    crops = arch_util.uniform_crop([numbers], 224, count)
    first = [divmod(int(crop[0, 0, 0]), size[1]) for crop in crops]
    assert first == list(crop_corners(*size, 224, count))
    seen = np.unique(crops.numpy())
    assert unseen_fraction(*size, 224, count) == pytest.approx(1 - len(seen) / numbers.numel())


def test_pixels_outside_of_the_crops_get_no_gradient(metrics, images):
    metric = metrics("hyperiqa")
    leaf = images("hyperiqa", 1, (236, 250)).requires_grad_()
    with few_crops(metric.net):
        metric(leaf).sum().backward()
    without = (leaf.grad == 0).all(dim=1).double().mean().item()
    assert without == pytest.approx(unseen_fraction(236, 250, 224, 4), abs=1e-3)
    assert metric.unseen_fraction(384, 512) == unseen_fraction(384, 512, 224, 25)
    assert (metric.card.input, card("maniqa").input) == (CropGrid(224, 25, 1), CropGrid(224, 20, 1))


def test_hyperiqa_scores_an_image_of_one_crop_as_it_is(metrics, images):
    metric, batch = metrics("hyperiqa"), images("hyperiqa")
    with torch.no_grad():
        assert torch.allclose(metric(batch), metric.net.forward_patch(batch).flatten(), rtol=1e-5)
        with mock.patch.object(arch_util, "uniform_crop", side_effect=AssertionError):
            metric(batch[:1])


@pytest.mark.parametrize(("name", "arch"), [("maniqa", maniqa_arch), ("tres", tres_arch)])
def test_the_others_do_too(metrics, images, name, arch):
    metric, batch = metrics(name), images(name, 1)
    with (
        torch.no_grad(),
        mock.patch.object(arch, "uniform_crop", lambda x, *size, **named: x),
        mock.patch.object(metric.net, "test_sample", 1),
    ):
        expected = metric.net(batch).flatten()
    with torch.no_grad():
        assert torch.allclose(metric(batch), expected, rtol=1e-5)
    assert metric.net.test_sample > 1


def test_maniqa_forgets_a_call_that_failed(metrics, images):
    metric, batch = metrics("maniqa"), images("maniqa")
    with torch.no_grad():
        expected = metric(batch[1:])
        with (
            mock.patch.object(metric.net.conv1, "forward", side_effect=torch.OutOfMemoryError("no memory")),
            pytest.raises(torch.OutOfMemoryError),
        ):
            metric(batch[:1])
        assert torch.equal(metric(batch[1:]), expected)


def test_what_rounds_first_says_that_it_has_no_gradient(metrics, images):
    """A gradient of zero everywhere would be taken for robustness."""
    metric, leaf = metrics("piqe"), images("piqe", 1).requires_grad_()
    (slope,) = torch.autograd.grad(metric.net(leaf).sum(), leaf)
    assert not slope.any()
    assert not metric.traits.differentiable
    assert not metric(leaf).requires_grad


@pytest.mark.parametrize("name", ["piqe", "topiq_nr"])
def test_no_graph_stays_in_what_a_network_keeps(metrics, images, name):
    """PIQE keeps its masks, TOPIQ its attention maps: as attributes, with the graph of the last call."""
    metric, leaf = metrics(name), images(name, 1, (64, 64)).requires_grad_()
    metric.net(leaf)
    with pytest.raises(RuntimeError, match="graph leaves"):
        copy.deepcopy(metric)
    scores = metric(leaf)
    if metric.traits.differentiable:
        scores.sum().backward()
    with torch.no_grad():
        assert torch.allclose(copy.deepcopy(metric)(leaf), scores, rtol=1e-5)
    if name == "piqe":
        assert not metric.net.results[0].requires_grad
        assert metric.net.get_masks()["activity_mask"] is metric.net.results[3]


# -- loading ----------------------------------------------------------------------------------------------------------


def test_loading_leaves_the_random_states_and_tells_the_licence_once(hub, caplog, capsys):
    from certiqa.metrics.pyiqa import build

    build._show_licence.cache_clear()
    with random_hub(hub), caplog.at_level(logging.WARNING, "certiqa.metrics.pyiqa"):
        before = states()
        metric = certiqa.metrics.load("pyiqa:cnniqa", "cpu")
        certiqa.metrics.load("pyiqa:entropy", "cpu")
        assert states() == before
    assert not metric.training
    assert sum("Noncommercial" in record.getMessage() for record in caplog.records) == 1
    assert capsys.readouterr().out == ""


def test_a_weight_file_of_one_s_own(hub, metrics, images, tmp_path):
    state = {name: 0.5 * value for name, value in metrics("cnniqa").net.state_dict().items()}
    torch.save({"params": state}, tmp_path / "mine.pth")
    with mock.patch.object(arch_util, "load_file_from_url", side_effect=AssertionError("asked for")):
        metric = certiqa.metrics.load("pyiqa:cnniqa", "cpu", weights=tmp_path / "mine.pth")
    assert all(torch.equal(metric.net.state_dict()[name], value) for name, value in state.items())
    assert metric.card.weights_sha256 == hashlib.sha256((tmp_path / "mine.pth").read_bytes()).hexdigest()
    with pytest.raises(WeightsError, match="does not fit pyiqa:hyperiqa"), random_hub(hub):
        certiqa.metrics.load("pyiqa:hyperiqa", "cpu", weights=tmp_path / "mine.pth")
    with pytest.raises(InputError, match="takes no weight file"):
        certiqa.metrics.load("pyiqa:piqe", "cpu", weights=tmp_path / "mine.pth")


def test_metaiqa_loads_the_same_weights_in_a_script_named_train(monkeypatch, tmp_path):
    asked = []

    def hub(url):
        asked.append(url)
        torch.save({}, tmp_path / "empty.pth")
        return str(tmp_path / "empty.pth")

    def seed(net, url, **options):
        asked.append(url)

    monkeypatch.setattr(metaiqa_arch, "load_file_from_url", hub)
    monkeypatch.setattr(metaiqa_arch, "load_pretrained_network", seed)
    monkeypatch.setattr(sys, "argv", ["somewhere/train.py", "--lr"])
    pyiqa.create_metric("metaiqa", device="cpu")
    certiqa.metrics.load("pyiqa:metaiqa", "cpu")
    urls = metaiqa_arch.default_model_urls
    assert asked == [urls["meta-train-seed"], urls["meta-infer-ready"]], "pyiqa's own call can fail the test"
    assert sys.argv == ["somewhere/train.py", "--lr"]


def test_prompts_of_one_s_own(hub, tmp_path):
    prompts = torch.randn(2, 16, 512, generator=torch.Generator().manual_seed(5))
    torch.save(prompts, tmp_path / "prompts.pth")
    with random_hub(hub):
        metric = certiqa.metrics.load("pyiqa:clipiqa+", "cpu", weights=tmp_path / "prompts.pth")
        assert torch.equal(metric.net.prompt_learner.ctx, prompts)
        with pytest.raises(InputError, match="no weights of its own"):
            certiqa.metrics.load("pyiqa:clipiqa", "cpu", weights=tmp_path / "prompts.pth")


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("cnniqa", ["huggingface.co/chaofengc/IQA-PyTorch-Weights", "CNNIQA_koniq10k-e6f14c91.pth", "{cache}"]),
        ("dbcnn", ["download.pytorch.org/models/vgg16", "{cache}"]),
        ("clipiqa+", ["openaipublic", "RN50.pt", "{cache}"]),
        ("hyperiqa", ["huggingface.co/timm/resnet50", "HF_HOME"]),
    ],
)
def test_a_hub_that_cannot_be_reached(monkeypatch, tmp_path, name, told):
    from huggingface_hub import constants
    from pyiqa.utils import download_util

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(download_util, "DEFAULT_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    unreachable = urllib.error.URLError("Name or service not known")
    with (
        mock.patch("urllib.request.urlopen", side_effect=unreachable),
        mock.patch("torch.hub.urlopen", side_effect=unreachable),
        pytest.raises(WeightsError) as caught,
    ):
        certiqa.metrics.load(f"pyiqa:{name}", "cpu")
    for word in (*told, "weights=PATH", "By hand"):
        assert word.format(cache=tmp_path) in str(caught.value)


def test_without_pkg_resources():
    code = """
import sys
sys.modules["pkg_resources"] = None
import certiqa
try:
    certiqa.metrics.load("pyiqa:clipiqa+", "cpu")
except certiqa.errors.MissingExtraError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'setuptools<81'" in done.stdout


# -- certify ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "n"),
    [
        ("hyperiqa", 60),
        ("dbcnn", 100),
        ("clipiqa+", 100),
        ("cnniqa", 200),
        ("piqe", 60),
        ("entropy", 60),
        ("maniqa", 12),
    ],
)
def test_certify(metrics, images, name, n):
    metric = metrics(name)
    picture = (255 * images(name, 1)[0]).round().to(torch.uint8)
    certificate = certiqa.certify(metric, picture, sigma=0.12, n=n, seed=1)
    assert len(certificate.scores) == n
    assert np.isfinite(certificate.scores).all()
    assert len(set(certificate.scores.tolist())) > n // 2
    assert certificate.output_range is None
    assert certificate.provenance.model == f"pyiqa:{name}"
    assert certificate.provenance.findings == ()
    assert certificate.lower_better == metric.lower_better
