"""Signs of gradient masking: each can be raised, each can be clear, none is silent."""

from __future__ import annotations

import json

import numpy as np
import pytest

from certiqa.errors import InputError
from certiqa.evaluation import masking_report

WEAK, STRONG = np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0])
HEALTHY = {
    "one_step": WEAK, "many_steps": STRONG, "restarts": STRONG + 0.1, "transfer": WEAK, "black_box": WEAK,
    "by_budget": {1.0: WEAK, 2.0: STRONG}, "gradient_norms": WEAK,
}  # fmt: skip


def test_a_healthy_metric_raises_nothing():
    found = masking_report(**HEALTHY)
    assert found.flags == ()
    assert [check.state for check in found.checks] == ["clear"] * 6


@pytest.mark.parametrize(
    ("name", "sick", "words"),
    [
        (
            "steps",
            {"one_step": STRONG},
            "many steps are no stronger than one, or the score is linear in the budget: mean effect 5 against 5",
        ),
        ("restarts", {"restarts": 2 * STRONG}, "random restarts help much"),
        ("transfer", {"transfer": STRONG + 1}, "an attack made on another metric is stronger"),
        ("black box", {"black_box": STRONG + 1}, "an attack that sees scores only is stronger"),
        ("budget", {"by_budget": {1.0: STRONG, 2.0: STRONG, 4.0: 2 * STRONG}}, "2 is no stronger than 1"),
        ("zero gradients", {"gradient_norms": np.array([0.0, 1.0, 0.0])}, "exactly zero at 2 of 3 images"),
    ],
)
def test_every_sign_is_raised_in_words(name, sick, words):
    found = masking_report(**{**HEALTHY, **sick})
    assert found.flags == (name,)
    (check,) = (check for check in found.checks if check.name == name)
    assert words in check.words
    assert f"{name}: flagged: " in found.words()


def test_what_was_not_run_is_said():
    found = masking_report()
    assert [check.state for check in found.checks] == ["not checked"] * 6
    assert "it takes two budgets at least" in found.words()
    assert masking_report(many_steps=STRONG, by_budget={1.0: STRONG}).flags == ()
    json.dumps(found.to_dict(), allow_nan=False)


def test_the_white_box_is_the_stronger_of_its_runs_image_by_image():
    one, many = np.array([9.0, 0.0]), np.array([0.0, 9.0])
    assert "black box" not in masking_report(one_step=one, many_steps=many, black_box=[8.0, 8.0]).flags
    assert "black box" in masking_report(many_steps=many, black_box=[8.0, 8.0]).flags


def test_restarts_are_compared_with_the_attack_that_was_restarted():
    """Not with the best of several attacks, beside which it looks as if restarts did little."""
    alone = {"many_steps": STRONG, "restarts": 1.25 * WEAK}
    assert masking_report(**alone).flags == ()
    found = masking_report(**alone, one_start=WEAK)
    assert found.flags == ("restarts",)
    assert "mean effect 2.5 with several random starts against 2 with one" in found.words()
    assert masking_report(restarts=WEAK, one_start=WEAK).checks[1].state == "clear"


def test_a_tie_is_a_tie_also_where_attacks_fail():
    assert "steps" in masking_report(one_step=[1.0], many_steps=[1.005]).flags
    assert "steps" in masking_report(one_step=[0.0], many_steps=[0.0]).flags
    assert "steps" in masking_report(one_step=[-1.0], many_steps=[-1.0]).flags
    assert masking_report(many_steps=[0.0], black_box=[0.0]).flags == ()


def test_bad_input():
    with pytest.raises(InputError, match="as many images each"):
        masking_report(one_step=WEAK, many_steps=WEAK[:2])
    with pytest.raises(InputError, match="as many images each"):
        masking_report(restarts=WEAK, one_start=WEAK[:2])
    with pytest.raises(InputError, match="'transfer' must be finite"):
        masking_report(transfer=[np.nan])
