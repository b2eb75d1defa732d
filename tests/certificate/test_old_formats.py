"""Certificates of format versions 1 and 2, written by earlier versions of certiqa, still read and answer the same."""

import json
import math
from pathlib import Path

import pytest

from certiqa import Certificate
from certiqa.errors import CertificateError
from certiqa.frontends import Identity, Resize

OLD = Path(__file__).parent / "old"
FILES = sorted(OLD.glob("version-*.json"))


@pytest.fixture
def resized():
    return json.loads((OLD / "version-2.json").read_text())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_they_answer_what_they_state(path):
    data = json.loads(path.read_text())
    certificate = Certificate.from_json(path)
    assert certificate.score == data["score"]
    for answer in data["answers"]:
        interval = certificate.bounds(answer["eps"])
        for name, found in (
            ("lower", interval.lower),
            ("upper", interval.upper),
            ("tau", certificate.tau(answer["eps"])),
        ):
            assert (math.inf if answer[name] is None else answer[name]) == pytest.approx(abs(found), rel=1e-12)
    again = Certificate.from_json(certificate.to_json(reveal_seed=True))
    assert again == certificate
    assert again.to_dict()["version"] == 3
    expected = Resize if "working" in data else Identity
    assert isinstance(again.front_end.front_end, expected)


def test_there_are_some_of_each_kind():
    assert {json.loads(path.read_text())["version"] for path in FILES} == {1, 2}
    long = Certificate.from_json(OLD / "version-2-long.json")
    assert long.front_end.output_shape == (3, 3, 4500)  # a side that a resolution may not be given as


def refused(data, words="contradicts itself"):
    with pytest.raises(CertificateError) as error:
        pytest.fail(f"accepted: {Certificate.from_dict(data)}")
    assert words in str(error.value)


@pytest.mark.parametrize(
    "change",
    [
        {"norm": 0.25},
        {"norm": 0.0},
        {"grid": 0.0},
        {"step": 1e-9},
        {"height": 3, "width": 4},
        {"width": 9},
    ],
)
def test_contradictions_are_refused(change, resized):
    refused(resized | {"working": resized["working"] | change})


@pytest.mark.parametrize(
    "wrong",
    [None, True, 3, "x", [], {}, {"height": 7}, {"more": 1}, {"height": 6.0}, {"height": True}, {"height": 1},
     {"height": 10**400}, {"height": 4097}, {"width": None}, {"norm": None}, {"norm": "0.5"}, {"norm": -0.5},
     {"norm": 10**400}, {"grid": []}, {"step": True}, {"height": 12, "width": 16}],
)  # fmt: skip
def test_working_fields_that_break_their_rules(wrong, resized):
    if isinstance(wrong, dict) and wrong:
        wrong = resized["working"] | wrong
    with pytest.raises(CertificateError):
        Certificate.from_dict(resized | {"working": wrong})


def test_a_resize_cannot_be_taken_off_or_put_on(resized):
    plain = json.loads((OLD / "version-1.json").read_text())
    refused({name: value for name, value in resized.items() if name != "working"} | {"version": 1})
    refused(plain | {"version": 2, "working": resized["working"]})
    refused(plain | {"version": 2}, "lacks the fields working")
    refused(plain | {"working": None}, "no field 'working'")
