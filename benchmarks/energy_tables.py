"""The tables of docs/heads.md, from results/energies_search.jsonl and results/builtin_energy.jsonl.

benchmarks/tables.py writes them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PARTS = {"agiqa3k": "AGIQA-3K", "livec": "LIVEC"}
PSNR = ("48", "42", "36", "30")
_SHOWN = {
    "psnr": "{:g} dB",
    "radius": "r = {:g}",
    "width": "width {}",
    "kinds": "kinds {:g}",
    "hidden": "hidden {}",
    "members": "members {}",
    "steps": "steps {}",
    "weight_decay": "decay {:g}",
}

Line = dict[str, Any]


def lines(name: str) -> list[Line]:
    """The lines of a result file."""
    return [json.loads(line) for line in (RESULTS / name).read_text(encoding="utf-8").splitlines()]


def words(setting: Line) -> str:
    """Front end, crops and the settings of training that the search varies."""
    front_end, config = setting["front_end"], {"kinds": 0.0, **setting["config"]}
    first = f"{front_end['rings']} rings x {front_end['orientations']}, crops {setting['crops']}"
    rest = [text.format(config[name]) for name, text in _SHOWN.items() if name != "kinds" or config[name]]
    return ", ".join([first, *rest])


def _cells(measured: dict[str, Line], psnr: tuple[str, ...]) -> str:
    cells = []
    for part in PARTS:
        row = measured[part]
        cells += [f"{row['srocc']:.3f}", *(_number(row.get(f"tau_over_sd_{decibel}")) for decibel in psnr)]
    return " | ".join(cells)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _head(psnr: tuple[str, ...], first: str) -> list[str]:
    names = [first]
    for title in PARTS.values():
        names += [f"{title} SROCC", *(f"tau/SD {decibel} dB" for decibel in psnr)]
    return [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]


def search_table() -> str:
    """Every line of the search."""
    psnr = ("48", "42", "36")
    rows = [
        f"| {words(line['setting'])} | {_cells(line['measured'], psnr)} |" for line in lines("energies_search.jsonl")
    ]
    return "\n".join([*_head(psnr, "front end and training"), *rows])


def shipped_table() -> str:
    """The weights that ship, on the validation parts."""
    found = [line for line in lines("builtin_energy.jsonl") if line["part"] == "validation"]
    rows = [f"| `{line['name']}` | {_cells(line['measured'], PSNR)} |" for line in found]
    return "\n".join([*_head(PSNR, "metric"), *rows])


BLOCKS = {"energy:search": search_table, "energy:shipped": shipped_table}
