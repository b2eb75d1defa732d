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

RESULTS = Path(__file__).resolve().parents[1] / "benchmarks" / "results"
FILE = RESULTS / "attacks.jsonl"
METRICS = {"builtin": "built-in", "builtin-certified": "built-in, made for noise", "eonss": "EONSS"}
DEFENCES = {"none": "none", "ms": "MS", "dms": "DMS", "dms-iqa": "DMS-IQA"}
NORMS = {"linf": "l_inf", "l2": "l2 of the same length"}
Row = dict[str, Any]


def rows(section: str, path: Path = FILE) -> list[Row]:
    """The rows of one section; of several runs of one row, the one over most images, and of these the last."""
    best: dict[tuple[Any, ...], Row] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        job = row["job"]
        if job["section"] != section:
            continue
        key = tuple(job[name] for name in ("metric", "defence", "attack", "norm", "level"))
        if key not in best or _images(row) >= _images(best[key]):
            best[key] = row
    return list(best.values())


def _images(row: Row) -> int:
    if "robustness" in row:
        return int(row["robustness"]["n"])
    return int(row["n"] if "n" in row else row["soundness"]["certificates"])


def bare_table(path: Path = FILE) -> str:
    """Every attack on undefended metrics."""
    return _table(rows("bare", path))


def summary_table(section: str, path: Path = FILE) -> str:
    """RMSE(before, after) over the SD of the scores, and SROCC after, of every attack in every budget."""
    cells: dict[tuple[str, str, str], dict[tuple[bool, int], str]] = {}
    before: dict[str, str] = {}
    for row in rows(section, path):
        job, found = row["job"], row["robustness"]
        metric, defence = METRICS[job["metric"]], DEFENCES[job["defence"]]
        budget = (job["norm"] != "linf", job["level"])  # l_inf first
        cells.setdefault((metric, defence, job["attack"]), {})[budget] = _brief(found)
        who = metric if defence == "none" else f"{metric}, {defence}"
        before[who] = f"{who}: {_correlation(found['clean'])} ({found['n']} images)"
    budgets = sorted({budget for here in cells.values() for budget in here})
    names = [f"{'l2' if two else 'l_inf'} {level}" for two, level in budgets]
    lines = ["| metric | defence | attack | " + " | ".join(names) + " |", "|" + "---|" * (3 + len(names))]
    for key, here in cells.items():
        lines.append("| " + " | ".join((*key, *(here.get(budget, "-") for budget in budgets))) + " |")
    note = "In each cell: RMSE(before, after) over the SD of the scores before; SROCC after. l2: eps = size sqrt(d)."
    return "\n".join([*lines, "", f"{note} SROCC before: {'; '.join(before.values())}."])


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
    """Adaptive attacks on smoothed metrics."""
    return _table(rows("smoothed", path))


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
    yield job["attack"]
    yield row["access"]
    yield f"{NORMS[job['norm']]}, {job['level']}/255"
    yield str(found["n"])
    yield _estimate(found["changes"]["rmse"], 2)
    yield _number(found["rmse_over_sd"], 2)
    yield _estimate(found["changes"]["mean_gain"], 2)
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


def _estimate(value: Row | None, digits: int) -> str:
    if value is None:
        return "undefined"
    if value["interval"] is None:
        return f"{value['value']:.{digits}f}"
    low, high = value["interval"]
    return f"{value['value']:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def _number(value: float | None, digits: int) -> str:
    return "undefined" if value is None else f"{value:.{digits}f}"


def _correlation(found: Row | None) -> str:
    return "-" if found is None else _estimate(found["srocc"], 3)


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
