"""Signs of gradient masking: an attack that fails says nothing if its gradients were useless.

Every check compares the effects of attacks on the same images: how far each moved the score in the direction that it
was after, (n,) numbers, larger is stronger. A check is "flagged", "clear", or "not checked" for want of runs; none is
passed over in silence. A flag is a reason for another attack, not a proof; no flag is no certificate.

Sources: Athalye, Carlini and Wagner, "Obfuscated gradients give a false sense of security", ICML 2018, section 3.1;
Carlini et al., "On evaluating adversarial robustness", 2019 (arXiv 1902.06705), section 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from certiqa.errors import InputError
from certiqa.metrics.pairs import Floats, check_values

__all__ = ["CLEAR", "FLAGGED", "NOT_CHECKED", "Check", "MaskingReport", "masking_report"]

FLAGGED, CLEAR, NOT_CHECKED = "flagged", "clear", "not checked"
MARGIN = 0.01
"""Stronger, or no stronger, by less than this share of the reference's mean effect is a tie."""
MUCH = 0.2
"""Restarts that add more than this share of one run's mean effect help much."""


@dataclass(frozen=True)
class Check:
    """One sign.

    Attributes:
        name: "steps", "restarts", "transfer", "black box", "budget" or "zero gradients".
        state: "flagged", "clear" or "not checked".
        words: what was seen, with its numbers.
    """

    name: str
    state: str
    words: str

    def to_dict(self) -> dict[str, str]:
        """Plain JSON values."""
        return {"name": self.name, "state": self.state, "words": self.words}


@dataclass(frozen=True)
class MaskingReport:
    """All signs that are looked for.

    Attributes:
        checks: always the same six, in one order.
    """

    checks: tuple[Check, ...]

    @property
    def flags(self) -> tuple[str, ...]:
        """The names of the flagged checks."""
        return tuple(check.name for check in self.checks if check.state == FLAGGED)

    def words(self) -> str:
        """One line a check."""
        return "\n".join(f"{check.name}: {check.state}: {check.words}" for check in self.checks)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"flags": list(self.flags), "checks": [check.to_dict() for check in self.checks]}


def masking_report(
    *,
    one_step: object = None,
    many_steps: object = None,
    restarts: object = None,
    one_start: object = None,
    transfer: object = None,
    black_box: object = None,
    by_budget: Mapping[float, object] | None = None,
    gradient_norms: object = None,
) -> MaskingReport:
    """Look for the signs in whatever runs there are; all of the same images and, but for ``by_budget``, of one budget.

    Args:
        one_step: effect on each image of one gradient step (FGSM).
        many_steps: of many steps, one start; of several such attacks, the best on each image.
        restarts: of the best of several random starts.
        one_start: of the attack that ``restarts`` started several times, from one start; None: ``many_steps``. Say it
            where ``many_steps`` is the best of several attacks, which no restarts of one of them may reach.
        transfer: of an attack made on another metric.
        black_box: of an attack that sees scores only.
        by_budget: budget -> effects of one white-box attack; two budgets at least.
        gradient_norms: a norm of the gradient at each clean image.

    Raises:
        InputError: effects that are not finite, or of unequal numbers of images.

    >>> found = masking_report(one_step=[3.0, 2.0], many_steps=[2.0, 2.5], gradient_norms=[0.0, 1.0])
    >>> found.flags
    ('steps', 'zero gradients')
    >>> print(found.checks[0].words)
    many steps are no stronger than one, or the score is linear in the budget: mean effect 2.25 against 2.5
    """
    given = {
        "one_step": one_step,
        "many_steps": many_steps,
        "restarts": restarts,
        "one_start": one_start,
        "transfer": transfer,
        "black_box": black_box,
        "gradient_norms": gradient_norms,
    }
    found = {name: check_values(one, name, 1, constant=True) for name, one in given.items() if one is not None}
    budgets = {
        size: check_values(one, f"by_budget[{size}]", 1, constant=True) for size, one in (by_budget or {}).items()
    }
    lengths = {name: len(one) for name, one in {**found, **{str(size): one for size, one in budgets.items()}}.items()}
    if len(set(lengths.values())) > 1:
        raise InputError.of("effects", "must be of as many images each", str(lengths))
    single, many = found.get("one_step"), found.get("many_steps")
    white = _strongest(single, many)
    return MaskingReport(
        (
            _steps(single, many),
            _restarts(found.get("one_start", many), found.get("restarts")),
            _stronger("transfer", "an attack made on another metric", found.get("transfer"), white),
            _stronger("black box", "an attack that sees scores only", found.get("black_box"), white),
            _budget(budgets),
            _zero(found.get("gradient_norms")),
        )
    )


def _steps(single: Floats | None, many: Floats | None) -> Check:
    if single is None or many is None:
        return Check("steps", NOT_CHECKED, "it takes a run of one step and one of many")
    one, other = float(single.mean()), float(many.mean())
    figures = f"mean effect {other:.4g} against {one:.4g}"
    if other <= one + MARGIN * abs(one):
        words = "many steps are no stronger than one, or the score is linear in the budget"
        return Check("steps", FLAGGED, f"{words}: {figures}")
    return Check("steps", CLEAR, f"many steps are stronger than one: {figures}")


def _restarts(single: Floats | None, restarts: Floats | None) -> Check:
    if single is None or restarts is None:
        return Check("restarts", NOT_CHECKED, "it takes a run with one start and one with several")
    one, best = float(single.mean()), float(restarts.mean())
    text = f"mean effect {best:.4g} with several random starts against {one:.4g} with one"
    if best - one > MUCH * abs(one):
        return Check("restarts", FLAGGED, f"random restarts help much, so single runs get stuck: {text}")
    return Check("restarts", CLEAR, f"random restarts help little: {text}")


def _stronger(name: str, words: str, other: Floats | None, white: Floats | None) -> Check:
    if other is None or white is None:
        return Check(name, NOT_CHECKED, f"it takes {words}, and one by gradients")
    one, gradients = float(other.mean()), float(white.mean())
    share = int(np.count_nonzero(other > white))
    text = (
        f"mean effect {one:.4g} against {gradients:.4g} by gradients; on {share} of {len(other)} images it is stronger"
    )
    flagged = one > gradients + MARGIN * abs(gradients)
    return Check(name, FLAGGED if flagged else CLEAR, f"{words} is {'' if flagged else 'not '}stronger: {text}")


def _budget(budgets: Mapping[float, Floats]) -> Check:
    if len(budgets) < 2:
        return Check("budget", NOT_CHECKED, "it takes two budgets at least")
    order = sorted(budgets)
    means = [float(budgets[size].mean()) for size in order]
    stuck = [
        f"{order[i + 1]:.4g} is no stronger than {order[i]:.4g} ({means[i + 1]:.4g} against {means[i]:.4g})"
        for i in range(len(order) - 1)
        if means[i + 1] <= means[i] + MARGIN * abs(means[i])
    ]
    if stuck:
        return Check("budget", FLAGGED, f"a larger budget does not help: {'; '.join(stuck)}")
    return Check("budget", CLEAR, f"larger budgets are stronger: mean effects {', '.join(f'{m:.4g}' for m in means)}")


def _zero(norms: Floats | None) -> Check:
    if norms is None:
        return Check("zero gradients", NOT_CHECKED, "it takes the norm of the gradient at every image")
    zero = int(np.count_nonzero(norms == 0))
    if zero:
        return Check("zero gradients", FLAGGED, f"the gradient is exactly zero at {zero} of {len(norms)} images")
    return Check("zero gradients", CLEAR, f"no gradient is zero; the smallest norm is {norms.min():.4g}")


def _strongest(first: Floats | None, second: Floats | None) -> Floats | None:
    """Image by image."""
    if first is None or second is None:
        return second if first is None else first
    return np.maximum(first, second)
