"""Certificates without chance: the answers of a table of bounds, JSON, words, figure, and their certifier."""

import copy
import json
import math

import numpy as np
import pytest
import torch

import certiqa
from certiqa import Certificate
from certiqa.certificate import LipschitzCertificate
from certiqa.certifiers import LipschitzCertifier
from certiqa.data.images import read_image
from certiqa.errors import AuditError, CertificateError, InputError, ModelOutputError
from certiqa.frontends import Resize


class LinearHead(torch.nn.Module):
    """100 <w, z>, |w| = 1, over the values of a picture: its bounds over a ball are exact."""

    output_range = (-100.0, 300.0)
    range_enforced = True
    lower_better = False
    certified_resolution = 6

    def __init__(self):
        super().__init__()
        w = torch.zeros(3, 6, 8, dtype=torch.float64)
        w[0, 0, 0], w[2, 5, 7] = 0.6, 0.8
        self.register_buffer("w", w)

    def forward(self, images):
        return 100 * (images.double() * self.w).sum((1, 2, 3))

    def ball_bounds(self, z, radii):
        value = 100 * float((z * self.w.numpy()).sum())
        low, high = self.output_range
        rounding = 1e-9
        return value, np.maximum(low, value - 100 * radii - rounding), np.minimum(high, value + 100 * radii + rounding)


@pytest.fixture
def head():
    return LinearHead().eval()


@pytest.fixture
def certificate(head, picture):
    return certiqa.certify(head, picture, kind="lipschitz")


@pytest.fixture
def data(certificate):
    return copy.deepcopy(certificate.to_dict())


def test_it_answers_with_the_next_larger_ball(certificate, head, picture):
    assert isinstance(certificate, LipschitzCertificate)
    assert (certificate.alpha, certificate.failure_probability, certificate.n) == (0.0, 0.0, 0)
    clean = Resize(6)(picture.numpy() / 255.0)
    assert certificate.score == pytest.approx(100 * float((clean * head.w.numpy()).sum()), abs=1e-3)
    for eps in (0.0, 0.01, 0.05, 0.2):
        exact = 100 * certificate.front_end.behind(eps)
        assert exact <= certificate.tau(eps) <= exact * 1.06 + 1e-3
        lower, upper = certificate.bounds(eps)
        assert (upper - certificate.score, certificate.score - lower) == pytest.approx([certificate.tau(eps)] * 2)
        assert certificate.tau(eps, statement="containment") == upper - lower
        assert certificate.bounds(eps).certified
        assert certificate.bounds(eps).alpha == 0
    taus = [certificate.tau(eps) for eps in np.linspace(0, 1, 50)]
    assert taus == sorted(taus)


def test_radius_is_the_inverse(certificate):
    for tau in (0.5, 2.0, 17.0):
        radius = certificate.radius(tau)
        assert certificate.tau(radius) <= tau
        assert certificate.tau(radius * 1.2) > tau
    assert certificate.radius(1e-12) == 0.0
    assert certificate.radius(1e6) == math.inf
    with pytest.raises(InputError, match="'statement'"):
        certificate.radius(1.0, statement="containment")


def test_beyond_the_largest_ball_only_the_range_remains(certificate):
    beyond = 1.01 * certificate.largest_eps()
    interval = certificate.bounds(beyond)
    assert tuple(interval) == (-100.0, 300.0)
    assert (interval.lower_from, interval.certified) == ("range", False)
    assert certificate.bounds(certificate.largest_eps()).certified
    (row,) = certificate.rows((beyond,))
    assert "range only: beyond the bounds" in row.cells()[4]
    assert "the head was bounded up to eps" in certificate.nothing_proved([row])


@pytest.mark.parametrize("side", ["upper", "lower"])
def test_one_side(side, head, picture):
    one = certiqa.certify(head, picture, kind="lipschitz", side=side)
    assert one.tau(0.1) == pytest.approx(100 * one.front_end.behind(0.1), rel=0.06)
    assert (one.bounds(0.1).lower_from == "not asked") == (side == "upper")
    assert ("..., " in one.rows((0.1,))[0].cells()[4]) == (side == "upper")


def test_words_and_figure(certificate):
    text = str(certificate)
    assert "Without chance: no change of the image of l2 length at most eps takes the score out" in text
    assert "score stays in" in text
    assert "median" not in text
    for decibel in ("48.0 dB", "42.0 dB", "36.0 dB", "30.0 dB"):
        assert decibel in text
    pytest.importorskip("matplotlib")
    left, right = certificate.plot().axes[:2]
    assert left.get_xlim()[1] == right.get_xlim()[1] == certificate.largest_eps()


def test_json(certificate):
    again = Certificate.from_json(certificate.to_json())
    assert again == certificate
    assert hash(again) == hash(certificate)
    assert isinstance(again, LipschitzCertificate)
    assert again.tau(0.07) == certificate.tau(0.07)
    assert json.loads(certificate.to_json())["kind"] == "lipschitz"


@pytest.mark.parametrize(
    "change",
    [
        {"alpha": 0.1},
        {"at": 0.1},
        {"value": 3.0},
        {"score": 3.0},
        {"radii": [0.0, 1.0]},
        {"radii": []},
        {"dimension": 12},
        {"output_range": [0, 1]},
        {"output_range": None},
        {"range_enforced_by": None},
    ],
)
def test_contradictions_are_refused(change, data):
    assert Certificate.from_dict(data)
    with pytest.raises(CertificateError, match=r"contradicts itself|breaks its rule"):
        Certificate.from_dict(data | change)


def test_tables_that_do_not_grow(data):
    for name in ("radii", "lower", "upper"):
        with pytest.raises(CertificateError, match="growing balls"):
            Certificate.from_dict(data | {name: data[name][::-1]})
    swapped = data | {"lower": data["upper"], "upper": data["lower"]}
    with pytest.raises(CertificateError, match="growing balls"):
        Certificate.from_dict(swapped)
    for name in set(data) - {"format", "version"}:
        with pytest.raises(CertificateError):
            Certificate.from_dict({key: value for key, value in data.items() if key != name})
        for wrong in ("x", [None], {"x": 1}):
            if name not in ("method", "range_enforced_by"):
                with pytest.raises(CertificateError):
                    Certificate.from_dict(data | {name: wrong})


# -- the certifier ----------------------------------------------------------------------------------------------------


def test_an_attack_reaches_the_bound_and_does_not_leave_it(head, picture):
    certifier = LipschitzCertifier.of(head)
    original = read_image(picture.float() / 255.01)
    certificate = certifier.certify(original)
    steepest = torch.autograd.functional.vjp(Resize(6).of_tensor, picture.double()[None] / 255, head.w[None])[1][0]
    step = 0.2 * steepest / steepest.norm()
    attacked = read_image((torch.from_numpy(original.pixels.copy()).double() + step).clamp(0, 1).float())
    found = certifier.judge(certificate, original, attacked)
    assert found.within
    assert not found.alarm
    assert found.n_fresh == 0
    assert found.median - certificate.score > 0.5 * certificate.tau(found.length)
    other = certifier.certify(attacked)
    with pytest.raises(InputError, match="'original'"):
        certifier.judge(other, original, attacked)


@pytest.mark.parametrize("front_end", [None, Resize((6, 8))])
@pytest.mark.parametrize("on_grid", [True, False])
def test_without_a_front_end_the_head_reads_the_intensities(head, front_end, on_grid):
    """A resize to the image's own size is none; certificates of it used to speak of a black image."""
    head.certified_resolution = None
    values = np.random.default_rng(3).random((3, 6, 8)).astype(np.float32)
    image = torch.from_numpy((255 * values).round().astype(np.uint8) if on_grid else values)
    shown = image.double() / (255 if on_grid else 1)
    certifier = LipschitzCertifier.of(head, front_end=front_end)
    certificate = certifier.certify(read_image(image))
    assert certificate.front_end.is_identity
    assert certificate.score == pytest.approx(float(head(shown[None])), abs=1e-9)
    for sign in (1, -1):
        attacked = (shown + sign * 0.01 * head.w).clamp(0, 1).float()
        lower, upper = certificate.bounds(0.01)
        assert lower <= float(head(attacked[None])) <= upper
        assert not certifier.judge(certificate, read_image(image), read_image(attacked)).alarm


@pytest.mark.parametrize(
    "answer",
    [
        lambda v, low, high: (math.nan, low, high),
        lambda v, low, high: (v, np.where(np.arange(len(low)) == 3, math.nan, low), high),
        lambda v, low, high: (v, low, np.full_like(high, math.nan)),
        lambda v, low, high: (v, high, low),
        lambda v, low, high: (v, low[:-1], high[:-1]),
        lambda v, low, high: (1000.0, low, high + 1000),
    ],
)
def test_answers_of_a_head_that_cannot_be_true_are_refused(head, picture, monkeypatch, answer):
    """The change from NaN used to be 0; a score outside of the enforced range voids the range."""
    honest = LinearHead.ball_bounds
    monkeypatch.setattr(LinearHead, "ball_bounds", lambda self, z, radii: answer(*honest(self, z, radii)))
    with pytest.raises(ModelOutputError):
        certiqa.certify(head, picture, kind="lipschitz")


def test_a_head_that_claims_too_little_is_noticed(head, picture, monkeypatch):
    honest = LinearHead.ball_bounds
    monkeypatch.setattr(LinearHead, "ball_bounds", lambda self, z, radii: honest(self, z, 0.1 * radii))
    certifier = LipschitzCertifier.of(head)
    original = read_image(picture)
    certificate = certifier.certify(original)
    attacked = read_image((picture.float() / 255 + 0.05).clamp(0, 1))
    assert certifier.judge(certificate, original, attacked).alarm


def test_requests_that_make_no_sense(head, picture, toys):
    with pytest.raises(InputError, match="'model' must be a metric whose head bounds itself"):
        certiqa.certify(toys.mean, picture, kind="lipschitz")
    for name, value in (("sigma", 0.1), ("n", 5), ("seed", 1), ("at", 0.1), ("resolution", 5)):
        with pytest.raises(InputError, match=f"{name!r} must not be given for kind='lipschitz'"):
            certiqa.certify(head, picture, kind="lipschitz", **{name: value})
    with pytest.raises(InputError, match="'kind' must be one of 'median', 'lipschitz'"):
        certiqa.certify(head, picture, kind="oracle")
    with pytest.raises(AuditError, match="train mode"):
        certiqa.certify(head.train(), picture, kind="lipschitz")
    median = certiqa.certify(head.eval(), picture, 0.1, n=20)
    with pytest.raises(InputError, match="'certificate' must be of kind 'lipschitz'"):
        LipschitzCertifier.of(head).judge(median, read_image(picture), read_image(picture))
