"""The tables of attacks, from results/attacks.jsonl (benchmarks/attacks.py): functions that return Markdown.

    python benchmarks/attack_tables.py [FILE]

Every function takes the file of results, so that a smoke run can be looked at, too.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attack_effects import adaptive, best, label

RESULTS = Path(__file__).resolve().parents[1] / "benchmarks" / "results"
FILE = RESULTS / "attacks.jsonl"
METRICS = {"builtin": "built-in", "builtin-noise-192": "built-in, made for noise", "eonss": "EONSS"}
DEFENCES = {"none": "none", "ms": "MS", "dms": "DMS", "dms-iqa": "DMS-IQA"}
NORMS = {"linf": "l_inf", "l2": "l2 of the same length"}
Row = dict[str, Any]


def rows(section: str, path: Path = FILE) -> list[Row]:
    """The rows of one section; of several runs of one row, the one over most images, and of these the last."""
    lines = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return best(row for row in lines if row["job"]["section"] == section)


def bare_table(path: Path = FILE) -> str:
    """Every attack on undefended metrics."""
    return _table(sorted(rows("bare", path), key=_order))


def summary_table(section: str, path: Path = FILE) -> str:
    """RMSE(before, after) over the SD of the scores, and SROCC after, of every attack in every budget."""
    defended = section == "smoothed"
    found = rows(section, path)
    most = max((row["robustness"]["n"] for row in found), default=0)
    cells: dict[tuple[str, ...], dict[tuple[bool, int], str]] = {}
    before: dict[str, None] = {}
    for row in sorted(found, key=_order):
        job, figures = row["job"], row["robustness"]
        metric, defence = METRICS[job["metric"]], DEFENCES[job["defence"]]
        knows = (("yes" if adaptive(job) else "no"),) if defended else ()
        budget = (job["norm"] != "linf", job["level"])  # l_inf first
        fewer = "" if figures["n"] == most else f" ({figures['n']})"
        cells.setdefault((metric, defence, label(job), *knows), {})[budget] = _brief(figures) + fewer
        who = metric if defence == "none" else f"{metric}, {defence}"
        before[f"{who}: {_correlation(figures['clean'])} ({figures['n']} images)"] = None
    budgets = sorted({budget for here in cells.values() for budget in here})
    head = ["metric", "defence", "attack", *(["adaptive"] if defended else [])]
    head += [f"{'l2' if two else 'l_inf'} {level}" for two, level in budgets]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for key, here in cells.items():
        lines.append("| " + " | ".join((*key, *(here.get(budget, "-") for budget in budgets))) + " |")
    note = "In each cell: RMSE(before, after) over the SD of the scores before; SROCC after. l2: eps = size sqrt(d)."
    if len({row["robustness"]["n"] for row in found}) > 1:
        note += f" In brackets: the images, where not {most}."
    lines.append(
        "| "
        + " | ".join(
            ["constant predictor", *["any"] * (len(head) - len(budgets) - 1), *["undefined; -"] * len(budgets)]
        )
        + " |"
    )
    return "\n".join([*lines, "", f"{note} SROCC before: {'; '.join(before)}."])


def _order(row: Row) -> tuple[str, bool, str, bool]:
    """By metric, MS first, adaptive attacks first."""
    job = row["job"]
    return job["metric"], job["defence"] != "ms", job["defence"], not adaptive(job)


def _brief(found: Row) -> str:
    after = found["attacked"]["srocc"]
    return f"{_number(found['rmse_over_sd'], 2)}; {'-' if after is None else format(after['value'], '.2f')}"


def masking_table(path: Path = RESULTS / "attacks_masking.json") -> str:
    """Signs of gradient masking, where enough attacks are there to ask."""
    lines = ["| metric, defence, budget | flagged | clear | not checked |", "|---|---|---|---|"]
    for name, report in json.loads(path.read_text(encoding="utf-8")).items():
        by: dict[str, list[str]] = {"flagged": [], "clear": [], "not checked": []}
        for check in report["checks"]:
            by[check["state"]].append(check["name"])
        lines.append(f"| {name} | " + " | ".join(", ".join(one) or "none" for one in by.values()) + " |")
    return "\n".join(lines)


def smoothed_table(path: Path = FILE) -> str:
    """Attacks on smoothed metrics."""
    return _table(sorted(rows("smoothed", path), key=_order))


def _table(found: list[Row]) -> str:
    head = "| metric | defence | attack | access | budget | images | RMSE | RMSE / SD | mean gain | R |"
    head += " SROCC before | SROCC after | PSNR | SSIM | passes (forward, backward) | seconds |"
    lines = [head, "|" + "---|" * head.count(" | ") + "---|"]
    lines += ["| " + " | ".join(_cells(row)) + " |" for row in found]
    for row in _constants(found):
        lines.append(_constant_line(row))
    if found:
        first = found[0]
        who = "the 8-bit images; of smoothed metrics, medians under noise that the attack never saw"
        objective = first["identity"]["objective"]
        lines += ["", f"Objective: {objective}. Scores after are those of {who}.", _BRACKETS]
    return "\n".join(lines)


_BRACKETS = (
    "In brackets: 95 % bootstrap intervals over contents. R: log base 10, * where images whose score did not change "
    "are left out of the mean (`benchmarks/results/attacks.jsonl`)."
)


def _cells(row: Row) -> Iterator[str]:
    job, found = row["job"], row["robustness"]
    yield METRICS.get(job["metric"], job["metric"])
    yield DEFENCES.get(job["defence"], job["defence"])
    yield label(job)
    yield row["access"]
    yield f"{NORMS[job['norm']]}, {job['level']}/255"
    yield str(found["n"])
    yield estimate(found["changes"]["rmse"], 2)
    yield _number(found["rmse_over_sd"], 2)
    yield estimate(found["changes"]["mean_gain"], 2)
    yield _r(found["r"])
    yield _correlation(found["clean"])
    yield _correlation(found["attacked"])
    yield "unchanged" if row["psnr"] is None else f"{row['psnr']:.1f} dB"
    yield f"{row['ssim']:.3f}"
    yield f"{row['queries']:.0f}, {row['gradients']:.0f}"
    yield f"{row['seconds']:.2g}"


def _constants(found: list[Row]) -> Iterator[Row]:
    """One constant predictor for every number of images."""
    seen = set()
    for row in found:
        n = row["constant_predictor"]["n"]
        if n not in seen:
            seen.add(n)
            yield row["constant_predictor"]


def _constant_line(found: Row) -> str:
    cells = ["constant predictor", "none", "any", "any", "any", str(found["n"]), "0", "undefined", "0", _r(found["r"])]
    cells += [_correlation(found["clean"]), _correlation(found["attacked"]), "-", "-", "-", "-"]
    return "| " + " | ".join(cells) + " |"


def estimate(value: Row | None, digits: int) -> str:
    """A figure, with its interval in brackets if there is one."""
    if value is None:
        return "undefined"
    if value["interval"] is None:
        return f"{value['value']:.{digits}f}"
    low, high = value["interval"]
    return f"{value['value']:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def _number(value: float | None, digits: int) -> str:
    return "undefined" if value is None else f"{value:.{digits}f}"


def _correlation(found: Row | None) -> str:
    return "-" if found is None else estimate(found["srocc"], 3)


def _r(found: Row | None) -> str:
    if found is None:
        return "no range"
    if found["mean"] is None:
        return "infinite"
    return f"{found['mean']['value']:.2f}{'*' if found['unchanged'] else ''}"


def theorem_table(path: Path = FILE) -> str:
    """The change of an FGSM step over what the first order predicts."""
    found = rows("theorem", path)
    levels = list(found[0]["ratio_quartiles"]) if found else []
    head = (
        "| metric | images | median of the l1 norm of the gradient | "
        + " | ".join(f"eps {one}" for one in levels)
        + " |"
    )
    lines = [head, "|" + "---|" * (3 + len(levels))]
    for row in found:
        cells = [METRICS[row["job"]["metric"]], str(row["n"]), f"{row['gradient_l1_median']:.0f}"]
        for level in levels:
            least, _, middle, _, most = row["ratio_quartiles"][level]
            cells.append(f"{middle:.3f} ({least:.3f} to {most:.3f})")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(
        [*lines, "", "Median over images, in brackets the least and the largest; the theorem says 1 as eps tends to 0."]
    )


def soundness_table(path: Path = FILE) -> str:
    """Alarms of adaptive attacks inside certified radii."""
    head = "| metric | working side | sigma | scores of a certificate | certificates | attacks | within the radius |"
    head += " alarms | certificates that failed | at most expected | p | share of the room used, median (largest) |"
    lines = [head, "|" + "---|" * 12]
    for row in rows("soundness", path):
        found, room = row["soundness"], row["share_of_room"]
        cells = [METRICS[row["job"]["metric"]], str(row["resolution"]), f"{row['sigma']:g}", str(row["identity"]["n"])]
        cells += [str(found[name]) for name in ("certificates", "attacks", "within", "alarms", "failed")]
        cells += [f"{found['expected']:.2g}", f"{found['p']:.2g}"]
        cells += [f"{100 * room['median']:.0f} % ({100 * room['largest']:.0f} %)"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(
        [*lines, "", "An alarm: the median of fresh scores certainly left the certified interval (at level 1e-6)."]
    )


TABLES = {"bare": bare_table, "smoothed": smoothed_table, "theorem": theorem_table, "soundness": soundness_table}


if __name__ == "__main__":
    given = Path(sys.argv[1]) if len(sys.argv) > 1 else FILE
    print("\n\n".join(table(given) for table in TABLES.values()))
