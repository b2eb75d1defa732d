"""Train a learned front end and measure it against its own starting point; both on the validation parts.

    python benchmarks/learned_front_end.py --data ../shared/data --name frozen --steps 0
    python benchmarks/learned_front_end.py --data ../shared/data --name learned --steps 3000 --out work/learned.pt
    python benchmarks/learned_front_end.py --data ../shared/data --name learned --init work/learned.pt --steps 0 \
        --export certiqa/frontends/weights/learned.safetensors
    python benchmarks/learned_front_end.py --data ../shared/data --name learned --init work/learned.pt --validation

The orthogonal maps start as colour rotation and cosine transform and are trained with a head under the noise, on the
fit parts of both data sets less a development part (one content in five, fold(content, 5, salt="learned-dev") == 0).
Then, whatever the maps, heads are trained from scratch on the numbers of whole pictures, the same way for all, and
measured on the development part. Only --validation reads the validation parts, and measures with the exact ranks of a
certificate.
Every run appends one line to --log.
"""

from __future__ import annotations

import argparse
import json
import platform
import shlex
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from learned_training.export import export
from learned_training.fit import Plan, fit, fit_head
from learned_training.measure import certified, exact_numbers, law, numbers_of, views_of
from learned_training.network import Head, Maps
from learned_training.pictures import SOURCES, is_dev, read

from certiqa.frontends.learned import Learned

ROOT = Path(__file__).resolve().parents[1]


def parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with livec/ and agiqa3k/")
    parser.add_argument("--name", required=True, help="of the run, in the log")
    parser.add_argument("--steps", type=int, default=0, help="of training the maps; 0: they stay as they are")
    parser.add_argument("--init", type=Path, help="maps of an earlier --out")
    parser.add_argument("--depth", type=int, default=2, help="stages behind the first one")
    parser.add_argument("--sigma", type=float, default=0.0063, help="RMS units")
    parser.add_argument("--width", type=float, default=0.2, help="weight of the certified width while the maps train")
    parser.add_argument("--turn", type=float, default=1.5e-3, help="learning rate of the orthogonal maps")
    parser.add_argument("--rate", type=float, default=2e-3, help="learning rate of the head beside them")
    parser.add_argument("--heads", type=float, nargs="*", default=(0.0053, 0.3, 0.0126, 0.2))
    parser.add_argument("--head-steps", type=int, default=3000)
    parser.add_argument("--decay", type=float, default=1e-2, help="weight decay of the heads")
    parser.add_argument("--views", type=int, default=12, help="windows of each picture to train the heads on")
    parser.add_argument("--seeds", type=int, default=1, help="heads per setting")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="where the maps are kept")
    parser.add_argument("--export", type=Path, help="where the weight file is written")
    parser.add_argument("--validation", action="store_true", help="measure on the validation parts, in float64")
    parser.add_argument("--n", type=int, default=20_000, help="samples of a certificate")
    parser.add_argument("--log", type=Path, default=ROOT / "benchmarks" / "results" / "learned_front_end.jsonl")
    return parser.parse_args(argv)


def trained(args: argparse.Namespace) -> tuple[Maps, dict[str, Any]]:
    """The maps of this run, and how they were made."""
    given = torch.load(args.init, weights_only=True) if args.init else {}
    depth = sum(name.startswith("deep.") and name.endswith(".free") for name in given) if given else args.depth
    maps = Maps(depth)
    if given:
        maps.load_state_dict(given)
    if not args.steps:
        return maps, {"maps": args.init.stem if args.init else "start"}
    parts = {source: read(args.data, source, "fit").where(lambda one: not is_dev(one)) for source in SOURCES}
    plan = Plan(args.sigma, args.steps, width=args.width, turn=args.turn, rate=args.rate, seed=args.seed)
    torch.manual_seed(args.seed)
    head = Head(maps.numbers, plan.sigma)
    seconds = fit(maps, head, parts, plan, learn_maps=True, keep=args.out)
    return maps, {"plan": asdict(plan), "seconds": round(seconds), "turned": maps.turned()}


def compared(args: argparse.Namespace, maps: Maps) -> list[dict[str, Any]]:
    """Heads from scratch on the maps' numbers, on the development part."""
    parts = {source: read(args.data, source, "fit") for source in SOURCES}
    fits = {
        source: views_of(maps, part.where(lambda one: not is_dev(one)), args.views) for source, part in parts.items()
    }
    devs = {source: part.where(is_dev) for source, part in parts.items()}
    numbers = {source: numbers_of(maps, part) for source, part in devs.items()}
    found = []
    for sigma, width in zip(args.heads[::2], args.heads[1::2], strict=True):
        plans = [Plan(sigma, args.head_steps, width=width, seed=seed, decay=args.decay) for seed in range(args.seeds)]
        heads = [fit_head(fits, plan) for plan in plans]
        row: dict[str, Any] = {"sigma": sigma, "width": width}
        for source, part in devs.items():
            row[source] = [law(head, numbers[source], part.scores, sigma) for head in heads]
        found.append(row)
        print(json.dumps(row), flush=True)
    return found


def validated(args: argparse.Namespace, maps: Maps) -> tuple[str, list[dict[str, Any]]]:
    """SHA-256 of these maps' weight file, and figures on the validation parts with heads trained on whole fit parts."""
    with tempfile.TemporaryDirectory() as folder:
        export(maps, Path(folder) / "weights")
        phi = Learned.of_file(Path(folder) / "weights")
    fits = {source: views_of(maps, read(args.data, source, "fit"), args.views) for source in SOURCES}
    kept = {source: read(args.data, source, "validation", resized=False) for source in SOURCES}
    numbers = {source: exact_numbers(phi, part) for source, part in kept.items()}
    found = []
    for sigma, width in zip(args.heads[::2], args.heads[1::2], strict=True):
        head = fit_head(fits, Plan(sigma, args.head_steps, width=width, seed=args.seed, decay=args.decay))
        row: dict[str, Any] = {"sigma": sigma, "width": width, "n": args.n, "alpha": 1e-3}
        row |= {source: certified(head, phi, part, numbers[source], sigma, args.n) for source, part in kept.items()}
        found.append(row)
        print(json.dumps(row), flush=True)
    return phi.weights.sha256, found


def main(argv: list[str]) -> None:
    args = parse(argv)
    torch.set_num_threads(1)
    started = time.perf_counter()
    row: dict[str, Any] = {"name": args.name, "part": "validation" if args.validation else "development"}
    maps, how = trained(args)
    row |= {"depth": len(maps.deep), "numbers": maps.numbers} | how
    if args.out:
        torch.save(maps.state_dict(), args.out)
    if args.export:
        export(maps, args.export)
    if args.validation:
        row["weights"], row["heads"] = validated(args, maps)
    else:
        row["heads"] = compared(args, maps)
    row |= {
        "head_steps": args.head_steps,
        "decay": args.decay,
        "views": args.views,
        "seconds_in_all": round(time.perf_counter() - started),
    }
    row |= {"torch": torch.__version__, "numpy": np.__version__, "machine": platform.machine()}
    row["command"] = shlex.join(["python", "benchmarks/learned_front_end.py", *argv])
    with args.log.open("a", encoding="utf-8") as log:
        log.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
