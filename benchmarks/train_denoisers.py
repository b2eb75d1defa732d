"""Train the two shipped denoisers for the built-in metric, and measure them on contents that took no part.

    export MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=100000000000
    python benchmarks/train_denoisers.py --data ../shared/data
    python benchmarks/train_denoisers.py --data ../shared/data --only dms-iqa

"dms" learns the squared error alone; "dms-iqa" goes on from dms's weights (or from --start: from its own of before,
say, when the built-in metric is a new one) with squared error, target and ranking loss through the frozen built-in
metric. DIR holds livec/, agiqa3k/ (each with images/ and mos.csv) and kodak24/. No image of the validation part
(certiqa.data.splits) is read; one content in eight of the rest is kept apart (development) and gives the figures here.
A run that was stopped goes on when the command is repeated; --work holds its checkpoints.

Unless --no-publish is given, the weights go to certiqa/denoisers/weights/ and their hashes into its published.json. The
training curves go to results/denoiser_NAME_training.jsonl, the figures to results/denoisers_training.json.
"""

from __future__ import annotations

import argparse
import datetime
import json
import math
import platform
import shlex
import shutil
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import scipy
import torch
from scipy import stats
from torch import Tensor, nn

from certiqa import metrics
from certiqa.data.sets import open_dataset
from certiqa.denoisers import load
from certiqa.denoisers.config import TrainingConfig
from certiqa.denoisers.macs import mac_per_pixel
from certiqa.denoisers.network import DenoiserNetwork
from certiqa.denoisers.pictures import ImagePool, from_dataset, from_folder, renumbered
from certiqa.denoisers.training import Trained, train

ROOT = Path(__file__).resolve().parent.parent
WEIGHTS = ROOT / "certiqa" / "denoisers" / "weights"
SETS = ("livec", "agiqa3k")
SIGMAS = (0.12, 0.25)
NAMES = ("dms", "dms-iqa")

CONFIGS = {
    "dms": TrainingConfig(
        architecture="unet-small", sigma=(0.05, 0.5), mse=1.0, crop=128, batch=16, steps=12_000, lr=2e-3,
        validate_every=500, validation_images=96, checkpoint_every=250,
    ),
    "dms-iqa": TrainingConfig(
        architecture="unet-small", sigma=(0.05, 0.5), mse=1.0, target=0.02, ranking=0.02, crop=192, batch=16,
        steps=2_800, lr=5e-4, validate_every=200, validation_images=96, checkpoint_every=100,
    ),
}  # fmt: skip
"""Steps for about half an hour each on one core that nothing else uses."""


@dataclass(frozen=True)
class Context:
    """What both trainings share."""

    args: argparse.Namespace
    metric: nn.Module

    def pool(self, crop: int) -> ImagePool:
        data = self.args.data
        parts = [from_dataset(open_dataset(name, data / name)) for name in SETS]
        return ImagePool(renumbered([*parts, from_folder(data / "kodak24")]), crop)


def config_of(name: str, args: argparse.Namespace) -> TrainingConfig:
    given = {
        key: getattr(args, key) for key in ("steps", "batch", "crop", "lr", "seed") if getattr(args, key) is not None
    }
    if name == "dms-iqa":
        more = ("target", "ranking", "ranking_kind", "margin", "margin_slope", "temperature")
        given |= {key: getattr(args, key) for key in more if getattr(args, key) is not None}
    config = replace(CONFIGS[name], **given, bfloat16=not args.float32)
    return replace(config, validate_every=min(config.validate_every, max(1, config.steps // 4)))


def run(name: str, context: Context) -> tuple[Trained, TrainingConfig, float]:
    """Train one of them, or go on with it."""
    config, out = config_of(name, context.args), context.args.work / f"{name}.safetensors"
    begin = None
    if name == "dms-iqa":
        own = context.args.work / "dms.safetensors"
        begin = load(context.args.start or (own if own.exists() else "dms"))
    started = time.perf_counter()

    def report(step: int, steps: int, record: dict[str, Any]) -> None:
        if record:
            print(f"{name} {step}/{steps} {record['seconds']} s {json.dumps(record['validation'])}", flush=True)

    done = train(
        config,
        context.pool(config.crop),
        out,
        metric=context.metric if config.needs_metric else None,
        start=begin,
        resume=True,
        device=torch.device(context.args.device),
        report=report,
    )
    return done, config, round(time.perf_counter() - started, 1)


# ------------------------------------------------------------------------------------------------------ the evaluation
def noise_like(clean: Tensor, seed: int) -> Tensor:
    return torch.randn(clean.shape, generator=torch.Generator().manual_seed(seed))


@torch.inference_mode()
def evaluate(context: Context, denoisers: dict[str, DenoiserNetwork]) -> dict[str, Any]:
    """PSNR, and SROCC of the score of ONE noisy copy of each image, on the contents kept apart; whole images."""
    pool, device = context.pool(32), context.args.device
    found: dict[str, Any] = {}
    for group, name in enumerate(SETS):
        rows = [i for i in pool.development if pool.images[i].group == group][: context.args.dev_images]
        mos = np.array([pool.images[i].mos for i in rows])
        scores: dict[tuple[str, float], list[float]] = {}
        psnr: dict[tuple[str, float], list[float]] = {}
        for i in rows:
            clean = torch.from_numpy(pool.pixels(i).copy())[None].float().div(255)
            scores.setdefault(("clean", 0.0), []).append(float(context.metric(clean.to(device))))
            for sigma in SIGMAS:
                noisy = clean + sigma * noise_like(clean, 1000 * i + round(100 * sigma))
                images = {"noisy": noisy} | {n: d(noisy.to(device), sigma).cpu() for n, d in denoisers.items()}
                for kind, image in images.items():
                    clipped = image.clamp(0, 1)
                    error = float((clipped - clean).square().mean())
                    psnr.setdefault((kind, sigma), []).append(-10 * math.log10(max(error, 1e-12)))
                    scores.setdefault((kind, sigma), []).append(float(context.metric(clipped.to(device))))
        clean_scores = np.array(scores["clean", 0.0])
        found[name] = {"images": len(rows), "clean_srocc": srocc(clean_scores, mos), "kinds": []}
        for (kind, sigma), values in scores.items():
            if sigma:
                row = {
                    "kind": kind,
                    "sigma": sigma,
                    "psnr": round(float(np.mean(psnr[kind, sigma])), 3),
                    "srocc": srocc(np.array(values), mos),
                    "mean_abs_change_over_sd": round(
                        float(np.abs(values - clean_scores).mean() / clean_scores.std()), 4
                    ),
                }
                found[name]["kinds"].append(row)
                print(name, json.dumps(row), flush=True)
    return found


def srocc(scores: np.ndarray, mos: np.ndarray) -> float:
    return round(float(stats.spearmanr(scores, mos).statistic), 4)


# ----------------------------------------------------------------------------------------------------------- the script
def parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR")
    parser.add_argument(
        "--only", choices=NAMES, help="train one of them; dms-iqa then starts from the dms that is there"
    )
    parser.add_argument("--work", type=Path, default=ROOT / "out" / "denoisers", help="checkpoints and weights")
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "results")
    parser.add_argument("--no-publish", action="store_true", help="leave certiqa/denoisers/weights alone")
    parser.add_argument("--no-evaluation", action="store_true")
    parser.add_argument("--dev-images", type=int, default=250, help="of each data set, for the figures")
    parser.add_argument("--start", help="what dms-iqa starts from instead: a denoiser's name or file")
    parser.add_argument("--float32", action="store_true", help="no bfloat16: for a CPU without instructions for it")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    for name, kind in (("steps", int), ("batch", int), ("crop", int), ("lr", float), ("seed", int), ("target", float),
                       ("ranking", float), ("ranking-kind", str), ("margin", float), ("margin-slope", float),
                       ("temperature", float)):  # fmt: skip
        parser.add_argument(f"--{name}", type=kind, help="instead of the committed setting")
    return parser.parse_args(argv)


def publish(name: str, done: Trained) -> None:
    shutil.copyfile(done.path, WEIGHTS / f"{name}.safetensors")
    table = WEIGHTS / "published.json"
    hashes = json.loads(table.read_text(encoding="utf-8")) | {name: done.sha256}
    table.write_text(json.dumps(hashes, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def main(argv: list[str]) -> None:
    args = parse(argv)
    torch.set_num_threads(args.threads)
    args.results.mkdir(parents=True, exist_ok=True)
    metric = metrics.load("builtin", args.device)
    context = Context(args, metric)
    target = args.results / "denoisers_training.json"
    figures = json.loads(target.read_text(encoding="utf-8")) if target.exists() else {}
    trained = figures.setdefault("trained", {})
    for name in NAMES if args.only is None else (args.only,):
        done, config, seconds = run(name, context)
        shutil.copyfile(f"{done.path}.jsonl", args.results / f"denoiser_{name}_training.jsonl")
        net = load(done.path)
        trained[name] = {
            "sha256": done.sha256,
            "bytes": done.path.stat().st_size,
            "parameters": sum(p.numel() for p in net.parameters()),
            "mac_per_pixel": mac_per_pixel(net),
            "seconds_of_the_last_command": seconds,
            "resumed_at": done.resumed_at,
            "start": args.start if name == "dms-iqa" else None,
            "steps": done.steps,
            "validation": done.validation,
            "config": config.as_mapping(),
            "metric_sha256": net.card.metric_sha256 if net.card else None,
            "command": shlex.join(["python", "benchmarks/train_denoisers.py", *argv]),
        }
        if not args.no_publish:
            publish(name, done)
    if not args.no_evaluation:
        there = {n: load(p).to(args.device) for n in NAMES if (p := args.work / f"{n}.safetensors").exists()}
        figures["development"] = evaluate(context, there)
    figures |= {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "device": args.device,
        "threads": args.threads,
        "machine": platform.machine(),
        "versions": {"python": platform.python_version()} | {m.__name__: m.__version__ for m in (torch, np, scipy)},
    }
    target.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    print(f"figures in {target}")


if __name__ == "__main__":
    main(sys.argv[1:])
