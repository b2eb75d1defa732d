"""builtin-energy: what the package says of it holds for the packaged bytes."""

import math

import pytest
import torch

import certiqa
from certiqa import metrics, samples
from certiqa.certificate import MedianCertificate
from certiqa.errors import InputError
from certiqa.metrics.builtin_energy import CARD


@pytest.fixture(scope="module")
def metric():
    return metrics.load("builtin-energy", "cpu")


def test_head_front_end_and_card_belong_together(metric):
    assert metric.head.front_end_digest == metric.front_end.digest
    assert metric.head.certified_sigma == pytest.approx(CARD.certified_sigma, rel=1e-12)
    assert metric.certified_n == metric.head.certified_n == 100_000
    assert CARD.input.min_size == metric.front_end.smallest
    assert metric.front_end.output_shape(300, 400) == (metric.head.shape.inputs,)


@pytest.mark.parametrize("size", [(16, 16), (33, 90), (257, 130)])
def test_scores_of_any_size_are_in_range(metric, size):
    generator = torch.Generator().manual_seed(0)
    scores = metric(torch.rand((2, 3, *size), generator=generator))
    assert scores.shape == (2,)
    assert bool(((scores >= 0) & (scores <= 100)).all())


def test_it_takes_no_other_weights():
    with pytest.raises(InputError, match="weights"):
        metrics.load("builtin-energy", "cpu", weights="x.safetensors")


def test_a_certificate_reaches_attacks_of_42_db(one_thread):
    """With samples enough for r = 3 the bounds are the head's own, not its range."""
    name = samples.names()[0]
    made = certiqa.certify("builtin-energy", samples.path(name), n=20_000, seed=1, device="cpu")
    assert isinstance(made, MedianCertificate)
    bounds = made.bounds(10 ** (-42 / 20) * math.sqrt(math.prod(made.shape)))
    assert 0 < bounds.lower < made.score < bounds.upper < 100
