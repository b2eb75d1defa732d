"""Train the head of builtin-energy, and measure it on development or on validation.

    python benchmarks/train_energy.py --data ../shared/data --numbers work/energies --dev
    python benchmarks/train_energy.py --data ../shared/data --numbers work/energies \
        --out certiqa/metrics/weights/builtin-energy.safetensors

The numbers of all pictures are computed once and kept in --numbers, named by the front end's digest. With --dev the
development part (certiqa.heads.examples.is_development) is kept out of the fit and measured: every setting was chosen
so (benchmarks/energies_search.py). Without, the head learns from the whole fit parts and the validation part is
measured, once. Writes --out, --out.jsonl (the training's log) and --log: SROCC and tau/SD of the law of the scores.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from energies_search import SOURCES, examples

from certiqa.data.splits import is_validation
from certiqa.frontends import Energies
from certiqa.heads import HeadConfig, read_head, train
from certiqa.heads.examples import is_development
from certiqa.heads.measuring import noisy_scores, summary

ROOT = Path(__file__).resolve().parents[1]
FRONT_END, CROPS = Energies(orientations=2), 6
CONFIG = HeadConfig(kinds=1.0, hidden=256, members=2, radius=2.0, width=(0.45, 0.32), steps=1000)
PSNR = (48.0, 42.0, 36.0, 30.0)
DRAWS = 4_000


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--numbers", type=Path, required=True, help="folder that keeps the front end's numbers")
    parser.add_argument("--out", type=Path, default=Path("out/builtin-energy.safetensors"))
    parser.add_argument("--log", type=Path, default=ROOT / "benchmarks" / "results" / "builtin_energy.jsonl")
    parser.add_argument("--dev", action="store_true", help="keep the development part out, and measure it")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="of HeadConfig")
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    config = replace(CONFIG, **{name: json.loads(value) for name, value in (one.split("=") for one in args.set)})
    every = examples(args.data, args.numbers, FRONT_END, CROPS, part="all")
    fitted = every.where(lambda content: not is_validation(content))
    if args.dev:
        apart, fitted = fitted.where(is_development), fitted.where(lambda content: not is_development(content))
    else:
        apart = every.where(is_validation)
    done = train(config, FRONT_END, fitted, args.out, licence="Apache-2.0")
    head, _ = read_head(args.out)
    scores = noisy_scores(head, apart, config.sigma, DRAWS, config.seed)
    line: dict[str, Any] = {
        "name": args.out.stem,
        "part": "development" if args.dev else "validation",
        "measured": summary(scores, apart, SOURCES, config.sigma, PSNR),
        "front_end": FRONT_END.to_dict(),
        "config": config.as_mapping(),
        "sha256": done.sha256,
        "command": shlex.join(["python", "benchmarks/train_energy.py", *argv]),
    }
    args.log.parent.mkdir(parents=True, exist_ok=True)
    with args.log.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    print(json.dumps(line["measured"]))


if __name__ == "__main__":
    main(sys.argv[1:])
