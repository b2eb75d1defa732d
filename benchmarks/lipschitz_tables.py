"""The tables of docs/lipschitz.md, from benchmarks/results: python benchmarks/lipschitz_tables.py writes them anew."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

__all__ = ["filled"]

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "lipschitz.md"
RESULTS = ROOT / "benchmarks" / "results"
PSNR = (48, 42, 36, 30)


def _lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (RESULTS / name).read_text(encoding="utf-8").splitlines()]


def heads(part: str) -> str:
    """One row per head and price."""
    columns = " | ".join(f"{decibel} dB" for decibel in PSNR)
    rows = [
        f"| head | price | LIVEC SROCC | its tau/SD at {columns} | AGIQA-3K SROCC | its tau/SD at {columns} |",
        "|---" * (4 + 2 * len(PSNR)) + "|",
    ]
    found = [line for line in _lines("lipschitz_head.jsonl") if line["part"] == part]
    for line in sorted(found, key=lambda one: (one["head"], one["fit"]["price"])):
        cells = [line["head"], f"{line['fit']['price']:g}"]
        for source in ("livec", "agiqa3k"):
            own = line["measured"][source]
            cells += [_short(own["srocc"]), *(_short(own[f"tau_over_sd_{decibel}"]) for decibel in PSNR)]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def reached() -> str:
    """How much of the certified change gradient ascent reached, on pictures of the validation part."""
    (line,) = (one for one in _lines("lipschitz_head.jsonl") if one["part"] == "validation")
    ends = [line["measured"][source][f"reached_42_{end}"] for source in ("livec", "agiqa3k") for end in ("min", "max")]
    return f"between {100 * min(ends):.1f} and {100 * max(ends):.1f} %"


def mlp() -> str:
    """Bounds of the median head over what ascent finds."""
    lines = _lines("mlp_bounds.jsonl")
    names = list(lines[0]["over"])
    rows = [f"| ball | {' | '.join(names)} |", "|---" * (1 + len(names)) + "|"]
    for one in lines:
        cells = [f"{one['psnr']} dB", *(f"{one['over'][name]:.1f}" for name in names)]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def filled(page: str) -> str:
    """The page with every table between its markers as the results have it now."""
    made = {"dev": heads("development"), "validation": heads("validation"), "mlp": mlp(), "reached": reached()}
    for name, text in made.items():
        line_break = "" if name == "reached" else "\n"
        page = re.sub(
            f"(<!-- {name} -->).*?(<!-- /{name} -->)",
            lambda match, text=text, space=line_break: f"{match[1]}{space}{text}{space}{match[2]}",
            page,
            flags=re.DOTALL,
        )
    return page


def _short(value: float) -> str:
    return f"{value:.2f}".removeprefix("0")


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
