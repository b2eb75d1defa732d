"""A comparison of defences as data: JSON and back without loss, and what is refused."""

import copy
import json

import pytest

from certiqa.benchmark.result import AtEps, Attacked, Banded, Certified, Comparison, Cost, Example, QualityLevel, Row
from certiqa.errors import InputError
from certiqa.evaluation.correlation import Estimate

FIVE = Estimate(0.5, (0.25, 0.75))
AT = AtEps("linf:2/255", 1.5, 42.1, 2.0, Estimate(3.0, None), FIVE, 0.2, None, FIVE)
POINT = Banded("a.png", 51.0, 40.0, 44.5, 38.0, 45.0, True)
ATTACK = Attacked(
    "apgd:steps=10", "linf:2/255", "raise", True, 8, FIVE, None, FIVE, None, FIVE, None, 0,
    (QualityLevel(0.0, 20.0, 4, FIVE, FIVE),), (POINT,),
)  # fmt: skip
ROW = Row(
    "builtin", "livec", "DMS-IQA", "certified", 0.12, None, 175, 4, FIVE, FIVE, None, FIVE,
    Certified(8, 520, 1e-3, (AT,), FIVE, None), None, (ATTACK,), Cost(4, FIVE, None), "ab", "cd",
)  # fmt: skip
BARE = Row(
    "builtin", "livec", "NT", "empirical", None, None, 175, 1, None, None, None, FIVE, None, "no certificate", (), None,
    "ab", None,
)  # fmt: skip
EXAMPLE = Example("livec", "a.png", 51.0, "DMS-IQA", 0.12, None, 40.0, (0.0, 0.1), (39.0, None), (41.0, None), "words")
WHOLE = Comparison(
    "cpu", {"n": 520, "deep": {"x": [1]}}, "ef", "certiqa", "2026-11-26T00:00:00+00:00", {"torch": "2"}, {"cores": 2},
    1.5, False, ("row 3",), ({"name": "livec"},), (ROW, BARE), (EXAMPLE,),
)  # fmt: skip


def test_json_and_back_is_the_same():
    assert Comparison.from_dict(json.loads(json.dumps(WHOLE.to_dict(), allow_nan=False))) == WHOLE


def test_a_whole_number_where_a_real_one_belongs_is_read_as_real():
    data = WHOLE.to_dict()
    data["rows"][0]["sigma"] = 1
    assert Comparison.from_dict(data).rows[0].sigma == 1.0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.update(schema=1), "'data' must be of schema 2. Got 1"),
        (lambda d: d.pop("rows"), "'data' must have the fields of Comparison. Got 'no rows'"),
        (lambda d: d.update(colour="red"), "Got 'unknown colour'"),
        (lambda d: d["rows"][1].pop("sd"), "'data.rows[1]' must have the fields of Row. Got 'no sd'"),
        (lambda d: d["rows"][0].update(sigma="12"), "'data.rows[0].sigma' must be a finite number. Got '12'"),
        (lambda d: d["rows"][0].update(sd=12.0), "'data.rows[0].sd' must be the fields of Estimate. Got 12.0"),
        (lambda d: d["rows"][0].update(sigma=float("nan")), "'data.rows[0].sigma' must be a finite number. Got nan"),
        (lambda d: d["rows"][0].update(images=True), "'data.rows[0].images' must be a whole number. Got True"),
        (lambda d: d["rows"][0].update(attacked="none"), "'data.rows[0].attacked' must be a list"),
        (lambda d: d["rows"][0]["srocc"].update(interval=[1]), "'data.rows[0].srocc.interval' must be two numbers"),
        (lambda d: d["rows"][0].update(cost=3), "'data.rows[0].cost' must be the fields of Cost. Got 3"),
        (lambda d: d.update(complete="yes"), "'data.complete' must be true or false. Got 'yes'"),
        (lambda d: d.update(versions=[]), "'data.versions' must be a mapping"),
    ],
)
def test_what_is_not_such_data_is_refused_by_its_path(change, words):
    data = copy.deepcopy(WHOLE.to_dict())
    change(data)
    with pytest.raises(InputError) as caught:
        Comparison.from_dict(data)
    assert words in str(caught.value)


def test_what_is_no_mapping_is_refused():
    with pytest.raises(InputError, match="must be what Comparison"):
        Comparison.from_dict([])  # type: ignore[arg-type]


def test_figures_in_sd_have_the_interval_of_what_they_are_made_of():
    from dataclasses import replace

    one = replace(ATTACK, rmse=Estimate(6.0, (3.0, 9.0)), rmse_over_sd=0.5)
    assert one.rmse_in_sd == Estimate(0.5, (0.25, 0.75))
    assert replace(one, rmse_over_sd=None).rmse_in_sd is None
    assert replace(one, rmse=Estimate(0.0, (0.0, 0.0)), rmse_over_sd=0.0).rmse_in_sd == Estimate(0.0, None)
    at = replace(AT, tau=Estimate(3.0, (2.0, 4.0)), tau_over_sd=0.75)
    assert at.tau_in_sd == Estimate(0.75, (0.5, 1.0))
    assert replace(at, tau=None, tau_over_sd=None).tau_in_sd is None
