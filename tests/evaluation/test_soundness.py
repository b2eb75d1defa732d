"""Certificates against attacks: true ones hold, false ones are found, and chance alone raises no alarm."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest
import torch
from scipy import stats

import certiqa
from certiqa import attacks
from certiqa.certifiers.soundness import attack_length
from certiqa.data.images import read_image
from certiqa.errors import ImageError, InputError, SoundnessAlarm
from certiqa.evaluation import Verdict, attack_radius, fresh_scores, soundness_of, verdict

SIGMA = 0.1


class Linear(torch.nn.Module):
    """<w, x>: it attains the theorem's bound."""

    def __init__(self, shape):
        super().__init__()
        weight = torch.randn(shape, generator=torch.Generator().manual_seed(0)).double()
        self.weight = torch.nn.Parameter(weight / weight.norm())

    def forward(self, x):
        return (x.double() * self.weight).sum((1, 2, 3))


@pytest.fixture(scope="module")
def image():
    return torch.from_numpy(np.random.default_rng(0).integers(80, 176, (3, 12, 12), dtype=np.uint8))


@pytest.fixture(scope="module")
def metric():
    return Linear((3, 12, 12)).eval()


@pytest.fixture(scope="module")
def certificate(metric, image):
    return certiqa.certify(metric, image, SIGMA, n=1000, seed=1, dtype="float64")


def attacked(metric, image, length):
    """The image moved as far as the metric can be moved by this length, as a float image."""
    direction = metric.weight.detach() / metric.weight.detach().norm()
    return image.double() / 255 + length * direction


def alarm_for(certificate, metric, image, eps, length=None):
    picture = attacked(metric, image, eps * (1 - 1e-6) if length is None else length)
    honest = dataclasses.replace(certificate, sigma=SIGMA)
    fresh = fresh_scores(honest, metric, picture, 4000, seed=77)
    return verdict(certificate, image, picture, fresh, eps=eps)


def test_a_true_certificate_holds_against_the_worst_attack(certificate, metric, image):
    found = alarm_for(certificate, metric, image, 0.08)
    assert found.within
    assert found.outside is None
    assert not found.alarm
    assert found.words().startswith("holds: ")
    assert found.median == pytest.approx(certificate.score + 0.08, abs=0.02), "the attack does move the median"
    assert found.median_low < found.median < found.median_high


def test_a_false_certificate_is_found(certificate, metric, image):
    false = dataclasses.replace(certificate, sigma=10 * SIGMA)  # claims ten times the radius it has
    found = alarm_for(false, metric, image, 0.3)
    assert found.outside == "above"
    assert found.alarm
    assert found.words().startswith("SOUNDNESS ALARM: ")
    down = verdict(false, image, attacked(metric, image, -0.29), certificate.scores - 0.29, eps=0.3)
    assert (down.outside, down.alarm) == ("below", True)


def test_beyond_the_radius_nothing_was_promised(certificate, metric, image):
    found = alarm_for(certificate, metric, image, 0.08, length=0.6)
    assert found.outside == "above"
    assert not found.within
    assert not found.alarm
    assert found.words().startswith("no statement: ")


def test_the_default_radius_is_the_attacks_own(certificate, metric, image):
    picture = attacked(metric, image, 0.05)
    found = verdict(certificate, image, picture, certificate.scores)
    assert found.eps == found.length == pytest.approx(0.05, rel=1e-4)
    assert found.within
    assert found.simultaneous


def test_a_declared_eps(metric, image):
    certificate = certiqa.certify(metric, image, SIGMA, n=500, seed=1, at=0.05)
    found = verdict(certificate, image, image, certificate.scores, at=0.05)
    assert not found.simultaneous
    assert found.length == 0
    with pytest.raises(InputError, match="'at' must be the eps that was declared"):
        verdict(certificate, image, image, certificate.scores, at=0.06)


def test_a_working_resolution_in_the_pixels_of_the_original(image):
    """A smooth pattern passes the resize nearly whole; the certificate speaks of the original's pixels."""
    big = torch.from_numpy(np.random.default_rng(0).integers(80, 176, (3, 48, 48), dtype=np.uint8))
    metric = lambda x: x.double().mean((1, 2, 3))  # noqa: E731
    certificate = certiqa.certify(metric, big, SIGMA, n=1000, seed=1, resolution=12, dtype="float64")
    eps = certificate.eps_for(SIGMA)
    assert eps > 3.5 * SIGMA, "four times as many pixels a side: four times the radius"
    moved = big.double() / 255 + 0.999 * eps / math.sqrt(big.numel())
    fresh = fresh_scores(certificate, metric, moved, 3000, seed=5)
    found = verdict(certificate, big, moved, fresh, eps=eps)
    assert found.within
    assert not found.alarm
    false = dataclasses.replace(certificate, front_end=dataclasses.replace(certificate.front_end, lipschitz=0.01))
    wrong = verdict(false, big, moved, fresh, eps=eps)
    assert wrong.alarm, "a resize whose norm is understated is found out"


@pytest.mark.parametrize("eps", [0.002, 0.05, 2.0])
@pytest.mark.parametrize("seed", range(3))
def test_an_attack_with_the_radius_it_is_given_is_inside(eps, seed):
    """A flat metric: all roundings go one way. Without the room the length is beyond eps."""
    image = torch.from_numpy(np.random.default_rng(seed).integers(60, 190, (3, 24, 24), dtype=np.uint8))
    clean = read_image(image)
    flat = torch.full((3, 24, 24), 1.0)
    for attack in (attacks.load("fgsm", quantise=False), attacks.load("pgd", steps=3, quantise=False)):
        budget = attacks.L2(attack_radius(eps, 1728))
        (found,) = attack(lambda x: (x * flat).sum((1, 2, 3)), image[None], "raise", budget, seed=seed)
        assert attack_length(clean, read_image(found.image)) <= eps
        assert found.l2 > 0.99 * eps
    with pytest.raises(InputError, match="'eps' must be more than"):
        attack_radius(1e-6, 1728)


def test_eight_bit_attacks_have_exact_lengths(image):
    other = image.clone()
    other[:, 0, :4] += 3
    assert attack_length(read_image(image), read_image(other)) == pytest.approx(math.sqrt(12 * 9) / 255, rel=1e-11)
    assert attack_length(read_image(image), read_image(other)) >= math.sqrt(12 * 9) / 255
    half = image.float() / 255 + 0.3 / 255
    assert attack_length(read_image(image), read_image(half)) == pytest.approx(0.3 / 255 * math.sqrt(432), rel=1e-4)


def test_chance_of_the_fresh_sample_alarms_no_more_often_than_its_level(made):
    """The attacked median lies exactly at the end of the interval; level .2 is .1 a side: of 600, P[> 90] < 2e-4."""
    certificate = made(np.zeros(100))
    random = np.random.default_rng(1)
    level, runs, n = 0.2, 600, 101
    from certiqa.statistics.statements import median_ranks

    low, _ = median_ranks(n, level / 2, certificate.tv_slack)
    alarms = sum(np.sort(random.normal(size=n))[low - 1] > 0 for _ in range(runs))
    assert stats.binom.sf(90, runs, level / 2) < 2e-4
    assert 0 < alarms <= 90


def test_a_constant_metric_raises_no_alarm(image):
    metric = lambda x: x.mean((1, 2, 3)) * 0 + 0.1  # noqa: E731
    certificate = certiqa.certify(metric, image, SIGMA, n=500, seed=1)
    fresh = fresh_scores(certificate, metric, image, 100).astype(np.float32) * np.float32(1 + 1e-6)
    assert not verdict(certificate, image, image, fresh, eps=0.05).alarm
    assert verdict(certificate, image, image, fresh, eps=0.05, tolerance=0.0).alarm, "the tolerance is what decides"


def test_failed_forwards_count_as_the_worst_on_either_side(certificate, image):
    fresh = np.where(np.arange(1000) % 2 == 0, np.nan, 1e6)
    found = verdict(certificate, image, image, fresh, eps=0.05)
    assert found.outside is None
    assert verdict(certificate, image, image, np.full(1000, 1e6), eps=0.05).alarm


def test_bad_input(certificate, image):
    with pytest.raises(InputError, match="'original' must be the image that was certified"):
        verdict(certificate, image + 1, image, certificate.scores)
    with pytest.raises(InputError, match="'attacked' must have the size of the original"):
        verdict(certificate, image, image[:, :8], certificate.scores)
    with pytest.raises(InputError, match="must hold 21 scores at least to speak at level 1e-06"):
        verdict(certificate, image, image, certificate.scores[:20])
    with pytest.raises(InputError, match="'level'"):
        verdict(certificate, image, image, certificate.scores, level=0)
    with pytest.raises(InputError, match="one-dimensional"):
        verdict(certificate, image, image, certificate.scores[:, None])
    with pytest.raises(ImageError, match="is 8x12; the certificate is of a 12x12 image"):
        fresh_scores(certificate, lambda x: x, image[:, :, :8])


def test_fresh_scores_are_the_certificates_own_under_its_seed(certificate, metric, image):
    again = fresh_scores(certificate, metric, image, 1000, seed=1)
    np.testing.assert_array_equal(again, certificate.scores)
    assert (fresh_scores(certificate, metric, image, 100) != certificate.scores[:100]).all(), "fresh noise by default"


# -- many -------------------------------------------------------------------------------------------------------------


def one(number, *, alarm=False, within=True, alpha=1e-3):
    length = 0.1 if within else 0.3
    return Verdict(str(number), length, 0.2, 0.0, 1.0, alpha, True, 5.0 * alarm, 4.0 * alarm, 6.0, 100, 1e-6, 0.0)


def test_alarms_are_compared_with_what_alpha_explains():
    found = soundness_of([one(i, alarm=i < 3) for i in range(1000)])
    assert (found.attacks, found.within, found.alarms, found.failed, found.certificates) == (1000, 1000, 3, 3, 1000)
    assert found.expected == pytest.approx(1.001)
    assert found.p == pytest.approx(stats.binom.sf(2, 1000, 1e-3 + 1e-6))
    assert found.sound
    assert found.check() is found
    bad = soundness_of([one(i, alarm=i < 20) for i in range(1000)])
    assert not bad.sound
    with pytest.raises(SoundnessAlarm, match="SOUNDNESS ALARM: 20 alarms in 1000 attacks") as caught:
        bad.check()
    assert caught.value.found is bad


def test_attacks_on_one_certificate_are_counted_once():
    found = soundness_of([one("a", alarm=True) for _ in range(50)] + [one(i) for i in range(99)])
    assert (found.alarms, found.failed, found.certificates) == (50, 1, 100)
    assert found.p == pytest.approx(stats.binom.sf(0, 100, 1e-3 + 50e-6))
    assert found.sound


def test_a_verdict_comes_back_from_json(certificate, metric, image):
    for found in (alarm_for(certificate, metric, image, 0.08), one(1, alarm=True)):
        data = json.loads(json.dumps(found.to_dict()))
        assert Verdict.from_dict(data) == found
        assert Verdict.from_dict({**data, "upper": None}).upper == math.inf
        assert Verdict.from_dict({**data, "lower": None, "alarm": False}).lower == -math.inf
    with pytest.raises(InputError, match="no level"):
        Verdict.from_dict({key: value for key, value in data.items() if key != "level"})


def test_attacks_beyond_their_radius_say_nothing():
    found = soundness_of([one(i, alarm=True, within=False) for i in range(9)])
    assert (found.attacks, found.within, found.alarms, found.certificates, found.p) == (9, 0, 0, 0, 1.0)
    json.dumps([found.to_dict(), one(1).to_dict()], allow_nan=False)
    with pytest.raises(InputError, match="'verdicts' must hold"):
        soundness_of([1])
