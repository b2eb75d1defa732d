"""A certificate in words: nothing of the guarantee is left out."""

import math
import re

import numpy as np
import pytest

from certiqa.certificate.words import HEADINGS, confidence_words, outward
from certiqa.statistics import percentile

SCORES = np.linspace(40, 60, 500)


def test_the_whole_statement(made):
    certificate = made(SCORES, lower_better=False, output_range=(0.0, 100.0), range_enforced_by="model")
    text = str(certificate)
    assert "tensor (16x12) under " in text
    assert f"smoothed score {certificate.score:.4g}: median of 500 scores under noise of sigma 0.1" in text
    assert "(25.5 grey levels)" in text
    assert "higher is better" in text
    assert "range 0 to 100, enforced by the model" in text
    assert "With probability at least 99.9 % over the noise drawn here, no change of the image of l2 length" in text
    assert "takes the smoothed median out of the interval" in text
    assert "Rows without * hold together" in text
    assert "Assumption: Exact for attacked images that are themselves 8-bit images" in text
    assert "fails with probability 0.001 more per printed score" in text
    assert len(text.splitlines()) < 25


def test_every_row_says_what_eps_means(made):
    certificate = made(SCORES)
    table = str(certificate).splitlines()
    for row in certificate.rows():
        (line,) = [line for line in table if line.startswith(f"{row.eps:.4g} ")]
        grey, decibel, step = re.fullmatch(r"\S+ +(\S+) +(\S+) dB +(\S+)/255 .*", line).groups()
        exact = percentile.rms_grey_levels(row.eps, 576), percentile.psnr_db(row.eps, 576)
        assert 0.99 * exact[0] < float(grey) <= exact[0] * (1 + 1e-8)  # never more than is covered
        assert exact[1] - 1e-5 <= float(decibel) < exact[1] + 0.1
        assert 0.9 * float(grey) < float(step) <= float(grey)  # a uniform step is its own RMS
        if row.interval.certified:
            low, high = certificate.bounds(row.eps)
            said_low, said_high = map(float, re.search(r"\[(.*), (.*)\]", line).groups())
            assert low - 0.02 < said_low <= low
            assert high <= said_high < high + 0.02
            deployed = certificate.tau(row.eps, statement="deployed")
            assert deployed <= float(line.split()[-1]) < deployed + 0.02


def test_too_few_scores_name_the_remedy(made):
    certificate = made(SCORES)
    n = certificate.smallest_n(0.3)
    assert n > 500
    assert f"[-unbounded, unbounded] unproved: needs n >= {n}" in str(certificate)
    with_range = made(SCORES, output_range=(0.0, 100.0), range_enforced_by="certiqa")
    assert f"[0, 100] range only: needs n >= {n}" in str(with_range)
    assert "enforced by certiqa (scores are clamped)" in str(with_range)
    assert "no n does" in str(made(SCORES, at=5.0))


def cells(certificate):
    """heading -> cell of every row."""
    return [dict(zip(HEADINGS, row.cells(), strict=True)) for row in certificate.rows()]


@pytest.mark.parametrize("side", ["both", "upper", "lower"])
@pytest.mark.parametrize("at", [None, 0.01, 0.2])
@pytest.mark.parametrize("n", [3, 21, 40, 60, 500])
def test_every_cell_that_rests_on_the_range_says_so(side, at, n, made):
    scores = np.linspace(40, 60, n)
    bare = made(scores, side=side, at=at).rows()
    bounded = made(scores, side=side, at=at, output_range=(0.0, 100.0), range_enforced_by="model")
    for without, row in zip(bare, cells(bounded), strict=True):
        assert ("range only" in row["moves at most"]) is math.isinf(without.tau)
        assert ("range only" in row["printed moves at most"]) is math.isinf(without.tau_deployed)
        assert ("range only" in row["median stays in"]) is not without.interval.certified
    assert ("'range only': the scores prove no bound" in str(bounded)) is any(
        "range only" in str(r) for r in cells(bounded)
    )
    assert all("range only" not in " ".join(row.cells()) for row in bare)


def test_the_printed_score_needs_more_scores_than_the_median(made):
    """What the cell of the interval does not tell: containment is proved, the printed score's change is not."""
    scores = np.linspace(40, 60, 40)
    found = cells(made(scores, output_range=(0.0, 100.0), range_enforced_by="model"))
    assert any(
        "range only" in row["printed moves at most"] and "range only" not in row["median stays in"] for row in found
    )


def test_scores_that_prove_nothing_say_the_smallest_n_that_would(made):
    text = str(made(np.linspace(40, 60, 3), output_range=(0.0, 100.0), range_enforced_by="model"))
    said = re.search(
        r"^n=3 proves nothing at any eps of this table; the smallest n that would is (\d+), at eps 0\.025\.", text, re.M
    )
    n = int(said[1])
    assert any(row.interval.certified for row in made(np.linspace(40, 60, n)).rows())
    assert not any(row.interval.certified for row in made(np.linspace(40, 60, n - 1)).rows())
    assert "proves nothing at any eps" not in str(made(np.linspace(40, 60, n)))
    assert "no n up to ten million would" in str(made(SCORES, at=5.0))
    failed = np.where(np.arange(500) < 240, np.nan, SCORES)
    assert "n=500 proves nothing at any eps of this table, because 240 of the scores were NaN." in str(made(failed))


def test_one_is_singular(made):
    scores = SCORES.copy()
    scores[0] = np.nan
    text = str(made(scores, clamped=1))
    assert "1 of 500 scores was NaN and counts as the worst" in text
    assert "1 of 500 scores was clamped" in text
    assert "median of 1 score under" in str(made([1.0]))


@pytest.mark.parametrize(
    ("side", "said", "interval"),
    [
        ("upper", "raises the smoothed median above the interval, or by more than stated (falls are not", "[..., "),
        ("lower", "lowers the smoothed median below the interval, or by more than stated (rises are not", ", ...]"),
    ],
)
def test_one_side(side, said, interval, made):
    text = str(made(SCORES, side=side))
    assert said in text
    assert interval in text
    assert "takes the smoothed median out" not in text


def test_an_eps_declared_beforehand(made):
    text = str(made(SCORES, at=0.123))
    assert "0.123*" in text
    assert "* eps declared before sampling: exact ranks for it alone" in text
    assert "Rows without *" not in text


def test_what_went_wrong_is_not_kept_back(made):
    scores = SCORES.copy()
    scores[:3] = np.nan
    text = str(made(scores, clamped=7))
    assert "3 of 500 scores were NaN and count as the worst on either side." in text
    assert "7 of 500 scores were clamped" in text


@pytest.mark.parametrize(
    ("alpha", "words"),
    [(1e-3, "99.9 %"), (0.05, "95 %"), (5e-4, "99.95 %"), (1e-6, "99.9999 %"), (1e-9, "99.9999999 %"),
     (1e-13, "1 - 1e-13"), (1e-20, "1 - 1e-20")],
)  # fmt: skip
def test_confidence_is_never_rounded_to_certainty(alpha, words):
    assert confidence_words(alpha) == words


@pytest.mark.parametrize("scores", [[1.0], [1.0, 1.0], [-1e300, 1e300, 0], [np.nan, 1, 2], [1e-300] * 50])
@pytest.mark.parametrize("side", ["both", "upper", "lower"])
def test_odd_samples_have_words_too(scores, side, made):
    assert "smoothed score" in str(made(scores, side=side))
    assert "Certificate tensor: score" in repr(made(scores, side=side))


@pytest.mark.parametrize("value", [61.64625930786133, 2.1541786193847656, 0.460466, -3.00001, 1e-9, 99.99999, 0.12, 0])
def test_printed_bounds_claim_no_more_than_was_proved(value):
    low, high = (float(outward(value, up=up)) for up in (False, True))
    assert low <= value <= high
    assert high - low <= 2e-3 * abs(value)
