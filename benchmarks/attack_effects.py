"""How far attacks moved scores in the direction that they were after: signs of gradient masking, attacks in pairs.

What is said here is worked out from rows of benchmarks/attacks.py, which calls it with --masking.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from certiqa.evaluation import Estimate, MaskingReport, Resamples, bootstrap_of, masking_report
from certiqa.evaluation.averages import mean

Json = dict[str, Any]
Floats = npt.NDArray[np.float64]
FLOAT, STORED = 1, 2
REFERENCE = "pgd"


def label(job: Json) -> str:
    """The attack, and of its options what makes it another one."""
    options = dict(job["options"])
    if options.get("restarts", 1) > 1:
        return f"{job['attack']}, {options['restarts']} starts"
    if job["defence"] != "none" and not adaptive(job):
        return f"{job['attack']} from bare"
    return str(job["attack"])


def adaptive(job: Json) -> bool:
    """Whether the attack was made on the defended metric, rather than on the metric without its defence."""
    options = dict(job["options"])
    if job["defence"] == "none":
        return True
    return "source" not in options and options.get("pattern") != job["metric"]


def best(rows: Iterable[Json]) -> list[Json]:
    """Of several runs of one row, the one over most images, and of these the last."""
    found: dict[tuple[Any, ...], Json] = {}
    for row in rows:
        job = row["job"]
        key = (*(job[name] for name in ("section", "metric", "defence", "norm", "level")), label(job))
        if key not in found or images(row) >= images(found[key]):
            found[key] = row
    return list(found.values())


def images(row: Json) -> int:
    """How many images (certificates) a row is about."""
    if "robustness" in row:
        return int(row["robustness"]["n"])
    return int(row["n"] if "n" in row else row["soundness"]["certificates"])


def effects(row: Json, which: int = FLOAT) -> Floats:
    """(n,) changes of the score, positive where the attack got what it was after; of the float or the 8-bit image."""
    scores = np.array(row["scores"])
    change, aim = scores[:, which] - scores[:, 0], row["identity"]["objective"]
    if aim == "far":
        return np.where(_raised(row), change, -change)
    found: Floats = {"raise": change, "lower": -change}.get(aim, np.abs(change))
    return found


def _raised(row: Json) -> npt.NDArray[np.bool_]:
    """(n,) whether the objective "far" raised the score: where the clean one was below the middle."""
    return np.array(row["scores"])[:, 0] < row["identity"]["middle"]


def masking(rows: list[Json]) -> Json:
    """Signs of gradient masking, for every metric, defence and l_inf budget; rows of fewer images are left out."""
    found: Json = {}
    for (metric, defence), kept in _groups(rows).items():
        for level in sorted({row["job"]["level"] for row in kept}):
            found[f"{metric}, {defence}, linf {level}/255"] = _report(kept, level).to_dict()
    return found


def comparisons(rows: list[Json]) -> list[Json]:
    """On smoothed metrics: each attack's mean effect on the 8-bit images' scores, and by how much it beats PGD's.

    PGD is the adaptive one from one start. The differences are paired, image by image; so is that of an attack's effect
    on MS less its effect on the same images behind a denoiser.
    """
    groups = {key: kept for key, kept in _groups(rows).items() if key[1] != "none"}
    order = sorted(groups, key=lambda key: (key[0], key[1] != "ms", key[1]))
    return [_compared(row, groups[key], groups.get((key[0], "ms"), [])) for key in order for row in groups[key]]


def _compared(row: Json, beside: list[Json], on_ms: list[Json]) -> Json:
    """One row, the rows of its defence, and those of MS."""
    job, here = row["job"], effects(row, STORED)
    found = {"metric": job["metric"], "defence": job["defence"], "level": job["level"], "attack": label(job)}
    found |= {"adaptive": adaptive(job), "n": len(here), "effect": _estimate(here)}
    found |= {"over_pgd": None, "stronger_than_pgd": None, "on_ms_over_here": None, "one_aim": None}
    pgd = _like(beside, job["level"], REFERENCE)
    if pgd is not None and label(job) != REFERENCE:
        over = here - effects(pgd, STORED)
        found |= {"over_pgd": _estimate(over), "stronger_than_pgd": int((over > 0).sum())}
    same = _like(on_ms, job["level"], label(job))
    if job["defence"] != "ms" and same is not None and len(same["scores"]) == len(here):
        found["on_ms_over_here"] = _estimate(effects(same, STORED) - here)
        found["one_aim"] = int((_raised(same) == _raised(row)).sum())
    return found


def _like(rows: list[Json], level: int, name: str) -> Json | None:
    return next((row for row in rows if (row["job"]["level"], label(row["job"])) == (level, name)), None)


def _groups(rows: list[Json]) -> dict[tuple[str, str], list[Json]]:
    """(metric, defence) -> its l_inf rows of the most images, the best of each."""
    found: dict[tuple[str, str], list[Json]] = {}
    for row in best(row for row in rows if row["job"]["norm"] == "linf"):
        found.setdefault((row["job"]["metric"], row["job"]["defence"]), []).append(row)
    most = {key: max(len(row["scores"]) for row in kept) for key, kept in found.items()}
    for kept in found.values():
        kept.sort(key=lambda row: (row["job"]["level"], not adaptive(row["job"])))
    return {key: [row for row in kept if len(row["scores"]) == most[key]] for key, kept in sorted(found.items())}


def _report(rows: list[Json], level: int) -> MaskingReport:
    """Of one metric, one defence, one number of images."""
    one = {label(row["job"]): effects(row) for row in rows if row["job"]["level"] == level}
    many = [one[name] for name in ("i-fgsm", "pgd", "apgd") if name in one]
    black = [one[name] for name in ("nes", "simba", "square") if name in one]
    sizes = {row["job"]["level"]: effects(row) for row in rows if label(row["job"]) == REFERENCE}
    norms = next((row["gradient_l1"] for row in rows if row["gradient_l1"]), None)
    restarts = next((value for name, value in one.items() if name.startswith(f"{REFERENCE}, ")), None)
    return masking_report(
        one_step=one.get("fgsm"),
        many_steps=np.max(many, axis=0) if many else None,
        restarts=restarts,
        one_start=one.get(REFERENCE),
        transfer=one.get("transfer from bare", one.get("transfer")),
        black_box=np.max(black, axis=0) if black else None,
        by_budget=sizes if level == max(sizes, default=0) else None,
        gradient_norms=norms,
    )


def _estimate(values: Floats) -> Json:
    """The mean with its BCa interval; images are contents here."""
    found = bootstrap_of(mean(values), Resamples.of(len(values)))
    return Estimate(found.observed, found.interval()).to_dict()
