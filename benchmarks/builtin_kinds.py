"""Add to a trained built-in metric what it guesses of the source of a picture, and measure it.

    git show d4b9912:certiqa/metrics/weights/builtin.safetensors > two-scale.safetensors
    python benchmarks/builtin_kinds.py --data ../shared/data --start two-scale.safetensors

The metric of --start (benchmarks/train_builtin.py makes it) is left as it is; a linear layer is fitted beside its head
(builtin_training/kinds.py). DIR holds livec/ and agiqa3k/. Only the fit parts are read for it; the shrinkage is that
under which the kinds of held-out contents are likeliest. Writes the weights to --out, the same half-precision file but
for 16 numbers, and the figures to results/builtin_validation.json, as train_builtin.py does; the sha256 printed at the
end goes into certiqa/metrics/builtin.py.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from builtin_training.kinds import chosen_shrinkage, statistics_of, with_kinds
from builtin_training.pictures import SOURCES, kind_of, read, to_tensor
from PIL import Image
from scipy import stats
from train_builtin import RESULTS, WEIGHTS, save, write_figures

from certiqa.data import open_dataset
from certiqa.evaluation import compare, score_dataset
from certiqa.metrics.builtin import BuiltinMetric, load_builtin


def parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with livec/ and agiqa3k/")
    parser.add_argument("--start", type=Path, required=True, help="the metric, without kinds")
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="weight file to write")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the figures")
    parser.add_argument("--measure-only", action="store_true", help="only measure the weights at --out")
    parser.add_argument("--weight", type=float, default=0.3, help="how much of a kind's mean MOS is added")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args(argv)


def within(scores: np.ndarray, mos: np.ndarray, kinds: np.ndarray) -> float:
    """SROCC of what is left of scores and MOS when each kind's own mean is taken off."""
    for kind in np.unique(kinds):
        rows = kinds == kind
        scores = np.where(rows, scores - scores[rows].mean(), scores)
        mos = np.where(rows, mos - mos[rows].mean(), mos)
    return float(stats.spearmanr(scores, mos).statistic)


@torch.inference_mode()
def measure(args: argparse.Namespace) -> dict[str, Any]:
    """On the validation parts: against the metric without kinds, and, for AGIQA-3K, what the kinds alone say."""
    nets = {"with": load_builtin(args.device, args.out), "without": load_builtin(args.device, args.start)}
    found: dict[str, Any] = {}
    for source in SOURCES:
        opened = open_dataset(source, args.data / source)
        part = opened.part("validation")
        scores = {name: score_dataset(net, part).scores for name, net in nets.items()}
        (one,) = compare(
            scores, part.mos(), contents=part.contents(), statistics=["srocc"], against="with", seed=args.seed
        )
        found[source] = {"difference_of_srocc": {"value": one.difference, "interval": one.interval, "p": one.p}}
        if source == "agiqa3k":
            known, kinds = (np.array([kind_of(r.name) for r in data.records]) for data in (opened.part("fit"), part))
            means = {kind: opened.part("fit").mos()[known == kind].mean() for kind in np.unique(known)}
            alone = stats.spearmanr([means[kind] for kind in kinds], part.mos()).statistic
            guessed = np.array([guess(nets["with"], record.path) for record in part.records])
            found[source] |= {
                "srocc_of_the_generators_means": round(float(alone), 4),
                "guessed_right": round(float((guessed == kinds).mean()), 4),
                "srocc_within_generators": {n: round(within(s, part.mos(), kinds), 4) for n, s in scores.items()},
            }
    return found


def guess(metric: BuiltinMetric, path: Path) -> int:
    """The likeliest kind of a picture."""
    pixels = np.array(Image.open(path).convert("RGB"))
    image = to_tensor(pixels[None]).to(next(metric.parameters()).device)
    return int(metric.kind(metric.statistics(image)).argmax())


def main(argv: list[str]) -> None:
    args = parse(argv)
    torch.set_num_threads(args.threads)
    target = args.results / "builtin_validation.json"
    if args.measure_only:
        figures = json.loads(target.read_text(encoding="utf-8"))
        target.write_text(json.dumps(figures | {"kinds": measure(args)}, indent=2) + "\n", encoding="utf-8")
        return
    start = time.perf_counter()
    metric = load_builtin(args.device, args.start)
    if metric.widths.kinds:
        raise SystemExit(f"{args.start} has kinds already")
    found = statistics_of(metric, [read(args.data, source) for source in SOURCES], args.seed)
    shrinkage, likely = chosen_shrinkage(found)
    print(json.dumps({"shrinkage": shrinkage, "log_likelihood": likely}), flush=True)
    save(with_kinds(metric.cpu(), found, shrinkage, args.weight), args.out)
    training = {
        "command": shlex.join(["python", "benchmarks/builtin_kinds.py", *argv]),
        "seconds": round(time.perf_counter() - start, 1),
        "seed": args.seed,
        "start": args.start.name,
        "start_sha256": metric.card.weights_sha256,
        "kinds_weight": args.weight,
        "shrinkage": shrinkage,
        "log_likelihood": {str(one): round(value, 4) for one, value in likely.items()},
    }
    write_figures(args, training["command"], training)
    main([*argv, "--measure-only"])


if __name__ == "__main__":
    main(sys.argv[1:])
