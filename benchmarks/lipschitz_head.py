"""Train the heads that bound themselves, and measure their certificates, which have no chance in them.

    python benchmarks/lipschitz_head.py --data ../shared/data --numbers work/energies --dev
    python benchmarks/lipschitz_head.py --data ../shared/data --numbers work/energies --head additive \
        --out certiqa/metrics/weights/builtin-lipschitz.safetensors

The numbers of all pictures are those of benchmarks/train_energy.py, kept in --numbers. With --dev the development part
(certiqa.heads.examples.is_development) is kept out of the fit and measured: every setting was chosen so. Without, the
head learns from the whole fit parts, is written to --out (an additive one), and the validation part is measured, once.
Appends a line to --log for each head: for both data sets SROCC, and at 48, 42, 36 and 30 dB the median over pictures of
the certified tau over the standard deviation of the scores; and how near a gradient ascent on the numbers comes to the
bound at 42 dB.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lipschitz_training import RHO, Fit, fit_additive, fit_lipschitz
from scipy import stats
from train_energy import FRONT_END, SOURCES, examples

from certiqa.data.splits import is_validation
from certiqa.heads import Examples
from certiqa.heads.additive import AdditiveHead
from certiqa.heads.additive_files import write_additive
from certiqa.heads.examples import is_development
from certiqa.heads.lipschitz import LipschitzHead

ROOT = Path(__file__).resolve().parents[1]
PSNR = (48, 42, 36, 30)
ROOM = 1 + 1e-3
"""For the grid on which a certificate puts the numbers, and the front end's norm, which is 1 in these units."""
Bounded = AdditiveHead | LipschitzHead


def trained(kind: str, fitted: Examples, fit: Fit) -> Bounded:
    if kind == "additive":
        return fit_additive(fitted, fit)
    return fit_lipschitz(fitted, replace(fit, hidden=() if kind == "linear" else fit.hidden))


def measured(head: Bounded, apart: Examples, ascents: int) -> dict[str, Any]:
    """SROCC and tau/SD of both data sets."""
    radii = ROOM * 10 ** (-np.array(sorted(PSNR, reverse=True)) / 20)
    found: dict[str, Any] = {}
    for group, source in enumerate(SOURCES):
        own = np.flatnonzero(apart.groups == group)
        z = apart.numbers[0, own].astype(np.float64)
        answers = [head.ball_bounds(one, radii) for one in z]
        scores = np.array([score for score, _, _ in answers])
        tau = np.array([np.maximum(upper - score, score - lower) for score, lower, upper in answers])
        line = {"n": len(own), "srocc": float(stats.spearmanr(scores, apart.scores[own]).statistic)}
        line |= {"sd": float(scores.std())}
        for column, decibel in enumerate(sorted(PSNR, reverse=True)):
            line[f"tau_over_sd_{decibel}"] = float(np.median(tau[:, column]) / scores.std())
        reached = [reach(head, one, float(t)) for one, t in zip(z[:ascents], tau[:ascents, 1], strict=True)]
        line |= {"reached_42_min": min(reached), "reached_42_max": max(reached)} if reached else {}
        found[source] = {name: round(value, 4) for name, value in line.items()}
    return found


def reach(head: Bounded, z: np.ndarray, tau: float, steps: int = 60) -> float:
    """The largest change of the score that gradient ascent finds on the ball of 42 dB, over the certified one."""
    head, start, best = head.double(), torch.from_numpy(z)[None], 0.0
    score = float(head(start))
    for sign in (1, -1):
        moved = torch.zeros_like(start)
        for step in range(steps):
            moved.requires_grad_()
            value = head(start + moved).sum()
            best = max(best, abs(value.item() - score))
            (gradient,) = torch.autograd.grad(sign * value, moved)
            moved = moved.detach() + gradient * RHO * (1 - step / steps) / gradient.norm()
            moved = moved * min(1.0, RHO / float(moved.norm()))
    head.float()
    return best / tau


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--numbers", type=Path, required=True, help="folder that keeps the front end's numbers")
    parser.add_argument("--head", choices=("additive", "maxmin", "linear"), action="append")
    parser.add_argument("--out", type=Path, help="where an additive head is written")
    parser.add_argument("--log", type=Path, default=ROOT / "benchmarks" / "results" / "lipschitz_head.jsonl")
    parser.add_argument("--dev", action="store_true", help="keep the development part out, and measure it")
    parser.add_argument("--ascents", type=int, default=20, help="pictures of each data set that are attacked")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="of Fit")
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    fit = replace(Fit(), **{name: json.loads(value) for name, value in (one.split("=") for one in args.set)})
    every = examples(args.data, args.numbers)
    fitted = every.where(lambda content: not is_validation(content))
    if args.dev:
        apart, fitted = fitted.where(is_development), fitted.where(lambda content: not is_development(content))
    else:
        apart = every.where(is_validation)
    for kind in args.head or ["additive", "maxmin", "linear"]:
        begin = time.perf_counter()
        head = trained(kind, fitted, fit)
        head.front_end_digest = FRONT_END.digest
        seconds = time.perf_counter() - begin
        line: dict[str, Any] = {
            "head": kind,
            "part": "development" if args.dev else "validation",
            "measured": measured(head, apart, args.ascents),
            "front_end": FRONT_END.to_dict(),
            "examples": fitted.digest,
            "fit": asdict(fit),
            "seconds": round(seconds, 1),
            "command": shlex.join(["python", "benchmarks/lipschitz_head.py", *argv]),
        }
        if args.out and isinstance(head, AdditiveHead):
            training = {"licence": "Apache-2.0", "trained_on": list(SOURCES), "fit": asdict(fit)}
            line["sha256"] = write_additive(head, FRONT_END.to_dict(), training, args.out)
        args.log.parent.mkdir(parents=True, exist_ok=True)
        with args.log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        print(kind, json.dumps(line["measured"]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
