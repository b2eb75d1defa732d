"""The trade-off of NT: agreement with people against what attacks do, over lambda; from the result lines of nt.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = ["draw"]

ATTACKS = {"fgsm": "FGSM", "pgd": "PGD", "perceptual": "perceptual"}
CONSTANT = 0.5
COLOURS = {"nt": "#0072B2", "at": "#D55E00", "clean": "#666666", "undefended": "#000000", "noise": "#009E73"}


def draw(rows: list[dict[str, Any]], base: str, path: Path) -> None:
    """One panel for each attack: SROCC of the unattacked scores against RMSE(before, after) over their SD.

    Models whose scores have an SD below CONSTANT are left out: they have become constants.
    """
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.ticker import FormatStrFormatter, LogLocator, NullFormatter

    found: dict[str, dict[str, dict[str, Any]]] = {}
    for row in rows:
        if row["identity"]["base"] == base:
            found.setdefault(row["identity"]["variant"], {})[row["identity"]["row"]] = row
    figure = Figure(figsize=(11, 4), layout="constrained")
    shown: dict[int, str] = {}
    for axes, (attack, title) in zip(figure.subplots(1, len(ATTACKS), sharey=True), ATTACKS.items(), strict=True):
        for number, (variant, here) in enumerate(found.items(), 1):
            if "clean" not in here or attack not in here:
                continue
            srocc = here["clean"]["agreement"]["srocc"]
            x = here[attack]["robustness"]["rmse_over_sd"]
            if x is None or here["clean"]["sd_of_scores"] < CONSTANT:
                continue
            low, high = srocc["interval"] or (srocc["value"], srocc["value"])
            kind = variant.split()[0]
            ends = [[srocc["value"] - low], [high - srocc["value"]]]
            colour = COLOURS.get(kind, "#CC79A7")
            axes.errorbar([x], [srocc["value"]], yerr=ends, fmt="o", ms=4, color=colour, elinewidth=0.4)
            axes.annotate(
                str(number),
                (x, srocc["value"]),
                fontsize=7,
                xytext=(4, 3 - 9 * (number % 2)),
                textcoords="offset points",
            )
            shown[number] = variant.replace("lambda ", "λ=")
        axes.set(title=title, xlabel="RMSE(before, after) / SD, log scale")
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(FormatStrFormatter("%g"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.grid(alpha=0.25)
    figure.axes[0].set_ylabel("SROCC without attack")
    names = [f"{number}  {name}" for number, name in sorted(shown.items())]
    empty = [Line2D([], [], ls="") for _ in names]
    figure.legend(empty, names, loc="outside right upper", fontsize=7, handlelength=0, handletextpad=0)
    figure.savefig(path, dpi=150, metadata={"Software": None})
