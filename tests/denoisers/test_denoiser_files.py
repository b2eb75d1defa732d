"""Weight files, the table of published ones, and noise levels that nobody trained for."""

from __future__ import annotations

import hashlib
import json
import warnings

import pytest
import torch
from safetensors.torch import save_file

import certiqa
from certiqa import denoisers, metrics
from certiqa._provenance import model_sha256
from certiqa.denoisers import DenoiserCard, DnCNNConfig, SigmaWarning, build, registry
from certiqa.denoisers.architecture import as_mapping
from certiqa.denoisers.files import read_denoiser, write_denoiser
from certiqa.errors import InputError, UnknownNameError, WeightsError

CONFIG = DnCNNConfig(depth=2, width=4)


def card(**changes):
    facts = {
        "name": "x", "architecture": as_mapping(CONFIG), "sigma_range": (0.05, 0.25), "losses": {"mse": 1.0},
        "metric": "builtin", "metric_sha256": "ab" * 32, "licence": "Apache-2.0", "training": {"steps": 3, "a": [1]},
    }  # fmt: skip
    return DenoiserCard(**(facts | changes))


def net(seed=0):
    network = build(CONFIG, seed=seed)
    for parameter in network.parameters():
        parameter.data += 0.01
    return network


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.safetensors"
    write_denoiser(net(), card(), path)
    return path


def test_what_is_written_is_read(file):
    loaded = denoisers.load(file)
    assert loaded.name == "mine"
    assert not loaded.training
    assert not any(p.requires_grad for p in loaded.parameters())
    assert loaded.card == card(name="mine", sha256=hashlib.sha256(file.read_bytes()).hexdigest())
    assert loaded.sigma_range == (0.05, 0.25)
    x = torch.rand(2, 3, 20, 24, generator=torch.Generator().manual_seed(0))
    fresh = net().requires_grad_(False).to(memory_format=torch.channels_last)  # as loaded; rounding depends on it
    assert torch.equal(loaded(x, 0.1), fresh(x, 0.1))
    assert all(
        torch.equal(a, b) for a, b in zip(loaded.state_dict().values(), net().state_dict().values(), strict=True)
    )
    assert denoisers.card(file) == loaded.card
    assert denoisers.load(str(file)).card == loaded.card


def test_equal_weights_and_cards_are_equal_bytes(file, tmp_path):
    again = tmp_path / "again.safetensors"
    sha256 = write_denoiser(net(), card(name="another"), again)
    assert again.read_bytes() == file.read_bytes()
    assert hashlib.sha256(again.read_bytes()).hexdigest() == sha256
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == [], "no temporary file is left"


def test_hashes(file):
    good = hashlib.sha256(file.read_bytes()).hexdigest()
    assert denoisers.load(file, sha256=good).card.sha256 == good
    with pytest.raises(WeightsError, match=f"must have sha256 {'0' * 64}. Got {good} instead"):
        denoisers.load(file, sha256="0" * 64)
    with pytest.raises(InputError, match="64 hexadecimal digits"):
        denoisers.load(file, sha256="abc")
    content = bytearray(file.read_bytes())
    content[-3] ^= 1
    file.write_bytes(content)
    with pytest.raises(WeightsError, match="changed or damaged"):
        denoisers.load(file, sha256=good)


def damaged(path, how):
    content = path.read_bytes()
    if how == "missing":
        path.unlink()
    elif how == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "no card":
        save_file(dict(net().state_dict()), path)
    elif how == "other card":
        save_file(dict(net().state_dict()), path, {"certiqa-denoiser": "{}"})
    elif how == "other architecture":
        write_denoiser(net(), card(architecture=as_mapping(DnCNNConfig(depth=3, width=4))), path)
    elif how == "unknown architecture":
        write_denoiser(net(), card(architecture={"kind": "transformer"}), path)
    elif how == "bad range":
        write_denoiser(net(), card(sigma_range=(0.3, 0.1)), path)
    else:
        broken = net()
        next(broken.parameters()).data.view(-1)[0] = torch.nan
        write_denoiser(broken, card(), path)


@pytest.mark.parametrize(
    ("how", "found"),
    [
        ("missing", "cannot be read .*No such file"),
        ("cut", "not a whole safetensors file"),
        ("empty", "not a whole safetensors file"),
        ("no card", "no card"),
        ("other card", "not a denoiser's card"),
        ("other architecture", "do not fit the architecture"),
        ("unknown architecture", "do not fit the architecture"),
        ("bad range", "sigma_range"),
        ("NaN", "NaN or infinite"),
    ],
)
def test_damaged_files(file, how, found):
    damaged(file, how)
    with pytest.raises(WeightsError, match=found) as error:
        read_denoiser(file)
    assert "\n" not in str(error.value)


def test_a_file_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="can be written"):
        write_denoiser(net(), card(), tmp_path / "file" / "x.safetensors")


# -- by name ----------------------------------------------------------------------------------------------------------


def test_the_table_names_files_that_are_there():
    for name in denoisers.names():
        assert denoisers.load(name).name == name
        assert denoisers.card(name).sha256 == json.loads((registry._folder() / registry.TABLE).read_text())[name]


def test_shipped_denoisers_were_trained_for_the_metric_that_ships():
    for name in denoisers.names():
        facts = denoisers.card(name)
        if facts.metric is not None:
            assert facts.metric_sha256 == model_sha256(metrics.load(facts.metric, "cpu"))


def test_unknown_names():
    with pytest.raises(UnknownNameError, match=r"Unknown denoiser 'dsm'\..*Known: .*PATH\.safetensors"):
        denoisers.load("dsm")


@pytest.fixture
def published(file, monkeypatch):
    monkeypatch.setattr(registry, "_folder", lambda: file.parent)
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    (file.parent / registry.TABLE).write_text(json.dumps({"mine": sha256}))
    return sha256


def test_published_weights(published, file):
    assert denoisers.names() == ("mine",)
    assert denoisers.load("mine", sha256=published).card.sha256 == published
    with pytest.raises(WeightsError, match="have sha256"):
        denoisers.load("mine", sha256="0" * 64)
    with pytest.raises(UnknownNameError, match="Did you mean 'mine'"):
        denoisers.load("nine")


@pytest.mark.parametrize("what", ["changed", "gone"])
def test_published_weights_that_are_not_those_on_record(published, file, what):
    if what == "changed":
        write_denoiser(net(seed=1), card(), file)
    else:
        file.unlink()
    with pytest.raises(WeightsError, match="'mine'"):
        denoisers.load("mine")


# -- noise levels -----------------------------------------------------------------------------------------------------


def test_another_noise_level_is_a_warning_and_a_note_in_the_certificate(file, picture):
    denoiser = denoisers.load(file)
    x = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for sigma in (0.05, 0.12, 0.25):
            denoiser(x, sigma)
    for sigma in (0.04, 0.3):
        with pytest.warns(SigmaWarning, match=f"'mine' was trained for sigma from 0.05 to 0.25; at sigma = {sigma} "):
            denoiser(x, sigma)
    large = picture.repeat(1, 2, 2)
    inside = certiqa.certify(lambda x: x.mean((1, 2, 3)), large, 0.1, n=10, denoiser=denoiser, seed=1)
    assert inside.provenance.findings == ()
    assert inside.provenance.denoiser == "mine"
    assert len(inside.provenance.denoiser_sha256) == 64
    with pytest.warns(SigmaWarning):
        outside = certiqa.certify(lambda x: x.mean((1, 2, 3)), large, 0.3, n=10, denoiser=denoiser, seed=1)
    assert [text.split("]")[0] for text in outside.provenance.findings] == ["[sigma-untrained"]
