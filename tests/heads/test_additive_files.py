"""Files of additive heads, and the metric that ships: what the package says of it holds for the packaged bytes."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import certiqa
from certiqa import metrics, samples
from certiqa.data.images import read_image
from certiqa.errors import InputError, WeightsError
from certiqa.heads import Head, HeadShape, write_head
from certiqa.heads.additive import AdditiveHead
from certiqa.heads.additive_files import read_additive, write_additive
from certiqa.metrics.builtin_lipschitz import CARD, WEIGHTS_FILE
from certiqa.statistics.percentile import eps_from_psnr

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results" / "lipschitz_head.jsonl"


@pytest.fixture
def head():
    made = AdditiveHead(4, 3)
    made.slopes.data = torch.arange(12.0).reshape(4, 3)
    made.front_end_digest = "d" * 64
    return made


@pytest.fixture(scope="module")
def shipped():
    return metrics.load("builtin-lipschitz", "cpu")


def test_a_file_comes_back_as_it_was(head, tmp_path):
    path = tmp_path / "head.safetensors"
    first = write_additive(head, {"name": "x"}, {"seed": 1}, path)
    again, header = read_additive(path, sha256=first)
    assert all(torch.equal(a, b) for a, b in zip(head.state_dict().values(), again.state_dict().values(), strict=True))
    assert (again.front_end_digest, header["front_end"], header["training"]) == ("d" * 64, {"name": "x"}, {"seed": 1})
    assert not again.training
    assert write_additive(again, {"name": "x"}, {"seed": 1}, tmp_path / "b.safetensors") == first


def test_what_is_no_such_file_is_refused(head, tmp_path):
    path = tmp_path / "head.safetensors"
    with pytest.raises(WeightsError, match="cannot be read"):
        read_additive(path)
    path.write_bytes(b"12345678 nothing")
    with pytest.raises(WeightsError, match="not a whole safetensors file"):
        read_additive(path)
    write_head(Head(HeadShape(inputs=3, hidden=4)), {}, {}, path)
    with pytest.raises(WeightsError, match="carries no header of a certiqa-additive-head"):
        read_additive(path)
    with pytest.raises(WeightsError, match="must have sha256"):
        read_additive(path, sha256="0" * 64)
    head.knots.zero_()
    write_additive(head, {}, {}, path)
    with pytest.raises(WeightsError, match="must ascend"):
        read_additive(path)
    head.knots.copy_(torch.tensor([0.0, 1.0, 2.0]))
    head.slopes.data[0, 0] = torch.nan
    write_additive(head, {}, {}, path)
    with pytest.raises(WeightsError, match="finite"):
        read_additive(path)


def test_the_published_figures_are_those_of_the_packaged_bytes(shipped):
    lines = [json.loads(line) for line in RESULTS.read_text(encoding="utf-8").splitlines()]
    (final,) = (line for line in lines if line["part"] == "validation")
    assert final["sha256"] == CARD.weights_sha256
    assert final["front_end"] == shipped.front_end.to_dict()
    assert shipped.card == CARD
    assert (Path(metrics.__file__).parent / "weights" / WEIGHTS_FILE).stat().st_size < 500_000
    with pytest.raises(InputError, match="belong together"):
        metrics.load("builtin-lipschitz", "cpu", weights="x.safetensors")


@pytest.mark.parametrize("name", ["chelsea", "coffee"])
def test_a_certificate_at_42_db_that_pixels_cannot_leave(shipped, name):
    made = certiqa.certify(shipped, samples.path(name), kind="lipschitz")
    image = torch.from_numpy(read_image(samples.path(name)).as_float())
    eps = eps_from_psnr(42.0, image.numel())
    interval = made.bounds(eps)
    assert interval.certified
    assert 0 < interval.lower < made.score < interval.upper < 100
    assert made.score == pytest.approx(float(shipped(image[None])), abs=1e-2)
    for sign in (1, -1):
        moved = torch.zeros_like(image)
        for _ in range(8):
            moved.requires_grad_()
            (gradient,) = torch.autograd.grad(sign * shipped((image + moved)[None]).sum(), moved)
            moved = (image + moved.detach() + gradient * eps / gradient.norm()).clamp(0, 1) - image
            moved = moved * min(1.0, 0.999 * eps / float(moved.norm()))
        attacked = float(shipped((image + moved)[None]))
        assert interval.lower <= attacked <= interval.upper
        room = made.score - interval.lower if sign < 0 else interval.upper - made.score
        assert sign * (attacked - made.score) >= 0.5 * room  # and the bound is nearly spent


def test_the_certificate_survives_json(shipped):
    made = certiqa.certify(shipped, samples.path("coffee"), kind="lipschitz")
    again = certiqa.Certificate.from_json(made.to_json())
    np.testing.assert_array_equal(again.upper, made.upper)
    assert again.tau(1.0) == made.tau(1.0)
    assert again.radius(5.0) == made.radius(5.0) > 0
