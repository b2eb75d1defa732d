import contextlib
import logging
import sys
import urllib.error

import pytest
import torch
from safetensors.torch import save_file

import certiqa
from certiqa.errors import InputError, MissingExtraError, ModelError, WeightsError
from certiqa.metrics.pyiqa import load
from certiqa.metrics.pyiqa.checkpoint import read_checkpoint

LOGGER = "certiqa.metrics.pyiqa"


def failing(function):
    """create() of the stand-in, replaced."""

    def create(name, device, **options):
        function()

    return create


# -- what comes back --------------------------------------------------------------------------------------------------


def test_a_loaded_metric_is_frozen_in_eval_mode_and_the_random_states_are_untouched(fake, toys, capsys):
    before = toys.states()
    metric = certiqa.metrics.load("pyiqa:toy", "cpu")
    assert toys.states() == before
    assert not metric.training
    assert not any(module.training for module in metric.modules())
    assert not any(parameter.requires_grad for parameter in metric.parameters())
    assert metric.name == "pyiqa:toy"
    assert metric.range_enforced is False
    assert metric.card == certiqa.metrics.card("pyiqa:toy")
    assert fake.networks.made == [("toy", "cpu", {})]
    assert capsys.readouterr().out == "", "what pyiqa prints goes to the log"


def test_the_device(fake):
    metric = load("toy", "meta")
    assert {parameter.device.type for parameter in metric.parameters()} == {"meta"}


def test_the_licence_is_shown_once(fake, caplog):
    with caplog.at_level(logging.INFO, LOGGER):
        load("toy", "cpu")
        load("worse", "cpu")
    shown = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(shown) == 1
    assert "PolyForm" in shown[0].getMessage()
    assert "Loading pretrained model Toy" in caplog.text


@pytest.mark.parametrize("script", ["train.py", "/home/me/my_train.py", ""])
def test_the_running_script_is_hidden_while_a_metric_is_built(fake, monkeypatch, script):
    """pyiqa's MetaIQA loads other weights if sys.argv[0] has train.py in its name."""
    argv, seen = [script, "--lr", "1"], []
    monkeypatch.setattr(sys, "argv", argv)
    toy = fake.networks.create

    def create(*given, **options):
        seen.append(list(sys.argv))
        return toy(*given, **options)

    monkeypatch.setattr(fake.networks, "create", create)
    load("toy", "cpu")
    monkeypatch.setattr(fake.networks, "create", failing(lambda: seen.append(list(sys.argv)) or 1 / 0))
    with pytest.raises(ModelError, match="ZeroDivisionError"):
        load("toy", "cpu")
    assert len(seen) == 2
    assert not any("train" in words[0] for words in seen)
    assert sys.argv is argv
    assert argv == [script, "--lr", "1"]


@pytest.mark.parametrize(("name", "word"), [("fid", "set of images"), ("clipscore", "caption")])
def test_what_is_no_metric_of_one_image_is_refused(fake, name, word):
    with pytest.raises(InputError, match=word):
        load(name, "cpu")
    assert not fake.networks.made


# -- what can go wrong ------------------------------------------------------------------------------------------------


def test_without_pyiqa(absent):
    with pytest.raises(MissingExtraError, match=r"pip install 'certiqa\[pyiqa\]'"):
        certiqa.metrics.load("pyiqa:hyperiqa", "cpu")


def test_without_pkg_resources(fake, monkeypatch):
    monkeypatch.setitem(sys.modules, "pkg_resources", None)

    def clip():
        import pkg_resources  # noqa: F401

    monkeypatch.setattr(fake.networks, "create", failing(clip))
    with pytest.raises(MissingExtraError, match=r"pip install 'setuptools<81'"):
        load("toy", "cpu")


def test_another_package_is_missing(fake, monkeypatch):
    def needs():
        raise ModuleNotFoundError("No module named 'timm'", name="timm.models")

    monkeypatch.setattr(fake.networks, "create", failing(needs))
    with pytest.raises(MissingExtraError, match="pip install timm"):
        load("toy", "cpu")


def load_file_from_url(url, cached_file):
    raise urllib.error.URLError("Name or service not known")


def hf_hub_download(repo_id, filename):
    raise FileNotFoundError("cannot find the requested files in the local cache")


@pytest.mark.parametrize(
    ("download", "told"),
    [
        (
            lambda: load_file_from_url("https://hub.example/toy.pth", "/cache/toy.pth"),
            ["hub.example/toy.pth", "/cache/"],
        ),
        (lambda: hf_hub_download("timm/resnet50", "model.safetensors"), ["timm/resnet50", "HF_HOME"]),
    ],
)
def test_a_hub_that_cannot_be_reached(fake, monkeypatch, download, told):
    monkeypatch.setattr(fake.networks, "create", failing(download))
    with pytest.raises(WeightsError) as caught:
        load("toy", "cpu")
    text = str(caught.value)
    for word in (*told, "weights=PATH", "By hand", "pyiqa:toy"):
        assert word in text
    assert isinstance(caught.value.__cause__, OSError)


def test_other_failures_are_the_model_s(fake, monkeypatch, toys):
    def fails():
        torch.manual_seed(0)
        raise RuntimeError("no kernel image")

    before = toys.states()
    monkeypatch.setattr(fake.networks, "create", failing(fails))
    with pytest.raises(ModelError, match="could not build 'toy' on cpu: RuntimeError: no kernel image"):
        load("toy", "cpu")
    assert toys.states() == before


# -- weight files -----------------------------------------------------------------------------------------------------

STATE = {"head.weight": torch.full((1, 3), 2.0), "head.bias": torch.full((1,), 0.5)}


@pytest.mark.parametrize(
    "content",
    [STATE, {"params": STATE}, {"state_dict": STATE}, {"params": {f"module.{name}": v for name, v in STATE.items()}}],
)
def test_a_weight_file_replaces_the_published_weights(fake, tmp_path, images, content):
    torch.save(content, tmp_path / "mine.pth")
    metric = certiqa.metrics.load("pyiqa:toy", "cpu", weights=tmp_path / "mine.pth")
    assert torch.allclose(metric(images), 2 * images.mean((2, 3)).sum(1) + 0.5)
    assert metric.card.weights_sha256 == read_checkpoint(tmp_path / "mine.pth").sha256
    assert len(metric.card.weights_sha256) == 64
    assert fake.networks.made == [("toy", "cpu", {"pretrained": None})], "nothing published is asked for"


def test_safetensors(fake, tmp_path, images):
    save_file(STATE, tmp_path / "mine.safetensors")
    assert torch.allclose(
        load("toy", "cpu", str(tmp_path / "mine.safetensors"))(images[:1]).double().sum(), expected(images)
    )


def expected(images):
    return (2 * images[:1].mean((2, 3)).sum(1) + 0.5).double().sum()


class Evil:
    def __reduce__(self):
        return print, ("owned",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"head.weight": STATE["head.weight"]}, "does not fit pyiqa:toy"),
        ({**STATE, "other": torch.ones(1)}, "does not fit pyiqa:toy"),
        ({**STATE, "head.bias": torch.ones(2)}, "does not fit pyiqa:toy"),
        ({"head.weight": Evil()}, "no plain tensors"),
        ([1, 2], "state dictionary"),
        (torch.ones(3), "does not fit pyiqa:toy"),
    ],
)
def test_files_that_are_not_its_weights(fake, tmp_path, capsys, content, message):
    torch.save(content, tmp_path / "bad.pth")
    with pytest.raises(WeightsError, match=message):
        load("toy", "cpu", tmp_path / "bad.pth")
    assert "owned" not in capsys.readouterr().out


@pytest.mark.parametrize("data", [b"", b"not a checkpoint", None])
@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_files_that_are_no_weights(fake, tmp_path, data, suffix):
    path = tmp_path / f"bad.{suffix}"
    with contextlib.suppress(TypeError):
        path.write_bytes(data)
    with pytest.raises(WeightsError, match="bad"):
        load("toy", "cpu", path)
    assert not fake.networks.made, "the file is looked at first"


def test_prompts_as_one_tensor(fake, tmp_path):
    net = torch.nn.Module()
    net.prompt_learner = torch.nn.Module()
    net.prompt_learner.ctx = torch.nn.Parameter(torch.zeros(2, 4))
    for shape, fits in (((2, 4), True), ((4,), False)):
        torch.save(torch.ones(shape), tmp_path / "prompts.pth")
        checkpoint = read_checkpoint(tmp_path / "prompts.pth")
        if fits:
            checkpoint.put_into(net, "pyiqa:toy")
            assert net.prompt_learner.ctx.eq(1).all()
        else:
            with pytest.raises(WeightsError, match="prompts of shape"):
                checkpoint.put_into(net, "pyiqa:toy")


def test_a_metric_without_weights_takes_no_file(fake, tmp_path, monkeypatch):
    torch.save(STATE, tmp_path / "mine.pth")

    def create(name, device, **options):
        return fake.networks.Holder(torch.nn.Identity(**options))

    monkeypatch.setattr(fake.networks, "create", create)
    with pytest.raises(InputError, match="no weights of its own"):
        load("toy", "cpu", tmp_path / "mine.pth")

    class Bare(torch.nn.Module):
        def __init__(self):
            super().__init__()

    monkeypatch.setattr(fake.networks, "create", lambda name, device, **options: fake.networks.Holder(Bare(**options)))
    with pytest.raises(InputError, match="takes no weight file"):
        load("toy", "cpu", tmp_path / "mine.pth")
