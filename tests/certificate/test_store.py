"""Certificates as JSON: everything comes back, and what was edited, broken or is no certificate is refused."""

import copy
import json
import math

import numpy as np
import pytest
import torch

import certiqa
from certiqa import Certificate
from certiqa.errors import CertificateError, InputError
from certiqa.smoothing.noise import seed_commitment


@pytest.fixture(scope="module")
def certificate(picture, toys):
    return certiqa.certify(toys.mean, picture, 0.1, n=60, seed=11, output_range=(0, 1))


@pytest.fixture
def data(certificate):
    return copy.deepcopy(certificate.to_dict(reveal_seed=True))


def refused(data, what=None):
    """The data, and the same as JSON text, are refused with CertificateError and nothing else."""
    with pytest.raises(CertificateError) as error:
        pytest.fail(f"accepted {what}: {Certificate.from_dict(data)}")
    with pytest.raises(CertificateError):
        Certificate.from_json(json.dumps(data))
    return str(error.value)


@pytest.mark.parametrize("options", [{}, {"at": 0.07}, {"side": "upper"}, {"side": "lower", "output_range": None}])
@pytest.mark.parametrize("n", [1, 2, 60])
def test_round_trip(options, n, picture, toys):
    one = certiqa.certify(toys.mean, picture, 0.1, **({"n": n, "output_range": (0.3, 0.5)} | options))
    again = Certificate.from_json(one.to_json())
    assert again == one
    assert hash(again) == hash(one)
    assert again.seed is None
    assert np.array_equal(again.scores, one.scores)
    assert not again.scores.flags.writeable
    assert again.provenance == one.provenance
    assert str(again) == str(one)
    for eps in (0.0, 0.03, 0.4):
        assert again.bounds(eps) == one.bounds(eps)
        assert again.tau(eps) == one.tau(eps)
    assert again.to_json() == one.to_json()


def test_failed_scores_and_missing_bounds_are_null(made):
    scores = [math.nan, 0.1, 0.2, math.nan, 1e-300, -0.0, 1 / 3]
    one = made(scores)
    text = one.to_json()

    def never(token):
        raise AssertionError(token)

    data = json.loads(text, parse_constant=never)
    assert data["scores"] == [None, 0.1, 0.2, None, 1e-300, 0.0, 1 / 3]
    assert data["failures"] == 2
    assert data["answers"][-1]["upper"] is None
    again = Certificate.from_json(text)
    assert np.array_equal(again.scores, one.scores, equal_nan=True)
    assert again == one


def test_the_seed_is_kept_back_unless_it_is_revealed(certificate):
    assert json.loads(certificate.to_json())["seed"] is None
    assert '"seed": 11' not in certificate.to_json()
    revealed = Certificate.from_json(certificate.to_json(reveal_seed=True))
    assert revealed.seed == 11
    assert revealed == certificate
    assert seed_commitment(revealed.seed) == revealed.provenance.seed_commitment


def test_files_and_names_in_any_script(picture, toys, tmp_path):
    from PIL import Image

    name = tmp_path / "größe 画像 🙂.png"
    Image.fromarray(picture.permute(1, 2, 0).numpy()).save(name)
    one = certiqa.certify(toys.mean, name, 0.1, n=10)
    target = tmp_path / "näme 証.json"
    text = one.to_json(target)
    assert target.read_text(encoding="utf-8") == text + "\n"
    for source in (target, str(target), text, "\n " + text):
        again = Certificate.from_json(source)
        assert again == one
        assert again.provenance.image == str(name)


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.update(score=d["score"] + 1e-6),
        lambda d: d.update(score=None),
        lambda d: d.update(scores=[s + 0.01 for s in d["scores"]]),
        lambda d: d.update(scores=d["scores"][:-1]),
        lambda d: d.update(scores=[*d["scores"], 0.5]),
        lambda d: d.update(scores=[None, *d["scores"][1:]]),
        lambda d: d.update(sigma=0.2),
        lambda d: d.update(alpha=1e-6),
        lambda d: d.update(side="upper"),
        lambda d: d.update(at=0.05),
        lambda d: d.update(n=61),
        lambda d: d.update(failures=1),
        lambda d: d.update(clamped=61),
        lambda d: d.update(output_range=None),
        lambda d: d.update(range_enforced_by=None),
        lambda d: d.update(range_enforced_by="nobody"),
        lambda d: d.update(output_range=[0, 0.4]),
        lambda d: d.update(tv_slack=0.0),
        lambda d: d.update(tv_slack=0.2),
        lambda d: d.update(shape=[3, 1200, 16]),
        lambda d: d.update(noise="float32"),
        lambda d: d.update(seed=12),
        lambda d: d["provenance"].update(seed_commitment="00" * 32),
        lambda d: d["answers"][0].update(upper=d["answers"][0]["upper"] - 1e-3),
        lambda d: d["answers"][0].update(tau=0.0),
        lambda d: d["answers"][0].update(tau_deployed=None),
        lambda d: d["answers"][2].update(eps=1.0),
        lambda d: d["answers"][0].update(lower_rank=1),
        lambda d: d["answers"][0].update(simultaneous=False),
        lambda d: d["answers"][0].update(extra=1),
        lambda d: d["answers"].pop(),
        lambda d: d.update(answers={}),
    ],
)
def test_contradictions_are_refused(change, data):
    assert Certificate.from_dict(data)
    change(data)
    assert "contradicts itself" in refused(data)


def test_every_field_is_needed(data):
    for name in set(data) - {"format", "version"}:
        assert name in refused({k: v for k, v in data.items() if k != name})
    for name in data["provenance"]:
        message = refused(data | {"provenance": {k: v for k, v in data["provenance"].items() if k != name}})
        assert "provenance" in message
    assert "provenance" in refused(data | {"provenance": data["provenance"] | {"more": 1}})


WRONG = [None, True, -1, 3.5, math.nan, 10**400, "x", [], ["x"], [[1]], [None], {}, {"x": 1}, {"x": "y"}]
MAY_BE = {  # what is a legal value of a field without being its value here
    "lower_better": [True],
    "range_enforced_by": ["x"],
    "method": ["x"],
    "assumptions": [[], ["x"]],
    "seed": [None],
    "clamped": [True],
}
PROVENANCE_MAY_BE = {
    "image_notes": [[], ["x"]],
    "findings": [[], ["x"]],
    "seconds": [{}, {"x": 1}],
    "versions": [{}, {"x": "y"}],
    "batch_size": [10**400],
}
OR_NONE = ("at", "output_range", "range_enforced_by", "lower_better", "seed")


def test_wrong_types_are_refused_and_nothing_else_is_raised(data):
    for name in sorted(set(data) - {"provenance"}):
        for wrong in WRONG:
            if wrong == data[name] or wrong in MAY_BE.get(name, []) or (wrong is None and name in OR_NONE):
                continue
            refused(data | {name: wrong}, (name, wrong))


def test_wrong_types_in_the_provenance_are_refused(data):
    hashes = ("file_sha256", "model_sha256", "denoiser", "denoiser_sha256")
    del data["seed"]
    data["seed"] = None
    for name in data["provenance"]:
        for wrong in WRONG:
            legal = PROVENANCE_MAY_BE.get(name, []) + (["x", None] if name in hashes else [])
            if isinstance(data["provenance"][name], str):
                legal = [*legal, "x"]
            if any(wrong is one or (type(wrong) is type(one) and wrong == one) for one in legal):
                continue
            refused(data | {"provenance": data["provenance"] | {name: wrong}}, (name, wrong))


@pytest.mark.parametrize(
    "change",
    [
        {"shape": ["3", "12", "16"]},
        {"shape": [3, 12]},
        {"shape": [3, 10**400, 1]},
        {"shape": [3, 10**300, 10**300]},
        {"shape": [3, 0, 5]},
        {"scores": ["0.5"] * 60},
        {"scores": [True] * 60},
        {"scores": [10**400] * 60},
        {"scores": [math.inf] * 60},
        {"scores": "0" * 60},
        {"scores": {"0": 0.5}},
        {"version": 2},
        {"version": True},
        {"version": [1]},
        {"format": "json"},
        {"format": None},
        {"provenance": None},
        {"provenance": []},
        {"side": ["both"]},
        {"output_range": [1, 0]},
    ],
)
def test_fields_that_break_their_rules(change, data):
    refused(data | change)


@pytest.mark.parametrize("data", [None, 5, "x", [], [1], {}, {"format": "certiqa-certificate"}, torch.zeros(3)])
def test_what_is_no_certificate_at_all(data):
    with pytest.raises(CertificateError):
        Certificate.from_dict(data)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "{",
        "{}",
        "[1, 2]",
        "null",
        "\0",
        "{'format': 1}",
        '{"a":' * 100_000,
        '{"a":' + "1" * 5000 + "}",
        b"{}",
        7,
    ],
    ids=range(12),
)
def test_texts_that_are_no_certificate(text):
    with pytest.raises(CertificateError):
        Certificate.from_json(text)


def test_tokens_that_are_no_json_are_refused(certificate):
    text = certificate.to_json()
    first = repr(certificate.scores.tolist()[0])
    for token in ("NaN", "Infinity", "-Infinity"):
        with pytest.raises(CertificateError, match="not JSON"):
            Certificate.from_json(text.replace(first, token, 1))


@pytest.mark.parametrize("content", [b"", b"not json", b"[1, 2]", b"\xff\xfe\x00", b'{"format": 1}', b"5"])
def test_files_that_are_no_certificate(content, tmp_path):
    path = tmp_path / "certificate.json"
    path.write_bytes(content)
    with pytest.raises(CertificateError):
        Certificate.from_json(path)
    with pytest.raises(CertificateError, match="Cannot read"):
        Certificate.from_json(tmp_path)
    with pytest.raises(CertificateError, match=r"Cannot read.*absent\.json"):
        Certificate.from_json(tmp_path / "absent.json")


def test_a_certificate_equals_only_its_like(certificate, made):
    assert certificate != "certificate"
    assert certificate != made([0.5])
    assert made([0.5]) == made([0.5])
    assert len({certificate, made([0.5]), made([0.5])}) == 2


def test_a_path_that_cannot_be_written_is_told(made, tmp_path):
    with pytest.raises(InputError, match=r"'path' must be a file that can be written .*Make its folder first"):
        made(range(50)).to_json(tmp_path / "nowhere" / "certificate.json")
