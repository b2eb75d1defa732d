"""NT, adversarial, noise and plain training of the same metric: agreement with people against what attacks do.

    python benchmarks/nt.py --data ../shared/data --preset cpu
    python benchmarks/nt.py --data DIR --preset full --device cuda --base builtin --base pyiqa:hyperiqa --split nt-livec
    python benchmarks/nt.py --tables

Every variant (nt_models.py: undefended, clean, NT at several lambda and h, adversarial training with and without
lowered labels, noise, NT under noise) is a fine-tune of the base on the fit part of LIVE In the Wild; every row
(nt_measure.py) is one measurement of it on the validation part: agreement and gradient norm, the paper's four attacks,
PGD of many steps, the square attack, attack strength, signs of gradient masking, rank flips, and tau/SD under median
smoothing, bare and behind the denoiser dms-iqa. The preset cpu measures all of it on the variants that the comparison
rests on, and on the others what the curve over lambda needs. Attacks drive a score to the far end of the scale. With
--split nt-livec and the whole of LIVEC, the split is the paper's own.

One JSON line per row goes to --out as soon as it is there; what stands there is not computed again, and trainings go
on from their checkpoints in --work: a run that was killed goes on. --part 0/2 and --part 1/2 share the variants between
two processes, each with its own --out. --tables writes the tables of docs/defenses.md from the result file.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from nt_figure import draw
from nt_measure import FEW_ROWS, ROWS, Preset, Scene, measure
from nt_models import Variant, base_model, plan, test_part, trained
from nt_table import write_tables

from certiqa._provenance import model_sha256, now, versions
from certiqa.data import open_dataset
from certiqa.data.images import read_image
from certiqa.data.splits import fold
from certiqa.defenses.livec_split import splitting

ROOT = Path(__file__).resolve().parent.parent

PRESETS = {
    "smoke": Preset(
        {"steps": 3, "crop": 64, "batch": 2, "validate_every": 3, "validation_images": 4, "checkpoint_every": 3},
        images=6, one_step=6, attacked=2, steps=2, queries=5, uap=1, pairs=1, certified=2, n=40, side=240,
        strengths=(1, 4),
    ),
    "cpu": Preset(
        {"steps": 400, "batch": 8, "validate_every": 100, "validation_images": 64, "checkpoint_every": 50},
        images=0, one_step=64, attacked=16, steps=15, queries=100, uap=32, pairs=8, certified=6, n=400,
        strengths=(1, 2, 4, 8),
    ),
    "full": Preset(
        {"epochs": 16, "crops_per_image": 25, "validate_every": 500, "validation_images": 128, "checkpoint_every": 500},
        images=0, one_step=0, attacked=0, steps=100, queries=5000, uap=0, pairs=100, certified=50, n=2000,
    ),
}  # fmt: skip


def scene_of(data: Path, preset: Preset, split: str, seed: int) -> Scene:
    """The images that are measured, in an order drawn by a hash of their names."""
    part = test_part(data, split)
    order = sorted(part.records, key=lambda record: fold(record.name, 2**61, salt="benchmark:"))
    order = order[: preset.images or len(order)]
    rule = splitting(split)  # type: ignore[arg-type]
    fit = [record for record in open_dataset("livec", data / "livec").records if rule(record.content) == "fit"]
    fit = sorted(fit, key=lambda record: fold(record.name, 2**61, salt="uap:"))[: preset.uap or len(fit)]
    low, high = part.mos_range
    return Scene(
        [_pixels(record.path, preset.side) for record in order],
        np.array([(record.mos - low) * 100 / (high - low) for record in order]),
        [record.content for record in order],
        [_pixels(record.path, preset.side) for record in fit],
        preset,
        seed,
    )


def _pixels(path: Path, side: int) -> torch.Tensor:
    pixels = torch.from_numpy(np.rint(255 * read_image(path).as_float()).astype(np.uint8))
    if not side:
        return pixels
    top, left = ((extent - side) // 2 for extent in pixels.shape[1:])
    return pixels[:, top : top + side, left : left + side].contiguous()


def rows_there(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()] if out.exists() else []


def identity(variant: Variant, row: str, args: argparse.Namespace) -> dict[str, Any]:
    return {"base": variant.base, "variant": variant.name, "row": row, "preset": args.preset, "split": args.split,
            "seed": args.seed}  # fmt: skip


def run(variant: Variant, scene: Scene, args: argparse.Namespace, common: dict[str, Any]) -> None:
    """Train the variant, and measure what is not there yet."""
    done = [row["identity"] for row in rows_there(args.out)]
    asked = FEW_ROWS if args.preset == "cpu" and not variant.key else ROWS
    rows = [row for row in args.rows if row in asked and identity(variant, row, args) not in done]
    if not rows:
        return

    def log(step: int, steps: int, record: dict[str, Any]) -> None:
        if record:
            print(variant.base, variant.name, f"step {step}/{steps}", json.dumps(record["validation"]), flush=True)

    begin = time.perf_counter()
    settings = {**PRESETS[args.preset].settings, "seed": args.seed}
    model, facts = trained(variant, args.data, args.work, settings, args.split, args.device, log)
    seconds = round(time.perf_counter() - begin, 1)
    undefended = base_model(variant.base, args.device, args.data, args.split)
    for row in rows:
        begin = time.perf_counter()
        found = measure(row, model, scene, undefended)
        line = {"identity": identity(variant, row, args), **found, "training": facts, "training_seconds": seconds}
        line |= {"model_sha256": model_sha256(model), "seconds": round(time.perf_counter() - begin, 1)} | common
        with args.out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line | {"date": now()}) + "\n")
        print(variant.base, variant.name, row, f"{line['seconds']} s", flush=True)


def parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with livec/")
    parser.add_argument("--preset", choices=PRESETS, default="cpu")
    parser.add_argument("--base", action="append", help="builtin, eonss, or another metric; repeat. Default: both")
    parser.add_argument("--variants", nargs="*", help="only these")
    parser.add_argument("--rows", nargs="*", choices=ROWS, default=ROWS)
    parser.add_argument("--split", choices=("certiqa", "nt-livec"), default="certiqa")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "nt.jsonl")
    parser.add_argument("--work", type=Path, default=ROOT / "out" / "nt", help="weights and checkpoints")
    parser.add_argument("--part", default="0/1", help="which share of the variants, as 0/2 and 1/2")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tables", action="store_true", help="only the tables of docs/defenses.md, from --out")
    parser.add_argument("--figure", type=Path, help="with --tables: the trade-off over lambda, as a PNG")
    args = parser.parse_args(argv)
    if not args.tables and args.data is None:
        parser.error("--data is needed")
    return args


def main(argv: list[str]) -> None:
    args = parse(argv)
    if args.tables:
        rows = rows_there(args.out)
        write_tables(rows, ROOT / "docs" / "defenses.md")
        if args.figure:
            draw(rows, "builtin", args.figure)
        return
    torch.set_num_threads(args.threads)
    args.work = args.work / f"{args.preset} {args.split} {args.seed}".replace(" ", "_")
    args.work.mkdir(parents=True, exist_ok=True)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    scene = scene_of(args.data, PRESETS[args.preset], args.split, args.seed)
    machine = {"cpu": platform.machine(), "cores": os.cpu_count(), "threads": args.threads, "device": args.device}
    if args.device.startswith("cuda"):
        machine["gpu"] = torch.cuda.get_device_name(args.device)
    common = {"command": shlex.join(["python", "benchmarks/nt.py", *argv]), "versions": versions(), "machine": machine}
    share, shares = map(int, args.part.split("/"))
    for number, variant in enumerate(plan(tuple(args.base or ("builtin", "eonss")), args.preset == "cpu")):
        if number % shares == share and (not args.variants or variant.name in args.variants):
            run(variant, scene, args, common)


if __name__ == "__main__":
    main(sys.argv[1:])
