"""The tables of docs/defenses.md, from the result lines of benchmarks/nt.py, next to what the paper published."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from smoothing_tables import PARTS, estimate

from certiqa.benchmark import Comparison

__all__ = ["PUBLISHED", "tables", "write_tables"]

Row = dict[str, Any]

PUBLISHED = {
    "HyperIQA": {
        "RMSE": (9.913, 12.575), "SROCC": (0.899, 0.859),
        "rows": ((19.174, 7.885), (6.360, 0.130), (10.583, 8.131), (13.698, 10.107)),
    },
    "DBCNN": {
        "RMSE": (10.897, 13.140), "SROCC": (0.866, 0.856),
        "rows": ((32.778, 19.065), (63.991, 14.524), (14.833, 10.922), (6.514, 5.298)),
    },
    "LinearityIQA": {
        "RMSE": (12.730, 13.173), "SROCC": (0.832, 0.820),
        "rows": ((48.128, 36.988), (115.732, 80.857), (20.813, 19.434), (14.807, 12.407)),
    },
    "MANIQA": {
        "RMSE": (26.082, 23.830), "SROCC": (0.876, 0.871),
        "rows": ((15.549, 6.562), (0.079, 0.189), (5.795, 5.592), (7.759, 6.680)),
    },
}  # fmt: skip
"""arXiv:2403.11397, LIVEC: (baseline, with NT). The rows are RMSE(before, after) of four attacks; which is which is not
printed there: rows 1 and 2 are taken to be FGSM and the perceptual attack, 3 and 4 UAP and Korhonen-You in an order
that is not known."""

COMPARISON = Path(__file__).resolve().parent.parent / "docs" / "comparison" / "comparison.json"
ATTACKS = ("fgsm", "pgd", "perceptual", "uap", "korhonen", "square")


def published() -> str:
    """The paper's own figures."""
    head = "| model | clean RMSE | clean SROCC | row 1 | row 2 | row 3 | row 4 |"
    lines = [head, "|---|---|---|---|---|---|---|"]
    for model, figures in PUBLISHED.items():
        rows = [figures["RMSE"], figures["SROCC"], *figures["rows"]]  # type: ignore[misc]
        lines.append(f"| {model} | " + " | ".join(f"{before:.3f} / {after:.3f}" for before, after in rows) + " |")
    return "\n".join(lines)


def _of(rows: Iterable[Row], base: str) -> dict[str, dict[str, Row]]:
    """variant -> row name -> line: undefended and clean first, then NT by lambda, then the others."""
    found: dict[str, dict[str, Row]] = {}
    for row in rows:
        if row["identity"]["base"] == base:
            found.setdefault(row["identity"]["variant"], {})[row["identity"]["row"]] = row
    return dict(sorted(found.items(), key=lambda item: _place(item[0])))


def _place(variant: str) -> tuple[int, float, str]:
    kind, _, rest = variant.partition(" lambda ")
    if kind == "nt" and rest:
        return 2, float(rest.split()[0]), variant
    return {"undefended": 0, "clean": 1}.get(variant, 3), 0.0, variant


def _rmse(row: Row | None) -> str:
    return "-" if row is None else f"{row['robustness']['changes']['rmse']['value']:.2f}"


def main_table(rows: list[Row], base: str) -> str:
    """Every variant: agreement, gradient norm, RMSE(before, after) under each attack."""
    head = "| training | RMSE | SROCC | SD of the scores | mean l1 gradient | " + " | ".join(ATTACKS) + " |"
    lines = [head, "|---" * (5 + len(ATTACKS)) + "|"]
    for variant, found in _of(rows, base).items():
        clean = found.get("clean")
        cells = ["-"] * 4
        if clean is not None:
            srocc = clean["agreement"]["srocc"]
            ends = "no interval" if srocc["interval"] is None else "{:.3f} to {:.3f}".format(*srocc["interval"])
            cells = [
                f"{clean['rmse']:.2f}",
                f"{srocc['value']:.3f} ({ends})",
                f"{clean['sd_of_scores']:.2f}",
                f"{clean['gradient_l1']['mean']:.0f}",
            ]
        cells += [_rmse(found.get(name)) for name in ATTACKS]
        lines.append(f"| {variant} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def strength_table(rows: list[Row], base: str) -> str:
    """RMSE(before, after) of FGSM and of PGD against eps."""
    found = {variant: by["strength"] for variant, by in _of(rows, base).items() if "strength" in by}
    if not found:
        return "Not measured."
    steps = [line["eps_grey"] for line in next(iter(found.values()))["curve"]]
    lines = ["| training | " + " | ".join(f"{step:g}/255" for step in steps) + " |", "|---" * (1 + len(steps)) + "|"]
    for variant, row in found.items():
        cells = [f"{line['fgsm']:.2f} / {line['pgd']:.2f}" for line in row["curve"]]
        lines.append(f"| {variant} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def other_table(rows: list[Row], base: str) -> str:
    """By quality level, signs of masking, rank flips, tau/SD under median smoothing at eps .05 and at eps = sigma."""
    head = (
        "| training | FGSM by quality, low to high | signs of masking | pairs flipped | tau/SD, MS | tau/SD, DMS-IQA |"
    )
    lines = [head, "|---|---|---|---|---|---|"]
    for variant, found in _of(rows, base).items():
        levels = [] if "fgsm" not in found else found["fgsm"]["robustness"]["levels"]
        by_level = [f"{one['changes']['rmse']['value']:.1f}" for one in levels if one["changes"]]
        masking = found.get("masking")
        flags = "-" if masking is None else ", ".join(masking["report"]["flags"]) or "none"
        flips = found.get("flips")
        turned = "-" if flips is None else f"{flips['flipped']} of {flips['pairs']}"
        widths = " | ".join(_widths(found.get(name)) for name in ("certified", "certified dms-iqa"))
        lines.append(f"| {variant} | {', '.join(by_level) or '-'} | {flags} | {turned} | {widths} |")
    return "\n".join(lines)


def _widths(row: Row | None) -> str:
    """At eps .05 and at eps = sigma; the larger eps of the result lines is beyond what so few scores prove."""
    if row is None:
        return "-"
    return ", ".join(f"{row['tau_over_sd'][name]:.3f}" for name in ("eps .05", "eps sigma"))


def relative(rows: list[Row], base: str) -> str:
    """What share of RMSE(before, after) each training takes away, and what it costs in SROCC, against "clean"."""
    found = _of(rows, base)
    start = found.get("clean")
    if start is None or "clean" not in start:
        return "Not measured."
    lines = ["| | SROCC lost | FGSM | perceptual | FGSM, in SD | perceptual, in SD | PGD, in SD |", "|---" * 7 + "|"]
    for model, figures in PUBLISHED.items():
        (one, other), rmse = figures["SROCC"], figures["rows"]
        parts = [f"{1 - after / before:.0%}" for before, after in rmse[:2]]  # type: ignore[misc, has-type]
        lines.append(f"| {model}, published | {one - other:.3f} | {parts[0]} | {parts[1]} | - | - | - |")  # type: ignore[operator]
    for variant, here in found.items():
        if variant in ("clean", "undefended") or "clean" not in here:
            continue
        lost = start["clean"]["agreement"]["srocc"]["value"] - here["clean"]["agreement"]["srocc"]["value"]
        cells = [_share(start.get(name), here.get(name)) for name in ("fgsm", "perceptual")]
        cells += [_share_in_sd(start.get(name), here.get(name)) for name in ("fgsm", "perceptual", "pgd")]
        lines.append(f"| {base}, {variant} | {lost:.3f} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _share_in_sd(before: Row | None, after: Row | None) -> str:
    """The same of RMSE over the SD of the model's own scores; none where scores became constant."""
    sizes = [None if row is None else row["robustness"].get("rmse_over_sd") for row in (before, after)]
    return "-" if None in sizes else f"{1 - sizes[1] / sizes[0]:.0%}"


def _share(before: Row | None, after: Row | None) -> str:
    if before is None or after is None:
        return "-"
    one, other = (row["robustness"]["changes"]["rmse"]["value"] for row in (before, after))
    return f"{1 - other / one:.0%}"


def beside_at(comparison: Comparison) -> str:
    """The NT and the AT that ship, which agree with people about equally: a comparison's rows, adaptive attacks."""
    budgets = sorted({one.budget for row in comparison.rows for one in row.attacked})
    head = "| part | training | SROCC | " + " | ".join(f"APGD {budget}, in SD" for budget in budgets) + " |"
    lines = [head, "|---" * (3 + len(budgets)) + "|"]
    for row in comparison.rows:
        if row.defence in ("undefended", "NT", "AT") and row.srocc is not None:
            moved = {one.budget: one.rmse_in_sd for one in row.attacked if one.adaptive}
            cells = [estimate(row.srocc.to_dict())]
            cells += [estimate(one.to_dict(), 2) if (one := moved[budget]) else "-" for budget in budgets]
            lines.append(f"| {PARTS[row.data]} | {row.defence} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def tables(rows: list[Row]) -> dict[str, str]:
    """The text of every marker of the document."""
    compared = Comparison.from_dict(json.loads(COMPARISON.read_text(encoding="utf-8")))
    found = {"nt-published": published(), "nt-beside-at": beside_at(compared)}
    for base in sorted({row["identity"]["base"] for row in rows}):
        preset = ", ".join(sorted({r["identity"]["preset"] for r in rows if r["identity"]["base"] == base}))
        parts = [f"Base {base}, preset {preset}.", main_table(rows, base), relative(rows, base)]
        if any(row["identity"]["row"] == "strength" for row in rows if row["identity"]["base"] == base):
            parts += ["FGSM / PGD, RMSE(before, after) at eps:", strength_table(rows, base)]
        parts.append(other_table(rows, base))
        found["nt-results"] = "\n\n".join((found.get("nt-results", ""), *parts)).strip()
    return found


def write_tables(rows: list[Row], document: Path) -> None:
    """Put the tables between their markers, ``<!-- NAME -->`` and ``<!-- /NAME -->``."""
    text = document.read_text(encoding="utf-8")
    for name, table in tables(rows).items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        if not pattern.search(text):
            raise SystemExit(f"{document.name} has no marker <!-- {name} -->")
        text = pattern.sub(lambda found, table=table: f"{found[1]}{table}\n{found[2]}", text)
    document.write_text(text, encoding="utf-8")
