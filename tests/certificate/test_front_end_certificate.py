"""Certificates behind a front end: every answer is that of the scores at the converted eps; JSON; words; figure."""

import copy
import json
import math

import numpy as np
import pytest
import torch

import certiqa
from certiqa import Certificate
from certiqa.errors import CertificateError, InputError
from certiqa.frontends import Resize, SizedFrontEnd
from certiqa.frontends.energies import Energies
from certiqa.statistics import percentile

SCORES = np.random.Generator(np.random.Philox(key=4)).normal(50, 5, 1000)
SIZED = SizedFrontEnd.of(Resize((6, 8)), 12, 16, 0.1)


@pytest.fixture(scope="module")
def certificate(picture, toys):
    return certiqa.certify(toys.mean, picture, 0.1, n=60, seed=11, output_range=(0, 1), resolution=6)


@pytest.fixture
def data(certificate):
    return copy.deepcopy(certificate.to_dict(reveal_seed=True))


# -- answers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", ["both", "upper", "lower"])
@pytest.mark.parametrize("statement", ["containment", "deployed", "drift"])
def test_answers_are_those_of_the_scores_at_the_converted_eps(side, statement, made):
    bare, resized = made(SCORES, side=side), made(SCORES, side=side, front_end=SIZED)
    for eps in (0.0, 1e-3, 0.05, 0.2, 0.5):
        at_work = SIZED.behind(eps)
        assert at_work > SIZED.lipschitz * eps
        assert resized.tau(eps, statement=statement) == bare.tau(at_work, statement=statement)
        assert resized.smallest_n(eps) == bare.smallest_n(at_work)
        if statement != "drift":
            one, other = resized.bounds(eps, statement=statement), bare.bounds(at_work, statement=statement)
            assert tuple(one) == tuple(other)
            assert (one.lower_rank, one.upper_rank, one.certified) == (
                other.lower_rank,
                other.upper_rank,
                other.certified,
            )
            assert one.eps == eps
    for tau in (2.0, 4.0, 7.0):
        if statement != "containment":
            radius = bare.radius(tau, statement=statement)
            assert resized.radius(tau, statement=statement) == SIZED.before(radius)
    assert resized.radius(10.0, center=50.0) == SIZED.before(bare.radius(10.0, center=50.0))
    assert resized.largest_eps() == SIZED.before(bare.largest_eps()) > 1.9 * bare.largest_eps()


def test_a_declared_eps_is_declared_in_the_originals_pixels(made):
    bare, resized = made(SCORES), made(SCORES, at=0.1, front_end=SIZED)
    assert tuple(resized.bounds(at=0.1)) == tuple(bare.bounds(at=SIZED.behind(0.1)))
    assert resized.bounds(at=0.1).eps == 0.1
    with pytest.raises(InputError, match="declared to certify"):
        resized.bounds(at=SIZED.behind(0.1))


def test_radius_and_tau_are_inverse_and_nothing_is_gained_by_the_way(made):
    certificate = made(SCORES, front_end=SIZED)
    for tau in (2.0, 4.0, 7.0, 11.0):
        radius = certificate.radius(tau)
        assert certificate.tau(radius) <= tau
        if 0 < radius < certificate.largest_eps() * (1 - 1e-9):
            assert certificate.tau(radius * (1 + 1e-6)) > tau
    assert certificate.radius(0.0) == 0.0
    assert made(SCORES, front_end=SIZED, output_range=(0.0, 100.0)).radius(1e6) == math.inf
    assert certificate.bounds(certificate.largest_eps()).certified
    assert not certificate.bounds(certificate.largest_eps() * (1 + 1e-6)).certified
    assert made([5.0], front_end=SIZED).largest_eps() == 0.0
    assert made([5.0], front_end=SIZED).radius(3.0) == 0.0


def test_the_curve_and_what_eps_means_are_the_originals(made):
    certificate = made(SCORES, front_end=SIZED)
    curve = certificate.curve(points=9)
    for eps, lower, upper, tau in zip(curve.eps, curve.lower, curve.upper, curve.tau, strict=True):
        assert (lower, upper, tau) == (*certificate.bounds(eps), certificate.tau(eps))
    assert curve.eps[-1] == pytest.approx(1.1 * certificate.largest_eps())
    assert certificate.psnr(0.1) == pytest.approx(20 * math.log10(math.sqrt(576) / 0.1))
    assert certificate.eps_for(0.1) == SIZED.before(0.1)
    with pytest.raises(InputError, match="'radius'"):
        certificate.eps_for(-1)


# -- words and figure -------------------------------------------------------------------------------------------------


def test_words_say_that_eps_is_the_originals(certificate):
    text = str(certificate)
    assert "tensor (16x12) under " in text
    assert (
        "the image is resized to 8x6 before the noise; eps is in the original image's pixels: the resize passes" in text
    )
    norm, grid = certificate.front_end.lipschitz, certificate.front_end.grid
    said = text.split("passes on at most ")[1].split("\n")[0]
    said_norm, said_grid = float(said.split(" of it")[0]), float(said.split("adds ")[1])
    assert norm <= said_norm < norm * 1.001
    assert grid <= said_grid < grid * 1.001
    assert "Assumption: Exact for any attacked image, 8-bit or float32 as certiqa reads it, that is resized" in text
    assert "Image: antialiased bilinear resize to 8x6 before the noise." in text
    assert "resized to" not in str(certiqa.certify(lambda x: x.mean((1, 2, 3)), torch.zeros(3, 6, 8), 0.1, n=5))


def test_default_rows_ask_the_scores_at_the_usual_radii(made):
    certificate = made(SCORES, front_end=SIZED)
    table = str(certificate).splitlines()
    for row, r in zip(certificate.rows(), (0.25, 0.5, 1.0, 2.0, 3.0), strict=True):
        assert SIZED.behind(row.eps) <= r * 0.1
        assert row.eps == pytest.approx(certificate.eps_for(r * 0.1), rel=1e-3)
        (line,) = [line for line in table if line.startswith(f"{row.eps:.4g} ")]
        assert float(f"{row.eps:.4g}") == row.eps  # what is printed is what was asked
        printed = float(line.split(" dB")[0].split()[-1])
        assert percentile.psnr_db(row.eps, 576) <= printed < percentile.psnr_db(row.eps, 576) + 0.1  # never stronger
    coarse = SizedFrontEnd(Resize(6), (3, 6, 8), 0.5, 0.15, 1e-3)  # a grid that eats the small radii
    assert all(row.eps > 0 for row in made(SCORES, front_end=coarse).rows())
    hopeless = SizedFrontEnd(Resize(6), (3, 6, 8), 0.5, 9.0, 1e-3)
    assert [row.eps for row in made(SCORES, front_end=hopeless).rows()] == [0.0]


def test_the_figure_is_drawn_in_the_originals_eps(made):
    pytest.importorskip("matplotlib")
    certificate = made(SCORES, front_end=SIZED)
    left = certificate.plot().axes[0]
    assert left.get_xlim() == pytest.approx((0, 1.1 * certificate.largest_eps()))


# -- JSON -------------------------------------------------------------------------------------------------------------


def refused(data, words="contradicts itself"):
    with pytest.raises(CertificateError) as error:
        pytest.fail(f"accepted: {Certificate.from_dict(data)}")
    with pytest.raises(CertificateError):
        Certificate.from_json(json.dumps(data))
    assert words in str(error.value)


@pytest.mark.parametrize("options", [{}, {"at": 0.07}, {"side": "upper"}, {"resolution": (12, 9)}, {"resolution": 24}])
def test_round_trip(options, picture, toys):
    one = certiqa.certify(toys.mean, picture, 0.1, **({"n": 60, "resolution": 6} | options))
    data = json.loads(one.to_json())
    assert (data["version"], data["kind"]) == (3, "median")
    assert data["front_end"]["front_end"] == {
        "name": "resize",
        "resolution": data["front_end"]["front_end"]["resolution"],
    }
    assert set(data["front_end"]) == {"front_end", "digest", "output_shape", "lipschitz", "grid", "step"}
    again = Certificate.from_json(one.to_json())
    assert again == one
    assert again.front_end == one.front_end
    assert str(again) == str(one)
    for eps in (0.0, 0.03, 0.4):
        assert again.bounds(eps) == one.bounds(eps)


def test_without_a_resize_the_front_end_is_the_identity(picture, toys):
    plain = certiqa.certify(toys.mean, picture, 0.1, n=60, seed=11)
    data = plain.to_dict()
    assert data["front_end"]["front_end"] == {"name": "identity"}
    assert (data["front_end"]["lipschitz"], data["front_end"]["grid"]) == (1.0, 0.0)
    assert Certificate.from_dict(data) == plain


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["front_end"].update(lipschitz=0.5 * d["front_end"]["lipschitz"]),
        lambda d: d["front_end"].update(lipschitz=d["front_end"]["lipschitz"] * (1 - 1e-6)),
        lambda d: d["front_end"].update(lipschitz=0.0),
        lambda d: d["front_end"].update(grid=0.0),
        lambda d: d["front_end"].update(grid=d["front_end"]["grid"] / 2),
        lambda d: d["front_end"].update(step=d["front_end"]["step"] / 2),
        lambda d: d["front_end"].update(output_shape=[3, 3, 4]),
        lambda d: d["front_end"].update(digest="00" * 32),
        lambda d: d["front_end"].update(front_end={"name": "resize", "resolution": 9}),
        lambda d: d["front_end"].update(front_end={"name": "resize", "resolution": 12}),
        lambda d: d["front_end"].update(front_end={"name": "identity"}),
        lambda d: d.update(shape=[3, 24, 32]),
        lambda d: d.update(shape=[3, 24, 32], dimension=3 * 24 * 32),
        lambda d: d.update(dimension=3 * 24 * 32),
        lambda d: d.update(sigma=0.2),
        lambda d: d.update(noise="lattice-8bit"),
        lambda d: d.update(noise="lattice-vector"),
        lambda d: d.update(noise="float32", tv_slack=0.0),
        lambda d: d.update(tv_slack=0.0),
        lambda d: d.update(scores=[s + 0.01 for s in d["scores"]]),
        lambda d: d["answers"][0].update(eps=2 * d["answers"][0]["eps"]),
    ],
)
def test_contradictions_are_refused(change, data):
    assert Certificate.from_dict(data)
    change(data)
    refused(data)


def test_a_resize_cannot_be_taken_off_or_put_on(data, picture, toys):
    plain = certiqa.certify(toys.mean, picture, 0.1, n=60, seed=11).to_dict()
    refused(data | {"front_end": plain["front_end"]})
    refused(plain | {"front_end": data["front_end"]})


def test_a_front_end_that_nobody_knows(data):
    data["front_end"]["front_end"] = {"name": "mine", "size": 3}
    refused(data, "must be one of")


def test_a_kind_that_nobody_knows(data):
    refused(data | {"kind": "oracle"}, "kind 'oracle'")
    refused(data | {"version": 4}, "format version 4")


def test_a_shape_that_was_edited_is_refused_where_no_slack_gives_it_away():
    """Float noise has no total-variation slack that depends on the size; the stated dimension does."""
    data = certiqa.certify(lambda x: x.mean((1, 2, 3)), torch.rand(3, 9, 8), 0.25, n=10).to_dict()
    assert data["noise"] == "float32"
    refused(data | {"shape": [3, 90, 80]})


@pytest.mark.parametrize(
    "wrong",
    [None, True, 3, "x", [], {}, {"lipschitz": 7}, {"more": 1}, {"lipschitz": None}, {"lipschitz": "0.5"},
     {"lipschitz": math.nan}, {"lipschitz": 10**400}, {"grid": []}, {"grid": math.inf}, {"step": True},
     {"output_shape": 3}, {"output_shape": None}, {"digest": 7}, {"front_end": None}, {"front_end": {}},
     {"front_end": {"name": "resize"}}, {"front_end": {"name": "resize", "resolution": 6.5}},
     {"front_end": {"name": "resize", "resolution": 1}}, {"front_end": {"name": "resize", "resolution": [6]}},
     {"front_end": {"name": "resize", "resolution": 6, "more": 1}}, {"front_end": {"name": ["resize"]}}],
)  # fmt: skip
def test_front_end_fields_that_break_their_rules(wrong, data):
    if isinstance(wrong, dict) and wrong:
        wrong = data["front_end"] | wrong
    with pytest.raises(CertificateError):
        Certificate.from_dict(data | {"front_end": wrong})


@pytest.mark.parametrize("shape", [[3, 10**9, 10**9], [3, 1, 16], [3, 12, 10**300], [3, 12]])
def test_shapes_that_no_resize_starts_from(shape, data):
    with pytest.raises(CertificateError):
        Certificate.from_dict(data | {"shape": shape, "dimension": math.prod(shape)})


def test_what_is_loaded_answers_with_the_recomputed_norm(data):
    """A stated norm within the last digits of another machine's is accepted, and not used."""
    honest = Certificate.from_dict(copy.deepcopy(data))
    data["front_end"]["lipschitz"] *= 1 - 5e-10
    assert Certificate.from_dict(data).front_end == honest.front_end


def test_a_longer_side_above_the_limit_can_be_read_back():
    certificate = certiqa.certify(lambda x: x.mean((1, 2, 3)), torch.rand(3, 2, 3000), 0.25, n=10, resolution=3)
    assert certificate.front_end.output_shape == (3, 3, 4500)
    assert certiqa.Certificate.from_json(certificate.to_json()) == certificate


@pytest.mark.parametrize("n", [4096, 4097])
@pytest.mark.parametrize("values", [np.float32, np.float64])
def test_many_scores_are_written_as_bytes_and_nothing_is_lost(n, values, made):
    scores = np.random.default_rng(3).normal(50, 5, n).astype(values).astype(np.float64)
    scores[7] = math.nan
    one = made(scores, output_range=None, range_enforced_by=None)
    data = json.loads(one.to_json())
    assert isinstance(data["scores"], list) == (n == 4096)
    if n > 4096:
        assert data["scores"]["dtype"] == np.dtype(values).name
    again = Certificate.from_dict(data)
    assert np.array_equal(again.scores, one.scores, equal_nan=True)
    assert again == one


@pytest.mark.parametrize(
    "scores", [{}, {"dtype": "float32", "base64": "???"}, {"dtype": "float16", "base64": ""}, {"dtype": "float32"},
               {"dtype": "float32", "base64": ""}, {"dtype": "float32", "base64": "AAAA"},
               {"dtype": "float32", "base64": 7},
               {"dtype": ["float32"], "base64": ""}],
)  # fmt: skip
def test_bytes_that_are_no_scores(scores, data):
    with pytest.raises(CertificateError):
        Certificate.from_dict(data | {"scores": scores})


@pytest.mark.parametrize("channels", [1, 4])
def test_the_number_of_channels_is_not_free(channels):
    data = certiqa.certify(lambda x: x.mean((1, 2, 3)), torch.rand(3, 24, 32), 0.25, n=10, resolution=12).to_dict()
    data |= {"shape": [channels, 24, 32], "dimension": channels * 24 * 32}
    with pytest.raises(CertificateError):
        certiqa.Certificate.from_dict(data)


def test_an_enormous_radius_has_an_answer():
    certificate = certiqa.certify(lambda x: x.mean((1, 2, 3)), torch.rand(3, 24, 32), 0.25, n=10, resolution=12)
    assert 1e307 < certificate.eps_for(1.7e308) < float("inf")


def test_an_image_beyond_any_memory_is_refused():
    phi = Energies(side=64, rings=4, signed=2)
    data = certiqa.certify(lambda z: z.sum(1), torch.rand(3, 20, 32), 0.003, n=10, front_end=phi).to_dict()
    data |= {"shape": [3, 200, 10**14], "dimension": 600 * 10**14}
    refused(data, "too large for the memory")
