"""How far attacks moved scores in the direction that they were after, and what that says about gradient masking."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from attack_plan import LEVELS

from certiqa.evaluation import masking_report

Json = dict[str, Any]
Floats = npt.NDArray[np.float64]


def effects(row: Json) -> Floats:
    """(n,) changes of the float images' scores, positive where the attack got what it was after."""
    scores = np.array(row["scores"])
    change, aim = scores[:, 1] - scores[:, 0], row["identity"]["objective"]
    if aim == "far":
        return np.where(scores[:, 0] >= row["identity"]["middle"], -change, change)
    found: Floats = {"raise": change, "lower": -change}.get(aim, np.abs(change))
    return found


def masking(rows: list[Json]) -> Json:
    """Signs of gradient masking, for every metric, defence and l_inf budget; each of the most images there are."""
    found: Json = {}
    for metric, defence in sorted({(r["job"]["metric"], r["job"]["defence"]) for r in rows if r["job"]["attack"]}):
        here = [
            r for r in rows if (r["job"]["metric"], r["job"]["defence"], r["job"]["norm"]) == (metric, defence, "linf")
        ]
        most = max((len(r["scores"]) for r in here), default=0)
        kept = [r for r in here if len(r["scores"]) == most]
        for level in LEVELS:
            if any(r["job"]["level"] == level for r in kept):
                found[f"{metric}, {defence}, linf {level}/255"] = _report(kept, level).to_dict()
    return found


def _report(rows: list[Json], level: int) -> Any:
    """Of one metric, one defence, one number of images."""
    one = dict(_named(r for r in rows if r["job"]["level"] == level))
    many = [one[name] for name in ("i-fgsm", "pgd", "apgd") if name in one]
    black = [one[name] for name in ("nes", "simba", "square") if name in one]
    sizes = {r["job"]["level"]: effects(r) for r in rows if _name(r) == "pgd"}
    norms = next((r["gradient_l1"] for r in rows if r["job"]["attack"] == "fgsm" and r["gradient_l1"]), None)
    return masking_report(
        one_step=one.get("fgsm"),
        many_steps=np.max(many, axis=0) if many else None,
        transfer=one.get("transfer"),
        black_box=np.max(black, axis=0) if black else None,
        by_budget=sizes if level == LEVELS[-1] else None,
        gradient_norms=norms,
    )


def _named(rows: Any) -> Iterator[tuple[str, Floats]]:
    for row in rows:
        yield _name(row), effects(row)


def _name(row: Json) -> str:
    """The attack, "pgd restarts" where it started at several points."""
    restarts = dict(row["job"]["options"]).get("restarts", 1) > 1
    return f"{row['job']['attack']} restarts" if restarts else row["job"]["attack"]
