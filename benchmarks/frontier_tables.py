"""docs/frontier.md and its figure, from the lines of benchmarks/frontier.py; nothing is measured here."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

import numpy as np

from certiqa.evaluation import agreement

__all__ = ["filled", "headline", "page", "summary", "write"]

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
ATTACKS = ROOT / "benchmarks/results/frontier_attack.jsonl"
PAGE, FIGURE = ROOT / "docs/frontier.md", ROOT / "docs/figures/frontier.svg"
_MANY = 100
TITLES = {"livec": "LIVE In the Wild", "agiqa3k": "AGIQA-3K"}
AIM = {"livec": (0.56, 0.61), "agiqa3k": (0.66, 0.72)}
"""SROCC that was to be reached with tau <= SD/2 at 42 dB, and 0.9 of what "builtin" has undefended."""
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999")


def summary(line: dict[str, Any]) -> dict[str, Any]:
    """SROCC with its interval, the SD of the scores, tau over SD at each strength: median and 90th percentile."""
    found = agreement(line["scores"], line["mos"], contents=line["contents"], lower_better=line["lower_better"])
    sd = statistics.pstdev(line["scores"])
    shares = [_of(line["tau"], index, sd) for index in range(len(line["psnr"]))]
    return {
        "n": len(line["scores"]),
        "srocc": found.srocc.value,
        "interval": found.srocc.interval,
        "sd": sd,
        "median": [None if one is None else one[0] for one in shares],
        "high": [None if one is None else one[1] for one in shares],
    }


def _of(taus: list[list[float | None]], index: int, sd: float) -> tuple[float, float] | None:
    """None where half of the images or more have no certificate at that strength; such an image counts as infinite."""
    values = np.array([np.inf if one[index] is None else one[index] / sd for one in taus])
    median, high = float(np.median(values)), float(np.quantile(values, 0.9, method="higher"))
    return (median, high) if np.isfinite(median) else None


def page(lines: list[dict[str, Any]], attacks: list[dict[str, Any]]) -> str:
    """The whole page."""
    parts = [_HEAD]
    for data, title in TITLES.items():
        rows = [(line, summary(line)) for line in lines if line["data"] == data]
        if not rows:
            continue
        parts += [f"## {title}", "", *_table(rows), ""]
    parts += [_ATTACKED, *_attacked(attacks), ""]
    parts.append(_FOOT.format(versions=", ".join(sorted({line["versions"]["certiqa"] for line in lines}))))
    return "\n".join(parts)


_HEAD = """\
# The frontier: agreement with people against certified strength

A certificate is worth something if it covers attacks that exist, and if the score that it is of still agrees with
people. This page puts the two beside each other for every certified metric that ships: SROCC with human scores on the
validation parts, with its 95 % bootstrap interval over contents, and tau, the certified change of the score, as a
share of the SD of these scores, for attacks of 48, 42, 36 and 30 dB: median over the images, in brackets the 90th
percentile. Certificates of noise hold at 99.9 % for all strengths at once, those without noise always. 42 dB is what
an l_inf attack of 2/255 can reach, 36 dB one of 4/255. "-": no certificate at that strength for half of the images or
more. Rows of 30 images show what tau does under other noise; their SROCC can be compared with each other only.

The front end that was learned does no better ([its page](learned_front_end.md)). Made by `python
benchmarks/frontier.py --data ../shared/data`, then `--tables`; the lines, with every image's score and tau, are
[benchmarks/results/frontier.jsonl](../benchmarks/results/frontier.jsonl).

![SROCC against the certified change of the score at 42 dB](figures/frontier.svg)
"""
_ATTACKED = """\
## Attacked

Adaptive attacks on `builtin-energy`, in the pixels of the original, through the head, the noise and the front end to
8-bit images (APGD, 25 steps on the mean score under 64 draws; `python benchmarks/frontier_attack.py --data
../shared/data`), up and down by turns, on the first 26 images of each validation part. Each certificate is judged at
the attack's own length by 10 000 fresh scores; an alarm would be an attacked median that certainly left its interval.
"""
_FOOT = """\
The figure shows SROCC and tau at 42 dB: up is better agreement, left is a smaller certified change. The dashed line
is half an SD. Version of certiqa: {versions}.
"""


def _attacked(attacks: list[dict[str, Any]]) -> list[str]:
    """What adaptive attacks did to the certificates, by strength and norm."""
    found = [
        "| strength | budget | sigma | attacks | alarms | share of the certified room used, median | largest |",
        "|---|---|---|---|---|---|---|",
    ]
    for strength in sorted({one["strength"] for one in attacks}, reverse=True):
        for norm in ("linf", "l2"):
            mine = [one for one in attacks if one["strength"] == strength and one["budget"].startswith(norm)]
            rooms = [one["room"] for one in mine]
            alarms = sum(one["verdict"]["alarm"] for one in mine)
            cells = [f"{strength:g} dB", norm, f"{mine[0]['sigma']:.3g}", str(len(mine)), str(alarms)]
            found.append("| " + " | ".join([*cells, f"{statistics.median(rooms):.2f}", f"{max(rooms):.2f}"]) + " |")
    return found


def _table(rows: list[tuple[dict[str, Any], dict[str, Any]]]) -> list[str]:
    strengths = rows[0][0]["psnr"]
    head = ["row", "sigma", "n", "images", "SROCC", *(f"tau/SD at {one:g} dB" for one in strengths)]
    found = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for line, one in rows:
        low, high = one["interval"] or (float("nan"), float("nan"))
        sigma = "-" if line["sigma"] is None else f"{line['sigma']:.3g}"
        count = f"{line['n']:,}".replace(",", " ") if line["n"] else "none"
        cells = [line["row"], sigma, count, str(one["n"]), f"{one['srocc']:.3f} ({low:.3f} to {high:.3f})"]
        for median, upper in zip(one["median"], one["high"], strict=True):
            cells.append("-" if median is None else f"{median:.2f} ({'none' if np.isinf(upper) else f'{upper:.2f}'})")
        found.append("| " + " | ".join(cells) + " |")
    return found


def draw(lines: list[dict[str, Any]], path: Path, strength: float = 42.0) -> None:
    """A panel for each data set: SROCC against the median tau over SD."""
    import matplotlib
    from matplotlib.figure import Figure

    matplotlib.rcParams["svg.hashsalt"] = "certiqa"
    figure = Figure(figsize=(10, 4.4), layout="constrained")
    names = list(dict.fromkeys(line["row"] for line in lines))
    for axes, (data, title) in zip(figure.subplots(1, 2), TITLES.items(), strict=True):
        for line in (one for one in lines if one["data"] == data):
            index, found = line["psnr"].index(strength), summary(line)
            x = found["median"][index]
            if x is None:
                continue
            low, high = found["interval"] or (found["srocc"],) * 2
            ends = [[found["srocc"] - low], [high - found["srocc"]]]
            colour = COLOURS[names.index(line["row"]) % len(COLOURS)]
            axes.errorbar([x], [found["srocc"]], yerr=ends, fmt="o", color=colour, elinewidth=0.8, label=line["row"])
        axes.axvline(0.5, color="#888888", ls="--", lw=0.9)
        axes.set(title=title, xlabel=f"median tau / SD at {strength:g} dB", ylabel="SROCC with human scores")
        axes.grid(alpha=0.25)
        axes.legend(fontsize=7, loc="lower right")
    figure.savefig(path, metadata={"Date": None})


def headline(lines: list[dict[str, Any]]) -> str:
    """README's table: agreement with people and what is proved, for the rows of a hundred images and more."""
    rows = [
        "| certified metric | data (validation) | images | SROCC | tau/SD at 42 dB | tau/SD at 36 dB |",
        "|---|---|---|---|---|---|",
    ]
    for line in lines:
        if len(line["scores"]) < _MANY:
            continue
        found = summary(line)
        low, high = found["interval"] or (float("nan"), float("nan"))
        shares = ["-" if one is None else f"{one:.2f}" for one in found["median"]]
        srocc = f"{found['srocc']:.2f} ({low:.2f} to {high:.2f})"
        name = f"{line['row']} (`{line['metric']}`)"
        rows.append(f"| {name} | {TITLES[line['data']]} | {found['n']} | {srocc} | {shares[1]} | {shares[2]} |")
    return "\n".join(rows)


def filled(text: str, lines: list[dict[str, Any]]) -> str:
    """README with its table."""
    begin, end = "<!-- frontier -->", "<!-- /frontier -->"
    before, rest = text.split(begin)
    return f"{before}{begin}\n{headline(lines)}\n{end}{rest.split(end)[1]}"


def write(source: Path) -> None:
    """The page, the figure and README's table from the lines of a file."""
    lines = [json.loads(text) for text in source.read_text().splitlines()]
    attacks = [json.loads(text) for text in ATTACKS.read_text().splitlines()]
    PAGE.write_text(page(lines, attacks), encoding="utf-8")
    README.write_text(filled(README.read_text(encoding="utf-8"), lines), encoding="utf-8")
    draw(lines, FIGURE)
