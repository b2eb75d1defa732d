"""The tables of docs/smoothing.md, from results/denoised_smoothing*; benchmarks/tables.py writes them.

And two figures: the frontier, and the training curves.

    python benchmarks/smoothing_tables.py
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from frontier_search import predicted

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
FIGURES = ROOT / "docs" / "figures"
PARTS = {"agiqa3k": "AGIQA-3K", "livec": "LIVEC"}
SIZES = {"eps .05": "eps .05", "0.417 sigma": ".417 sigma", "1 sigma": "sigma", "2 sigma": "2 sigma"}
STEPS = ("0.5", "1", "2")

Row = dict[str, Any]


def rows() -> list[Row]:
    """All rows, by data set, defence, sigma."""
    text = (RESULTS / "denoised_smoothing.jsonl").read_text(encoding="utf-8")
    found = [json.loads(line) for line in text.splitlines()]
    return sorted(found, key=lambda r: (r["data"], r["defence"]["resolution"] or 0, r["sigma"]))


def training(name: str) -> list[Row]:
    """The lines of a training log that stand for steps."""
    path = RESULTS / name
    if not path.exists():
        return []
    return [r for line in path.read_text(encoding="utf-8").splitlines() if "step" in (r := json.loads(line))]


def defence(row: Row) -> str:
    """Its name in the tables."""
    side = row["defence"]["resolution"]
    name: str = row["defence"]["name"]
    return f"{name}, {side} pixels" if name == "certified" else name


def estimate(row: Row, places: int = 3) -> str:
    """A value with its interval."""
    low, high = row["interval"]
    return f"{row['value']:.{places}f} ({low:.{places}f} to {high:.{places}f})"


def decibel(value: float) -> str:
    """A PSNR, or that no attack is covered."""
    return "none" if value == float("inf") else f"{value:.1f} dB"


def _table(head: str, lines: Iterator[str]) -> str:
    return "\n".join([head, "|" + "---|" * (head.count("|") - 1), *lines])


def correlation() -> str:
    """SROCC and PLCC of every row."""

    def lines() -> Iterator[str]:
        bare = {r["data"]: r["agreement"]["srocc"]["value"] for r in rows() if not r["sigma"]}
        for r in rows():
            a = r["agreement"]
            closeness = abs(a["srocc"]["value"] - bare[r["data"]])
            yield (
                f"| {PARTS[r['data']]} | {defence(r)} | {r['sigma']:g} | {estimate(a['srocc'])} | "
                f"{estimate(a['plcc_logistic'])} | {closeness:.3f} | {r['draws']} |"
            )

    head = "| part | defence | sigma | SROCC | PLCC (logistic) | abs(SROCC - undefended) | draws |"
    return _table(head, lines())


def certified() -> str:
    """tau at four sizes of attack that are tied to sigma."""

    def lines() -> Iterator[str]:
        for r in rows():
            if c := r.get("certified"):
                cells = [_tau(c, name) for name in SIZES]
                yield (
                    f"| {PARTS[r['data']]} | {defence(r)} | {r['sigma']:g} | {' | '.join(cells)} | "
                    f"{c['images']} x {c['n']} |"
                )

    cells = " | ".join(SIZES.values())
    return _table(f"| part | defence | sigma | {cells} | certificates x n |", lines())


def _tau(c: Row, name: str) -> str:
    tau, over = c["tau"][name], c["tau_over_sd"][name]
    flag = "" if c["proved_by_scores"][name] == 1 else " (range)"
    return f"{tau['median']:.2f}, {tau['p90']:.2f}; {over['median']:.2f}, {over['p90']:.2f}{flag}"


def tests() -> str:
    """Paired differences against MS and against DMS; positive where the defence is better."""

    def lines() -> Iterator[str]:
        for t in json.loads((RESULTS / "denoised_smoothing_tests.json").read_text(encoding="utf-8")):
            if t["statistic"] in ("srocc", "plcc_logistic"):
                name = {"srocc": "SROCC", "plcc_logistic": "PLCC"}[t["statistic"]]
                better, base, sign = t["first"], t["second"], 1
                if better == ("MS" if "MS" in (better, base) else "DMS"):
                    better, base, sign = base, better, -1
                low, high = sorted(sign * end for end in t["interval"] or (float("nan"), float("nan")))
                yield (
                    f"| {PARTS[t['data']]} | {t['sigma']:g} | {better} - {base} | {name} | "
                    f"{sign * t['difference']:+.3f} ({low:+.3f} to {high:+.3f}) | {t['p_holm']:.2g} |"
                )

    return _table("| part | sigma | difference | statistic | value | p after Holm |", lines())


def frontier_points() -> list[Row]:
    """Correlation against the strongest attack with tau <= SD/2, for the median image."""
    bare = {r["data"]: r["agreement"]["srocc"]["value"] for r in rows() if not r["sigma"]}
    return [
        {
            "data": r["data"],
            "defence": defence(r),
            "sigma": r["sigma"],
            "psnr": r["certified"]["psnr_at_half_sd"],
            "srocc": r["agreement"]["srocc"],
            "share": r["agreement"]["srocc"]["value"] / bare[r["data"]],
            "n": r["certified"]["n"],
            "taus": [r["certified"]["tau_over_sd"][f"l_inf {step}/255"]["median"] for step in STEPS],
        }
        for r in rows()
        if r.get("certified")
    ]


def frontier() -> str:
    """The points of the figure."""

    def lines() -> Iterator[str]:
        for p in sorted(frontier_points(), key=lambda p: (p["data"], p["psnr"])):
            taus = ", ".join(f"{tau:.2f}" for tau in p["taus"])
            yield (
                f"| {PARTS[p['data']]} | {p['defence']} | {p['sigma']:g} | {decibel(p['psnr'])} | "
                f"{estimate(p['srocc'])} | {100 * p['share']:.0f} % | {taus} | {p['n']} |"
            )

    tau = "tau <= SD/2 up to | SROCC | of the undefended | tau / SD at l_inf .5, 1, 2 of 255"
    head = f"| part | defence | sigma | {tau} | n |"
    return _table(head, lines())


def _searched() -> list[dict[str, Any]]:
    text = (RESULTS / "frontier_search.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def search() -> str:
    """What the search on the development part found."""

    def lines() -> Iterator[str]:
        for r in _searched():
            s = r["setting"]
            kind = f"{'unclipped, sizes jittered' if s['unclipped'] else 'clipped'}, dropout {s['dropout']:g}"
            kind += f", consistency {s['consistency']:g}" * bool(s["consistency"])
            kind += f", enlarged {s.get('zoom', 1)} times" * (s.get("zoom", 1) > 1)
            yield (
                f"| {s['resolution']} | {s['low']:g} to {s['high']:g} | {s['steps']} | {kind} | "
                f"{PARTS[r['data']]} | {r['sigma']:g} | {r['srocc_noisy']:.3f} | {r['sd_noise_over_sd_scores']:.3f} | "
                + " | ".join(f"{predicted(r, n):.1f} dB" for n in SEARCHED)
                + " |"
            )

    noise = "trained at sigma | steps | training"
    found = "part (development) | sigma | SROCC, 4 draws | SD of a draw / SD of the scores"
    return _table(f"| resolution | {noise} | {found} | n = 10 000 | n = 1 000 000 | any n |", lines())


SEARCHED = (1e4, 1e6, math.inf)


def search_best() -> str:
    """The best SROCC of the search for every strength and n."""

    def best(data: str, psnr: float, n: float) -> str:
        found = [r for r in _searched() if r["data"] == data and predicted(r, n) <= psnr]
        if not found:
            return "-"
        r = max(found, key=lambda r: r["srocc_noisy"])
        return f"{r['srocc_noisy']:.3f} ({r['setting']['resolution']} pixels, sigma {r['sigma']:g})"

    def lines() -> Iterator[str]:
        for data, name in PARTS.items():
            for psnr in (48.0, 45.0, 42.0, 40.0):
                yield f"| {name} | {psnr:g} dB | " + " | ".join(best(data, psnr, n) for n in SEARCHED) + " |"

    return _table("| part (development) | strength | n = 10 000 | n = 1 000 000 | any n |", lines())


def candidate() -> str:
    """Another network made for certificates, which does not ship, beside the one that does."""
    text = (RESULTS / "frontier_candidate.jsonl").read_text(encoding="utf-8")
    shipped = [row for row in rows() if row["defence"]["name"] == "certified"]
    found = [("96 pixels, enlarged twice", json.loads(line)) for line in text.splitlines()]
    found += [("`builtin-noise-192`, 192 pixels", row) for row in shipped]

    def lines() -> Iterator[str]:
        for name, r in sorted(found, key=lambda one: (one[1]["data"], -one[1]["certified"]["psnr_at_half_sd"])):
            c = r["certified"]
            yield (
                f"| {PARTS[r['data']]} | {name} | {r['sigma']:g} | {estimate(r['agreement']['srocc'])} | "
                f"{decibel(c['psnr_at_half_sd'])} | {c['images']}, n = {c['n']} |"
            )

    return _table("| part (validation) | network | sigma | SROCC | tau <= SD/2 up to | certificates |", lines())


def bands() -> str:
    """SROCC from the energies of bands alone, against the noise."""
    found = json.loads((RESULTS / "band_energies.json").read_text(encoding="utf-8"))["srocc"]
    sigmas = list(next(iter(found.values())))

    def lines() -> Iterator[str]:
        for part, values in found.items():
            yield f"| {PARTS[part]} | " + " | ".join(f"{values[sigma]:.3f}" for sigma in sigmas) + " |"

    return _table("| sigma, native pixels | " + " | ".join(sigmas) + " |", lines())


def published() -> str:
    """The denoisers that ship."""
    data = json.loads((RESULTS / "denoisers_training.json").read_text(encoding="utf-8"))["trained"]

    def lines() -> Iterator[str]:
        for name, d in data.items():
            c = d["config"]
            losses = ", ".join(f"{loss} {c[loss]:g}" for loss in ("mse", "target", "ranking") if c[loss])
            before = ", from its weights of before" if d.get("start") == name else ""
            yield (
                f"| `{name}` | {d['parameters'] / 1e6:.2f} M | {d['mac_per_pixel']:.0f} | {d['bytes'] / 1e6:.2f} MB | "
                f"{losses} | {c['sigma'][0]:g} to {c['sigma'][1]:g} | "
                f"{d['steps']} x {c['batch']} windows of {c['crop']}{before} | `{d['sha256'][:16]}` |"
            )

    return _table(
        "| name | parameters | MAC a pixel | file | losses | trained at sigma | training | sha256 begins |", lines()
    )


def development() -> str:
    """PSNR and SROCC of one draw behind each denoiser, on development contents."""
    data = json.loads((RESULTS / "denoisers_training.json").read_text(encoding="utf-8"))["development"]

    def lines() -> Iterator[str]:
        for part, found in data.items():
            for k in found["kinds"]:
                yield (
                    f"| {PARTS[part]} | {k['sigma']:g} | {k['kind']} | {k['psnr']:.1f} dB | {k['srocc']:.3f} | "
                    f"{k['mean_abs_change_over_sd']:.2f} |"
                )

    return _table("| part | sigma | image | PSNR | SROCC with MOS | mean change of the score / SD |", lines())


COLOURS = {"MS": "#7f8c9b", "DMS": "#3a7bbf", "DMS-IQA": "#1f3a5f", "noise-trained": "#c0662b", "certified": "#3f8f4f"}


def _colour(name: str) -> str:
    return COLOURS.get(name.split(",")[0].split(" at ")[0], "#000000")


def frontier_figure(path: Path) -> None:
    """SROCC against PSNR; the stronger the attack that is covered, the further to the left."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.4), layout="constrained")
    bare = {r["data"]: r["agreement"]["srocc"]["value"] for r in rows() if not r["sigma"]}
    for axes, (data, title) in zip(figure.subplots(1, 2, sharey=True, sharex=True), PARTS.items(), strict=True):
        mine = [p for p in frontier_points() if p["data"] == data and p["psnr"] != float("inf")]
        for name in dict.fromkeys(p["defence"] for p in mine):
            if name.startswith("MS at"):  # of no use to anybody; in the table
                continue
            line = sorted((p for p in mine if p["defence"] == name), key=lambda p: p["sigma"])
            marker = "s" if " at 192" in name else "^" if " at 96" in name else "o"
            x, y = [p["psnr"] for p in line], [p["srocc"]["value"] for p in line]
            ends = [[p["srocc"]["value"] - p["srocc"]["interval"][0] for p in line],
                    [p["srocc"]["interval"][1] - p["srocc"]["value"] for p in line]]  # fmt: skip
            axes.errorbar(
                x,
                y,
                yerr=ends,
                color=_colour(name),
                marker=marker,
                ms=4,
                lw=1.2,
                ls=":" if " at " in name else "-",
                elinewidth=0.5,
                label=name,
            )
            for p in line:
                axes.annotate(f"{p['sigma']:g}", (p["psnr"], p["srocc"]["value"]), xytext=(3, 3), fontsize=7,
                              textcoords="offset points", color=_colour(name))  # fmt: skip
        axes.axhline(bare[data], color="#999999", lw=1)
        axes.axhline(0.9 * bare[data], color="#999999", lw=1, ls=":")
        axes.axvline(42.1, color="#b03a2e", lw=0.8, ls="--")
        axes.set(title=title, xlabel="strongest attack with tau <= SD/2, median image [dB]")
        axes.grid(alpha=0.25)
    figure.axes[0].invert_xaxis()
    figure.axes[0].set_ylabel("SROCC with human scores")
    figure.axes[0].text(42.1, -0.09, " l_inf 2/255", fontsize=7, color="#b03a2e", rotation=90, va="bottom")
    figure.axes[0].text(0.01, bare["agiqa3k"] + 0.01, "undefended (dotted: 90 % of it)", fontsize=7, color="#777777",
                        transform=figure.axes[0].get_yaxis_transform())  # fmt: skip
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, fontsize=7, loc="outside right")
    figure.savefig(path, dpi=150, metadata={"Software": None})


def curves_figure(path: Path) -> None:
    """Development part, during training: PSNR and SROCC of the denoisers' output."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.4), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    for name in ("dms", "dms-iqa"):
        log = [r for r in training(f"denoiser_{name}_training.jsonl") if r.get("validation")]
        steps, seen = [r["step"] for r in log], [r["validation"] for r in log]
        colour = _colour(name.upper())
        left.plot(steps, [v["psnr"] for v in seen], color=colour, label=name.upper())
        if seen and "srocc" in seen[0]:
            middle.plot(steps, [v["srocc"] for v in seen], color=colour, label=name.upper())
            right.plot(steps, [v["target"] for v in seen], color=colour, label=f"{name.upper()}: target loss")
            right.plot(
                steps, [v["ranking"] for v in seen], color=colour, ls="--", label=f"{name.upper()}: ranking loss"
            )
    left.set(title="PSNR of D(x+z) [dB]", xlabel="step")
    middle.set(title="SROCC of M(D(x+z)) with MOS", xlabel="step")
    right.set(title="losses through the metric", xlabel="step")
    for axes in (left, middle, right):
        axes.grid(alpha=0.25)
        axes.legend(fontsize=7)
    figure.savefig(path, dpi=150, metadata={"Software": None})


def attacked() -> str:
    """The metric made for certificates under adaptive attack, in the pixels of the original."""

    def lines() -> Iterator[str]:
        for r in map(json.loads, (RESULTS / "certified_attack.jsonl").read_text(encoding="utf-8").splitlines()):
            v = r["verdict"]
            part = "agiqa3k" if "agiqa3k" in r["image"] else "livec"
            inside = "**no**" if v["median_low"] > v["upper"] or v["median_high"] < v["lower"] else "yes"
            yield (
                f"| {PARTS[part]} | {Path(r['image']).stem} | {r['score_before']:.2f} | "
                f"[{v['lower']:.2f}, {v['upper']:.2f}] | {r['objective']} | {v['median']:.2f} | {inside} |"
            )

    return _table("| part | image | score | certified interval at 2/255 | attack | median after | inside |", lines())


def cost() -> str:
    """Multiply-accumulates of denoiser and metric over those of the metric."""
    gmac = json.loads((RESULTS / "builtin_validation.json").read_text(encoding="utf-8"))["gmac_512x512"]
    mac = json.loads((RESULTS / "denoisers_training.json").read_text(encoding="utf-8"))["trained"]["dms-iqa"]
    return f"{1 + mac['mac_per_pixel'] * 512**2 / 1e9 / gmac:.1f}"


def shares() -> str:
    """What each defence keeps of the undefended SROCC at sigma 0.12, on the two parts."""
    kept: dict[str, list[str]] = {}
    for p in frontier_points():
        if p["sigma"] == 0.12 and p["defence"] in ("MS", "DMS", "DMS-IQA", "noise-trained"):
            kept.setdefault(p["defence"], []).append(f"{100 * p['share']:.0f}")
    return "; ".join(f"{name} {' and '.join(kept[name])} %" for name in ("MS", "DMS", "DMS-IQA", "noise-trained"))


BLOCKS = {
    "smoothing:shares": shares,
    "smoothing:cost": cost,
    "smoothing:correlation": correlation,
    "smoothing:tests": tests,
    "smoothing:certified": certified,
    "smoothing:frontier": frontier,
    "smoothing:attack": attacked,
    "smoothing:search": search,
    "smoothing:search-best": search_best,
    "smoothing:candidate": candidate,
    "smoothing:bands": bands,
}
DENOISER_BLOCKS = {"denoisers:published": published, "denoisers:development": development}

if __name__ == "__main__":
    FIGURES.mkdir(parents=True, exist_ok=True)
    frontier_figure(FIGURES / "frontier.png")
    curves_figure(FIGURES / "denoiser_training.png")
