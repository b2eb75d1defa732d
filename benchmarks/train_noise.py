"""Train the built-in network under Gaussian noise, at its own or at a working resolution, and measure it under noise.

    python benchmarks/train_noise.py --data ../shared/data --init work/pretrained.safetensors --resolution 96 \
        --sigma 0.25 0.5 --out work/certified.safetensors

--init is a checkpoint of benchmarks/train_builtin.py (--work): the pretrained network, or the fitted one. Every picture
is resized by certiqa.data.resize before the noise, as certify(resolution=...) does (--resolution 0: not at all, windows
of it are used). sigma is drawn log-uniformly between the two numbers for every picture. The same losses, the same fit
parts and the same rule for the validation part as in train_builtin.py; --dev as there.

Writes the weights to --out, progress and the development figures to --log.
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from builtin_training.fit import Noise, Phase, fit, predict, stretch
from builtin_training.network import TrainingNet, Zoomed, folded
from builtin_training.pictures import SOURCES, Rated, is_dev, read
from builtin_training.scales import frozen_norms, one_scale
from safetensors.torch import load_file, save_file
from scipy import stats

from certiqa.data.resize import Resize
from certiqa.metrics.builtin import Widths

NATIVE = (Phase(0.7, 128, (34, 14)), Phase(0.25, 256, (28, 12)), Phase(0.05, 448, (14, 8)))


def parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train the built-in network under noise.")
    parser.add_argument("--data", type=Path, required=True, help="folder with livec/ and agiqa3k/")
    parser.add_argument("--init", type=Path, required=True, help="checkpoint of train_builtin.py")
    parser.add_argument("--resolution", type=int, default=0, help="shorter side after the resize; 0: none")
    parser.add_argument("--sigma", type=float, nargs=2, default=(0.05, 0.5), metavar=("LOW", "HIGH"))
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--dropout", type=float, default=0.3)
    parser.add_argument("--batch", type=int, nargs=2, default=(34, 14), help="of each set, at a working resolution")
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--consistency", type=float, default=0.0, help="weight of the change between draws of noise")
    parser.add_argument("--unclipped", action="store_true", help="the network sees noisy values outside [0, 1]")
    parser.add_argument("--jitter", type=float, nargs="*", default=(), help="windows of pictures so much larger, too")
    parser.add_argument("--zoom", type=int, default=1, help="noisy pictures are enlarged so many times for the network")
    parser.add_argument("--dev", action="store_true", help="keep the development part out of the fit and report on it")
    return parser.parse_args(argv)


def small(image: np.ndarray, shorter: int) -> np.ndarray:
    """uint8 (H, W, 3) with that shorter side: what training sees of R x (rounded to 8 bits, which certify does not)."""
    height, width = image.shape[:2]
    rows, columns = (round(side * shorter / min(height, width)) for side in (height, width))
    resized = Resize(height, width, rows, columns)(image.transpose(2, 0, 1))
    return np.rint(resized).clip(0, 255).astype(np.uint8).transpose(1, 2, 0)


def at(rated: Rated, shorter: int, jitter: Sequence[float]) -> Rated:
    if not shorter:
        return rated
    sides = [shorter, *(round(shorter * factor) for factor in jitter)]
    return replace(rated, images=[tuple(small(image, side) for side in sides) for image in rated.images])


def network(args: argparse.Namespace) -> TrainingNet:
    """The network of --init, of one scale or of several."""
    stored = {name: tensor for name, tensor in load_file(args.init).items() if not name.startswith("maps.")}
    hidden, statistics = stored["metric.head.0.weight"].shape
    scales = statistics // one_scale().statistics
    net = TrainingNet(args.seed, args.dropout, Widths(hidden=hidden, scales=scales))
    net.load_state_dict(stored)
    net.zoom = args.zoom
    net = net.to(args.device, memory_format=torch.channels_last)
    return net.train() if scales == 1 else frozen_norms(net)


def measured(metric: torch.nn.Module, parts: list[Rated], noise: Noise) -> dict[str, Any]:
    """Of the development part: SROCC without noise, with the mean of four draws; SD under noise over SD of scores."""
    found: dict[str, Any] = {}
    for source, part in zip(SOURCES, parts, strict=True):
        clean = predict(metric, part.images, replace(noise, low=1e-6, high=1e-6))
        four = predict(metric, part.images, noise)
        draws = np.array([predict(metric, [image] * 8, noise) for image in part.images[:40]])  # seeds 0 to 7
        found[source] = {
            "srocc_clean": round(float(stats.spearmanr(clean, part.scores).statistic), 4),
            "srocc_noisy": round(float(stats.spearmanr(four, part.scores).statistic), 4),
            "sd_noise_over_sd_scores": round(float(2 * draws.std(1, ddof=1).mean() / four.std()), 4),  # means of four
        }
    return found


def main(argv: list[str]) -> None:
    args = parse(argv)
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)  # dropout has no generator argument
    rated = [at(read(args.data, source), args.resolution, args.jitter) for source in SOURCES]
    fitted = [part.where(lambda c: not is_dev(c)) for part in rated] if args.dev else rated
    dev = [part.where(is_dev) for part in rated] if args.dev else []
    net = network(args)
    side = args.resolution * 15 // 16
    phases = (Phase(1.0, side, tuple(args.batch)),) if args.resolution else NATIVE
    noise = Noise(*args.sigma, not args.unclipped)
    args.log.parent.mkdir(parents=True, exist_ok=True)
    with args.log.open("w", encoding="utf-8") as file:

        def log(record: dict[str, Any]) -> None:
            file.write(json.dumps(record) + "\n")
            file.flush()
            print(json.dumps(record), flush=True)

        log({"command": shlex.join(["python", "benchmarks/train_noise.py", *argv])})
        mean = fit(
            net, fitted, dev, args.steps, args.seed, args.device, log, phases, noise, args.rate, args.consistency
        )
        metric = folded(mean)
        stretch(metric, fitted, args.seed, noise, zoom=args.zoom)
        seen = Zoomed(metric, args.zoom)
        for sigma in sorted(set(args.sigma)) if dev else ():
            log({"sigma": sigma, "dev": measured(seen, dev, replace(noise, low=sigma, high=sigma))})
    args.out.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.half().contiguous() for name, tensor in metric.state_dict().items()}, args.out)
    args.out.chmod(0o644)


if __name__ == "__main__":
    main(sys.argv[1:])
