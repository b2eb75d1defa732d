"""Write the tables of README.md and docs/measurements.md from the committed result files.

Usage: python benchmarks/tables.py [--check]    (--check: write nothing, fail if a file would change)
"""

from __future__ import annotations

import argparse
import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import attack_tables
import effect_tables
import energy_tables
import smoothing_tables
from weights_notice import notice

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
NAMES = {"agiqa3k": "AGIQA-3K, held-out prompts", "livec": "LIVE In the Wild, held-out images"}


def load(name: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((RESULTS / name).read_text(encoding="utf-8"))
    return data


def _estimate(row: dict[str, Any], digits: int = 3) -> str:
    low, high = row["interval"]
    return f"{row['value']:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def builtin_table() -> str:
    """SROCC and PLCC of the built-in metric with their intervals."""
    lines = ["| validation part | images | SROCC | PLCC (after the 4-parameter logistic) |", "|---|---|---|---|"]
    for key, row in load("builtin_validation.json")["validation"].items():
        lines.append(f"| {NAMES[key]} | {row['n']} | {_estimate(row['srocc'])} | {_estimate(row['plcc_logistic'])} |")
    return "\n".join([*lines, "", _BRACKETS.format("builtin_validation.json")])


_BRACKETS = "In brackets: 95 % bootstrap intervals over contents (`benchmarks/results/{}`)."


def agreement_table() -> str:
    """All figures of the built-in metric, and of others on the same images."""
    head = "| validation part | metric | images / contents | SROCC | KROCC | PLCC (logistic) | RMSE (logistic) |"
    lines = [head, "|---|---|---|---|---|---|---|"]
    for line in (RESULTS / "evaluate.jsonl").read_text(encoding="utf-8").splitlines():
        run = json.loads(line)
        for row in run["metrics"]:
            a = row["agreement"]
            cells = " | ".join(_estimate(a[m]) for m in ("srocc", "krocc", "plcc_logistic", "rmse_logistic"))
            lines.append(f"| {NAMES[run['data']['name']]} | {row['name']} | {a['n']} / {a['contents']} | {cells} |")
    return "\n".join([*lines, "", _BRACKETS.format("evaluate.jsonl")])


def candidates_table() -> str:
    """What ships, what shipped before, and means of other trainings of step 3."""
    lines = ["| weights | " + " | ".join(f"SROCC, {NAMES[key]}" for key in CANDIDATES_ON) + " |"]
    lines.append("|---" * (1 + len(CANDIDATES_ON)) + "|")
    text = (RESULTS / "builtin_candidates.jsonl").read_text(encoding="utf-8")
    runs = {_training_words(run["training"]): run for run in map(json.loads, text.splitlines())}
    for words, run in {"what ships": load("builtin_validation.json"), **runs}.items():
        cells = (_estimate(run["validation"][key]["srocc"]) for key in CANDIDATES_ON)
        lines.append(f"| {words} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", _BRACKETS.format("builtin_candidates.jsonl")])


CANDIDATES_ON = ("agiqa3k", "livec")


def _training_words(training: dict[str, Any]) -> str:
    """What a mean is of; the records of the first candidates call their steps by the two scales that all had."""
    if "members" not in training:
        return "what ships, without step 4 (it shipped before)"
    steps = training.get("last_steps", training.get("two_scale_steps"))
    groups = (
        (training["members"], f"of {steps} steps"),
        (training["leaning"], f"of {training['leaning_steps']} steps, leaning to AGIQA-3K"),
    )
    words = [f"{len(seeds)} trainings {kind}" if len(seeds) > 1 else f"one {kind}" for seeds, kind in groups if seeds]
    words += ["the one-scale start"] * training["with_start"]
    return f"{('two', 'three')[training.get('scales', 2) - 2]} scales: {', '.join(words)}"


def kinds_words() -> str:
    """What the guess of a picture's source adds, on the validation parts."""
    kinds = load("builtin_validation.json")["kinds"]
    made = kinds["agiqa3k"]
    before, after = made["srocc_within_generators"]["without"], made["srocc_within_generators"]["with"]
    gains = []
    for key in CANDIDATES_ON:
        row = kinds[key]["difference_of_srocc"]
        low, high = map(_signed, row["interval"])
        gains.append(f"{_signed(row['value'])} ({low} to {high}, p {row['p']:.2f}) on {NAMES[key]}")
    return (
        "On the held-out prompts the mean MOS of a picture's generator alone, the generator being known, has an SROCC "
        f"of {made['srocc_of_the_generators_means']:.3f}; the layer guesses {100 * made['guessed_right']:.0f} % of the "
        f"generators right. Against the same network without it the SROCC changes by {' and '.join(gains)}. Among "
        f"pictures of one generator it is {after:.3f} with it and {before:.3f} without (ranks of what is left when "
        "each generator's mean is taken off)."
    )


def _signed(value: float) -> str:
    return f"{value:+.3f}"


def builtin_size() -> str:
    data = load("builtin_validation.json")
    return f"{data['parameters'] / 1e6:.2f} M parameters, {data['gmac_512x512']:.2f} GMAC for a 512x512 image"


def builtin_file() -> str:
    data = load("builtin_validation.json")
    return f"{data['bytes'] / 1e6:.2f} MB (half-precision safetensors), sha256 `{data['sha256']}`"


def cost_tables() -> str:
    """Ratios to the bare forward pass, and peak memory."""
    data = load("certify_cost.json")
    lines = ["| image | n | bare forward | noise | model | rest | certify in all |", "|---|---|---|---|---|---|---|"]
    for row in data["times"]:
        r = row["over_bare_forward"]
        size = f"{row['image']} {row['shape'][2]}x{row['shape'][1]}"
        shares = " | ".join(f"{r[part]:.3f}" for part in ("noise", "model", "rest", "total"))
        lines.append(f"| {size} | {row['n']} | 1 | {shares} |")
    side = data["memory_side"]
    lines += ["", f"| scores n ({side}x{side} image) | peak memory of the process |", "|---|---|"]
    lines += [f"| {n} | {mb:.0f} MB |" for n, mb in data["peak_megabytes"].items()]
    return "\n".join(lines)


def attack_table() -> str:
    """Where attacked medians ended up."""
    data = load("attack_certificate.json")
    head = "| image | n | eps | attack | certified interval | score | median after | share of the room | inside |"
    lines = [head, "|---|---|---|---|---|---|---|---|---|"]
    for r in data["rows"]:
        interval = f"[{r['lower']:.2f}, {r['upper']:.2f}]"
        verdict = "yes" if r["inside"] and r["within_budget"] else "**NO**"
        image = f"{r['image']} {r['size']}x{r['size']}"
        moved = f"{r['score']:.2f} | {r['median_after']:.2f} | {100 * r['share_of_room']:.0f} %"
        lines.append(f"| {image} | {r['n']} | {r['eps']:.3f} | {r['attack']} | {interval} | {moved} | {verdict} |")
    return "\n".join([*lines, "", f"Each median after an attack is that of {data['fresh']} fresh scores."])


def noise_table() -> str:
    """Lattice noise against the forward pass."""
    data = load("noise_cost.json")
    ms, s = data["ms_per_sample"], data["settings"]
    forward = ms["built-in model, forward"]
    lines = [
        f"| {s['size']}x{s['size']} image, sigma {s['sigma']:g}, {s['threads']} threads | over the built-in forward |",
        "|---|---|",
    ]
    names = ("lattice noise, drawing alone", "lattice noise", "float noise", "torch.randn", "randn + x, clip")
    return "\n".join([*lines, *(f"| {name} | {ms[name] / forward:.3f} |" for name in names)])


def weights_of(result: str, card: str = "builtin.md") -> dict[str, Any]:
    """The sentence on the weights behind the figures of a page."""
    return {"weights": partial(notice, ROOT / result, card=card)}


BLOCKS: dict[str, dict[str, Any]] = {
    "README.md": {"builtin:table": builtin_table, "builtin:size": builtin_size},
    "docs/smoothing.md": smoothing_tables.BLOCKS | weights_of("benchmarks/results/denoised_smoothing.jsonl"),
    "docs/defenses.md": weights_of("benchmarks/results/nt.jsonl"),
    "docs/comparison.md": weights_of("docs/comparison/comparison.json"),
    "docs/heads.md": energy_tables.BLOCKS,
    "docs/denoisers.md": smoothing_tables.DENOISER_BLOCKS,
    "docs/attack_results.md": weights_of("benchmarks/results/attacks.jsonl")
    | {
        "attacks:bare": partial(attack_tables.summary_table, "bare"),
        "attacks:smoothed": partial(attack_tables.summary_table, "smoothed"),
        "attacks:effects": effect_tables.effects_table,
        "attacks:words": effect_tables.words,
        "attacks:defences": effect_tables.defences_table,
        "attacks:masking": attack_tables.masking_table,
        "attacks:theorem": attack_tables.theorem_table,
        "attacks:soundness": attack_tables.soundness_table,
        "attacks:bare-whole": attack_tables.bare_table,
        "attacks:smoothed-whole": attack_tables.smoothed_table,
    },
    "docs/builtin.md": {
        "builtin:size": builtin_size,
        "builtin:file": builtin_file,
        "builtin:kinds": kinds_words,
        "builtin:agreement": agreement_table,
        "builtin:candidates": candidates_table,
    },
    "docs/measurements.md": {"cost:tables": cost_tables, "noise:table": noise_table, "attack:table": attack_table},
}


def filled(text: str, marker: str, content: str) -> str:
    """Replace what stands between <!-- marker --> and <!-- /marker --> (or put it there the first time)."""
    inline = "\n" not in content
    block = f"<!-- {marker} -->{'' if inline else chr(10)}{content}{'' if inline else chr(10)}<!-- /{marker} -->"
    pattern = re.compile(f"<!-- {re.escape(marker)} -->(?:.*?<!-- /{re.escape(marker)} -->)?", re.DOTALL)
    if not pattern.search(text):
        raise SystemExit(f"The marker {marker!r} is missing.")
    return pattern.sub(lambda _: block, text, count=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    for name, blocks in BLOCKS.items():
        path = ROOT / name
        before = after = path.read_text(encoding="utf-8")
        for marker, content in blocks.items():
            after = filled(after, marker, content())
        if check and after != before:
            raise SystemExit(f"{name} is not what the result files say: run python benchmarks/tables.py")
        path.write_text(after, encoding="utf-8")


if __name__ == "__main__":
    main()
