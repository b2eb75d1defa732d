"""The facts of a metric: read once, from attributes, from a card, from a wrapper; each checked."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

import certiqa
from certiqa import _provenance as provenance
from certiqa import metrics, purifications
from certiqa._facts import DeclaredByFacts, declared_by, model_name, short_name
from certiqa.errors import InputError
from certiqa.frontends import Energies, Resize
from certiqa.metrics import MetricFacts, facts_of
from certiqa.metrics.calibrated import calibrated
from certiqa.metrics.calibration import Logistic

CURVE = Logistic(0.0, 100.0, 50.0, 10.0)
ENERGIES = Energies()


class Toy(nn.Module):
    """A metric that declares what it is given."""

    def __init__(self, **facts):
        super().__init__()
        for fact, value in facts.items():
            setattr(self, fact, value)

    def forward(self, images):
        return images.mean((1, 2, 3))


GIVEN = {
    "name": "toy",
    "lower_better": True,
    "output_range": (0.0, 1.0),
    "range_enforced": True,
    "min_size": 4,
    "certified_sigma": 0.7,
    "certified_resolution": 8,
    "certified_n": 30,
    "unclipped_noise": True,
    "random": True,
    "licence": "CC0",
    "weights_sha256": "0" * 64,
}


def test_the_attributes_of_any_callable_are_its_facts():
    front_end = Resize(16)
    assert facts_of(Toy(**GIVEN, front_end=front_end)) == MetricFacts(**GIVEN, front_end=front_end)

    def plain(images):
        return images.mean((1, 2, 3))

    assert facts_of(plain) == MetricFacts(f"{__name__}.{plain.__qualname__}")
    for fact, value in GIVEN.items():
        setattr(plain, fact, value)
    assert facts_of(plain) == MetricFacts(**GIVEN)


def test_every_field_but_the_name_may_be_left_out_and_is_an_attribute_of_wrappers():
    names = {one.name for one in dataclasses.fields(MetricFacts)}
    assert names == {*GIVEN, "front_end"}
    assert facts_of(Toy()) == MetricFacts(f"{__name__}.Toy")
    assert names - {"licence", "weights_sha256"} <= set(dir(DeclaredByFacts))
    assert declared_by(Toy()) == {}


def test_what_carries_facts_is_asked_for_nothing_else():
    facts = MetricFacts("carried", min_size=7)
    assert facts_of(Toy(**GIVEN, facts=facts)) is facts
    assert facts_of(Toy(facts="of another library", min_size=3)).min_size == 3


@pytest.mark.parametrize(
    ("fact", "value", "rule"),
    [
        ("lower_better", "yes", "must be True or False"),
        ("output_range", (1.0, 0.0), "must be None or a pair"),
        ("output_range", (0.0, float("inf")), "must be None or a pair"),
        ("range_enforced", 2, "must be True or False"),
        ("min_size", 2.5, "must be a whole number >= 1"),
        ("min_size", 0, "must be a whole number >= 1"),
        ("min_size", "large", "must be a whole number >= 1"),
        ("certified_sigma", 30.6, r"must be at most 4.*For grey levels of 255 pass model\.certified_sigma=0\.12"),
        ("certified_sigma", -0.1, "must be a finite number > 0"),
        ("certified_resolution", 1, "must be None, 'native'"),
        ("certified_n", 0, "must be a whole number >= 1"),
        ("unclipped_noise", "no", "must be True or False"),
    ],
)
def test_a_wrong_fact_is_named(fact, value, rule):
    with pytest.raises(InputError, match=rf"'model\.{fact}' {rule}"):
        facts_of(Toy(**{fact: value}))
    with pytest.raises(InputError, match=rf"'facts\.{fact}' "):
        MetricFacts("wrong", **{fact: value})
    with pytest.raises(InputError, match=rf"'model\.{fact}'"):
        certiqa.certify(Toy(**{fact: value}).eval(), torch.zeros(3, 8, 8), 0.1, n=5)


def test_flags_and_numbers_of_numpy_are_taken():
    facts = facts_of(Toy(lower_better=np.bool_(False), min_size=np.int64(5), output_range=[np.float32(0), 2]))
    assert facts.lower_better is False
    assert (facts.min_size, facts.output_range) == (5, (0.0, 2.0))
    assert type(facts.min_size) is int


def test_attributes_that_mean_something_else_are_left_alone():
    other = Toy(min_size=(800,), front_end=nn.Identity(), licence=3, name=5, random=np.random.default_rng(0))
    facts = facts_of(other)
    assert facts == MetricFacts(f"{__name__}.Toy", random=True)


def test_a_range_that_is_only_documented_proves_nothing():
    assert facts_of(Toy(output_range=(0, 1))).enforced_range is None
    assert facts_of(Toy(output_range=(0, 1), range_enforced=True)).enforced_range == (0.0, 1.0)
    assert facts_of(Toy(range_enforced=True)).enforced_range is None


@pytest.mark.parametrize("name", ["builtin", *(one.name for one in metrics.list() if one.unclipped_noise)])
def test_a_metric_of_the_package_has_the_facts_of_its_card(name):
    card = metrics.card(name)
    facts = facts_of(metrics.load(name, "cpu"))
    for fact in {one.name for one in dataclasses.fields(card)} & {one.name for one in dataclasses.fields(facts)}:
        assert getattr(facts, fact) == getattr(card, fact), fact
    assert facts.min_size == card.input.min_size


@pytest.mark.parametrize("fact", [fact for fact in GIVEN if fact not in ("name", "output_range", "range_enforced")])
def test_wrappers_keep_every_fact_that_is_not_theirs(fact):
    wrapped = calibrated(purifications.load("flip", Toy(**GIVEN)), CURVE)
    assert getattr(facts_of(wrapped), fact) == GIVEN[fact]
    assert facts_of(wrapped) is not wrapped.facts
    assert facts_of(wrapped) == wrapped.facts


def test_the_names_of_wrappers_are_what_they_were():
    """Names are a part of the identities that scores are stored under."""
    assert model_name(Toy()) == provenance.model_name(Toy()) == f"{__name__}.Toy"
    assert short_name(Toy()) == "Toy"
    assert purifications.load("bits", Toy(), bits=3).name == "Toy behind bits(bits=3)"
    assert calibrated(Toy(name="mine"), CURVE).name == "mine+logistic"
    assert facts_of(calibrated(Toy(), CURVE)).name == "Toy+logistic"


# -- front ends -------------------------------------------------------------------------------------------------------


class Sum(nn.Module):
    """A head: (B, m) -> (B,)."""

    def forward(self, numbers):
        return 1000 * numbers.sum(1)


class Energetic(nn.Module):
    """A metric with a front end of numbers."""

    name, certified_sigma, certified_n = "energetic", 0.003, 40

    def __init__(self):
        super().__init__()
        self.front_end, self.head = ENERGIES, Sum()

    def forward(self, images):
        return self.head(self.front_end.of_tensor(images))


@pytest.fixture
def image():
    return torch.rand(3, 64, 80, generator=torch.Generator().manual_seed(2))


def test_a_calibrated_metric_is_certified_behind_the_front_end_of_the_metric(image):
    bare = certiqa.certify(Energetic().eval(), image, seed=3)
    metric = calibrated(Energetic().eval(), CURVE)
    found = certiqa.certify(metric, image, seed=3)
    assert (found.sigma, found.n) == (bare.sigma, bare.n) == (0.003, 40)
    assert found.front_end == bare.front_end
    assert found.front_end.front_end == ENERGIES
    np.testing.assert_allclose(np.sort(found.scores), CURVE(np.sort(bare.scores)), rtol=1e-6)
    assert calibrated(Toy(), CURVE).head is None


def test_a_purified_metric_leaves_the_numbers_of_its_front_end_and_their_sigma(image):
    """A purification cleans pictures; a noise level in the units of the numbers would be none on pixels."""
    facts = facts_of(purifications.load("jpeg", Energetic().eval()))
    assert (facts.front_end, facts.certified_sigma, facts.certified_n) == (None, None, None)
    with pytest.raises(InputError, match="'sigma' must be a finite number > 0"):
        certiqa.certify(purifications.load("jpeg", Energetic().eval()), image, n=5)
    kept = facts_of(purifications.load("jpeg", Toy(front_end=Resize(16), certified_sigma=0.5)))
    assert (kept.front_end, kept.certified_sigma) == (Resize(16), 0.5)
