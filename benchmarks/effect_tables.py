"""The tables of attacks on smoothed metrics in pairs, from results/attacks_effects.json (attacks.py --masking)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from attack_tables import DEFENCES, RESULTS, estimate

FILE = RESULTS / "attacks_effects.json"
Row = dict[str, Any]
SHARES = (
    ("transfer from bare", "PGD made on the bare metric"),
    ("square", "square"),
    ("uap", "a pattern made through the noise"),
    ("uap from bare", "a pattern made on the bare metric"),
)
_INTERVALS = "In brackets: 95 % bootstrap intervals over images (`benchmarks/results/attacks_effects.json`)."


def rows(path: Path = FILE) -> list[Row]:
    """One for every attack, defence and l_inf budget."""
    found: list[Row] = json.loads(path.read_text(encoding="utf-8"))
    return found


def effects_table(path: Path = FILE) -> str:
    """How far each attack moved smoothed scores the way that it was after, beside adaptive PGD."""
    lines = ["| defence | budget | attack | adaptive | images | mean effect | over PGD | stronger than PGD |"]
    lines.append("|" + "---|" * 8)
    for row in rows(path):
        cells = [DEFENCES[row["defence"]], f"l_inf {row['level']}/255", row["attack"]]
        cells += ["yes" if row["adaptive"] else "no", str(row["n"]), estimate(row["effect"], 1)]
        cells.append("-" if row["over_pgd"] is None else estimate(row["over_pgd"], 1))
        cells.append("-" if row["over_pgd"] is None else f"{row['stronger_than_pgd']} of {row['n']}")
        lines.append("| " + " | ".join(cells) + " |")
    note = (
        "In points of the score, of the 8-bit images; positive: the way that the attack was after. Over PGD: image by"
    )
    return "\n".join([*lines, "", f"{note} image, less the effect of adaptive PGD from one start. {_INTERVALS}"])


def defences_table(path: Path = FILE) -> str:
    """The effect on MS less that on the same images behind a denoiser."""
    cells: dict[tuple[str, str], dict[int, str]] = {}
    for row in rows(path):
        if row["on_ms_over_here"] is not None:
            here = cells.setdefault((DEFENCES[row["defence"]], row["attack"]), {})
            here[row["level"]] = estimate(row["on_ms_over_here"], 1)
    levels = sorted({level for here in cells.values() for level in here})
    lines = ["| MS less | attack | " + " | ".join(f"l_inf {level}/255" for level in levels) + " |"]
    lines.append("|" + "---|" * (2 + len(levels)))
    for key, here in cells.items():
        lines.append("| " + " | ".join((*key, *(here.get(level, "-") for level in levels))) + " |")
    note = "Positive: the attack moves MS further, in points of the score."
    shared = sorted({f"{row['one_aim']} of {row['n']}" for row in rows(path) if row["one_aim"] is not None})
    note += f" The aim hangs on the clean score under each defence: on {', '.join(shared)} images it is the same."
    return "\n".join([*lines, "", f"{note} {_INTERVALS}"])


def words(path: Path = FILE) -> str:
    """Of every defence and budget: the strongest attack, and what others reach of adaptive PGD."""
    groups: dict[tuple[str, int], dict[str, Row]] = {}
    for row in rows(path):
        groups.setdefault((row["defence"], row["level"]), {})[row["attack"]] = row
    return "\n".join(_sentence(*key, here) for key, here in groups.items())


def _sentence(defence: str, level: int, here: dict[str, Row]) -> str:
    size = {name: row["effect"]["value"] for name, row in here.items()}
    most = max(size, key=size.__getitem__)
    text = f"* {DEFENCES[defence]}, l_inf {level}/255: most is done by {most}, {size[most]:.1f} points on average."
    shares = [f"{words} {100 * size[name] / size['pgd']:.0f} %" for name, words in SHARES if name in size]
    return text + (f" As a share of what adaptive PGD does: {', '.join(shares)}." if shares else "")
