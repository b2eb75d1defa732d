"""Train the built-in metric from scratch on human scores, and measure it on images it never saw.

    python benchmarks/train_builtin.py --data ../shared/data
    python benchmarks/train_builtin.py --data ../shared/data --evaluate-only

DIR holds livec/ and agiqa3k/, each with images/ and mos.csv. The validation part is certiqa.data.splits.is_validation;
nothing is chosen on it. Of the rest, --dev keeps one content in eight (by the same kind of hashing) out of the fit and
logs its SROCC: that is where settings are compared. The weights are those after the last epoch: there is no early
stopping. results/builtin_validation.json names the command that made the published ones.

Writes the weights to --out, one line an epoch to results/builtin_training.jsonl and the figures to
results/builtin_validation.json. The sha256 printed at the end goes into certiqa/metrics/builtin.py.
"""

from __future__ import annotations

import argparse
import copy
import csv
import datetime
import hashlib
import json
import math
import platform
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from scipy import optimize, stats
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from certiqa.data.splits import fold, is_validation
from certiqa.metrics.builtin import BuiltinMetric

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
WEIGHTS = ROOT / "certiqa" / "metrics" / "weights" / "builtin.safetensors"
RESAMPLES = 2000


# --------------------------------------------------------------------------------------------------------- the data
@dataclass(frozen=True)
class Rated:
    """Images with human scores: uint8 (H, W, 3) arrays, scores mapped to 0-100, and what each image shows."""

    images: list[np.ndarray]
    scores: np.ndarray
    contents: list[str]

    def where(self, keep: Callable[[str], bool]) -> Rated:
        rows = [i for i, content in enumerate(self.contents) if keep(content)]
        return Rated([self.images[i] for i in rows], self.scores[rows], [self.contents[i] for i in rows])


@dataclass(frozen=True)
class Source:
    """A data set on disk: its folder, the MOS that maps to 100 (0 maps to 0), the column that names the content."""

    folder: str
    mos_top: float
    content_column: str
    per_batch: int
    """How many of its images are in a batch of the first phase."""


SOURCES = (Source("agiqa3k", 5.0, "prompt", 40), Source("livec", 100.0, "image", 24))


def read(data: Path, source: Source) -> Rated:
    folder = data / source.folder
    with (folder / "mos.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    images = [np.asarray(Image.open(folder / "images" / row["image"]).convert("RGB")) for row in rows]
    scores = np.array([float(row["mos"]) * 100 / source.mos_top for row in rows])
    return Rated(images, scores, [row[source.content_column] for row in rows])


def is_dev(content: str) -> bool:
    """One content in eight of those that are not validation."""
    return not is_validation(content) and fold(content, 8, salt="development:") == 0


def endless(count: int, rng: np.random.Generator) -> Iterator[int]:
    """Every index once in a fresh random order, again and again."""
    while True:
        yield from rng.permutation(count).tolist()


def crop(image: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    """A random (size, size, 3) window, mirrored left to right half of the time: both keep the quality."""
    top, left = (int(rng.integers(0, side - size + 1)) for side in image.shape[:2])
    window = image[top : top + size, left : left + size]
    return window[:, ::-1] if rng.random() < 0.5 else window


def to_tensor(images: np.ndarray) -> Tensor:
    """uint8 (B, H, W, 3) -> float (B, 3, H, W) in [0, 1], channels last."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).float().div_(255)


# ------------------------------------------------------------------------------------------------------ the network
def with_training_aids(metric: BuiltinMetric, dropout: float) -> BuiltinMetric:
    """The same network with a BatchNorm after every convolution and dropout before the head."""
    metric = copy.deepcopy(metric)
    for parent, name, conv in _children(metric, nn.Conv2d):
        setattr(parent, name, nn.Sequential(conv, nn.BatchNorm2d(conv.out_channels)))
    metric.head.insert(0, nn.Dropout(dropout))
    return metric


def folded(metric: BuiltinMetric) -> BuiltinMetric:
    """Undo with_training_aids: BatchNorm goes into the convolutions, dropout away; the scores in eval mode stay."""
    metric = copy.deepcopy(metric).eval()
    for parent, name, pair in _children(metric, nn.Sequential):
        if isinstance(pair[-1], nn.BatchNorm2d):
            setattr(parent, name, fuse_conv_bn_eval(pair[0], pair[1]))
    metric.head = nn.Sequential(*metric.head[1:])
    return metric


def _children(module: nn.Module, kind: type[nn.Module]) -> list[tuple[nn.Module, str, Any]]:
    return [(p, name, c) for p in list(module.modules()) for name, c in p.named_children() if isinstance(c, kind)]


def new_metric(seed: int) -> BuiltinMetric:
    """He initialisation from a generator of its own."""
    metric, generator = BuiltinMetric(), torch.Generator().manual_seed(seed)
    for module in metric.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
            nn.init.zeros_(module.bias)
    with torch.no_grad():
        metric.head[-1].weight.mul_(0.1)
    return metric


def gmac(metric: BuiltinMetric, height: int = 512, width: int = 512) -> float:
    """Multiply-accumulates of the convolutions and the head for one image, in 10^9."""
    total = 0

    def count(module: nn.Module, _: object, out: Tensor) -> None:
        nonlocal total
        total += module.weight.numel() * (out.shape[2] * out.shape[3] if out.ndim == 4 else 1)

    hooks = [m.register_forward_hook(count) for m in metric.modules() if isinstance(m, nn.Conv2d)]
    with torch.no_grad():
        metric(torch.zeros(1, 3, height, width))
    for hook in hooks:
        hook.remove()
    return (total + sum(m.weight.numel() for m in metric.head if isinstance(m, nn.Linear))) / 1e9


# ------------------------------------------------------------------------------------------------------- the training
@dataclass(frozen=True)
class Phase:
    """Part of the training: its share of the epochs, the side of the crops, the batch's share of per_batch."""

    share: float
    crop: int
    batch: float


PHASES = (Phase(0.88, 256, 1.0), Phase(0.12, 480, 0.5))
LEARNING_RATE = 2e-3
WEIGHT_DECAY = 0.02
DROPOUT = 0.2
EMA = 0.99
RANK_SCALE = 5.0


def set_loss(scores: Tensor, targets: Tensor) -> Tensor:
    """For the images of one data set: (1 - PLCC) / 2, plus the scaled squared error, plus the order of the pairs.

    The order is a cross-entropy of Bradley-Terry probabilities: every pair counts alike, so the crowded middle of the
    scale is not drowned by a few very bad images. All three are least where the scores equal the targets.
    """
    a, b = scores - scores.mean(), targets - targets.mean()
    plcc = (a * b).sum() / (a.norm() * b.norm()).clamp_min(1e-6)
    chance = torch.sigmoid((targets[:, None] - targets) / RANK_SCALE)
    order = functional.binary_cross_entropy_with_logits((scores[:, None] - scores) / RANK_SCALE, chance)
    return (1 - plcc) / 2 + functional.mse_loss(scores / 20, targets / 20) / 2 + order


def fit(
    parts: list[Rated], dev: list[Rated], args: argparse.Namespace, log: Callable[[dict[str, Any]], None]
) -> BuiltinMetric:
    torch.manual_seed(args.seed)  # dropout has no generator argument
    rng = np.random.default_rng(args.seed)
    net = with_training_aids(new_metric(args.seed), DROPOUT).to(args.device, memory_format=torch.channels_last).train()
    mean = copy.deepcopy(net)
    decayed = [p for p in net.parameters() if p.ndim > 1]
    plain = [p for p in net.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": WEIGHT_DECAY}, {"params": plain, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=LEARNING_RATE)
    orders = [endless(len(part.images), rng) for part in parts]
    step, start = 0, time.perf_counter()
    for epoch in range(args.epochs):
        phase = phase_of(epoch, args.epochs)
        sizes = [round(source.per_batch * phase.batch) for source in SOURCES]
        steps = len(parts[0].images) // sizes[0]
        losses = []
        for i in range(steps):
            rate = learning_rate((epoch + i / steps) / args.epochs)
            for group in optimizer.param_groups:
                group["lr"] = rate
            losses.append(train_step(net, optimizer, parts, orders, sizes, phase.crop, rng, args.device))
            step += 1
            update_mean(mean, net, min(EMA, (1 + step) / (10 + step)))
        record: dict[str, Any] = {"epoch": epoch + 1, "crop": phase.crop, "loss": round(float(np.mean(losses)), 4)}
        if dev and (epoch % 4 == 3 or epoch + 1 == args.epochs):
            for source, rated in zip(SOURCES, dev, strict=True):
                record[f"dev_srocc_{source.folder}"] = round(quick_srocc(folded(mean), rated), 4)
        log(record | {"seconds": round(time.perf_counter() - start, 1)})
    return folded(mean).to("cpu")


def phase_of(epoch: int, epochs: int) -> Phase:
    done = 0.0
    for phase in PHASES:
        done += phase.share
        if epoch < round(done * epochs):
            return phase
    return PHASES[-1]


def learning_rate(progress: float) -> float:
    """A linear warm-up over the first 4 %, then half a cosine to zero."""
    return LEARNING_RATE * min(1.0, progress / 0.04 + 0.01) * (1 + math.cos(math.pi * progress)) / 2


def train_step(
    net: BuiltinMetric,
    optimizer: torch.optim.Optimizer,
    parts: list[Rated],
    orders: list[Iterator[int]],
    sizes: list[int],
    side: int,
    rng: np.random.Generator,
    device: str,
) -> float:
    picks = [[next(order) for _ in range(size)] for order, size in zip(orders, sizes, strict=True)]
    crops = [crop(part.images[i], side, rng) for part, pick in zip(parts, picks, strict=True) for i in pick]
    targets = [torch.from_numpy(part.scores[pick]).float().to(device) for part, pick in zip(parts, picks, strict=True)]
    images = to_tensor(np.stack(crops)).to(device)
    with torch.autocast(torch.device(device).type, dtype=torch.bfloat16):
        scores = net(images)
    loss = torch.stack([set_loss(s, t) for s, t in zip(scores.split(sizes), targets, strict=True)]).sum()
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(net.parameters(), 5.0)
    optimizer.step()
    return float(loss.detach())


@torch.no_grad()
def update_mean(mean: nn.Module, net: nn.Module, keep: float) -> None:
    """Exponential moving average of the parameters and of BatchNorm's statistics."""
    for a, b in zip(mean.state_dict().values(), net.state_dict().values(), strict=True):
        if a.is_floating_point():
            a.lerp_(b, 1 - keep)


# ------------------------------------------------------------------------------------------------------ the evaluation
@torch.inference_mode()
def predict(metric: BuiltinMetric, rated: Rated) -> np.ndarray:
    """(n,) scores of the whole images, float32, one at a time."""
    device = next(metric.parameters()).device
    return np.array([metric(to_tensor(image[None].copy()).to(device)).item() for image in rated.images])


def quick_srocc(metric: BuiltinMetric, rated: Rated) -> float:
    return srocc(predict(metric.to(memory_format=torch.channels_last), rated), rated.scores)


def srocc(a: np.ndarray, b: np.ndarray) -> float:
    return float(stats.spearmanr(a, b).statistic)


def plcc(a: np.ndarray, b: np.ndarray) -> float:
    return float(stats.pearsonr(a, b).statistic)


def logistic(x: np.ndarray, top: float, bottom: float, middle: float, width: float) -> np.ndarray:
    """The four-parameter curve usual in the field: bottom + (top - bottom) / (1 + exp(-(x - middle) / |width|))."""
    return bottom + (top - bottom) * scipy.special.expit((x - middle) / abs(width))


def through_logistic(scores: np.ndarray, mos: np.ndarray) -> np.ndarray:
    first = (mos.max(), mos.min(), scores.mean(), scores.std())
    parameters, _ = optimize.curve_fit(logistic, scores, mos, p0=first, maxfev=20_000)
    return logistic(scores, *parameters)


def with_interval(
    statistic: Callable[[np.ndarray, np.ndarray], float],
    scores: np.ndarray,
    mos: np.ndarray,
    contents: list[str],
    seed: int,
) -> dict[str, Any]:
    """The value and its 95 % BCa bootstrap interval; whole contents are drawn, for their images are not independent."""
    _, content = np.unique(contents, return_inverse=True)
    rows = [np.flatnonzero(content == c) for c in range(content.max() + 1)]

    def of_contents(picked: np.ndarray) -> float:
        index = np.concatenate([rows[c] for c in picked])
        return statistic(scores[index], mos[index])

    interval = stats.bootstrap(
        (np.arange(len(rows)),), of_contents, n_resamples=RESAMPLES, vectorized=False, method="BCa",
        confidence_level=0.95, rng=np.random.default_rng(seed),
    ).confidence_interval  # fmt: skip
    return {
        "value": round(statistic(scores, mos), 4),
        "interval_95": [round(float(interval.low), 4), round(float(interval.high), 4)],
    }


def evaluate(metric: BuiltinMetric, rated: Rated, seed: int) -> dict[str, Any]:
    scores = predict(metric, rated)
    mapped = through_logistic(scores, rated.scores)
    return {
        "n": len(scores),
        "contents": len(set(rated.contents)),
        "srocc": with_interval(srocc, scores, rated.scores, rated.contents, seed),
        "plcc": with_interval(plcc, scores, rated.scores, rated.contents, seed),
        "plcc_after_logistic": with_interval(plcc, mapped, rated.scores, rated.contents, seed),
        "rmse_0_100": round(float(np.sqrt(np.mean((scores - rated.scores) ** 2))), 2),
        "score_quartiles": [round(float(q), 2) for q in np.quantile(scores, (0, 0.25, 0.5, 0.75, 1))],
    }


# ----------------------------------------------------------------------------------------------------------- the script
def parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train and evaluate the built-in metric.")
    parser.add_argument("--data", type=Path, required=True, help="folder with livec/ and agiqa3k/")
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="weight file to write (or to evaluate)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the log and the figures")
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--dev", action="store_true", help="keep the development part out of the fit and report on it")
    parser.add_argument("--evaluate-only", action="store_true", help="only measure the weights at --out")
    return parser.parse_args(argv)


def train(data: list[Rated], args: argparse.Namespace, log_file: Path) -> float:
    """Fit, write the weights and the log; the seconds it took."""
    start = time.perf_counter()
    dev = [rated.where(is_dev) for rated in data] if args.dev else []
    fitted = [rated.where(lambda c: not is_validation(c) and not (args.dev and is_dev(c))) for rated in data]
    log_file.parent.mkdir(parents=True, exist_ok=True)
    with log_file.open("w", encoding="utf-8") as file:

        def log(record: dict[str, Any]) -> None:
            file.write(json.dumps(record) + "\n")
            file.flush()

        metric = fit(fitted, dev, args, log)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.contiguous() for name, tensor in metric.state_dict().items()}, args.out)
    args.out.chmod(0o644)  # safetensors writes for the owner only, which would not survive packaging
    return round(time.perf_counter() - start, 1)


def report(data: list[Rated], args: argparse.Namespace) -> dict[str, Any]:
    """Everything measured on the validation parts with the weights at --out, as they are on disk."""
    metric = BuiltinMetric().eval()
    metric.load_state_dict(load_file(args.out))
    metric = metric.to(args.device, memory_format=torch.channels_last)
    parts = {source.folder: rated.where(is_validation) for source, rated in zip(SOURCES, data, strict=True)}
    return {
        "weights": args.out.name,
        "sha256": hashlib.sha256(args.out.read_bytes()).hexdigest(),
        "parameters": sum(p.numel() for p in metric.parameters()),
        "gmac_512x512": round(gmac(copy.deepcopy(metric).cpu()), 4),
        "validation": {name: evaluate(metric, rated, args.seed) for name, rated in parts.items()},
        "interval": f"BCa bootstrap over contents, {RESAMPLES} resamples; the logistic curve is held as fitted once",
    }


def main(argv: list[str]) -> None:
    args = parse(argv)
    torch.set_num_threads(args.threads)
    data = [read(args.data, source) for source in SOURCES]
    target = args.results / "builtin_validation.json"
    if args.evaluate_only:
        training = json.loads(target.read_text(encoding="utf-8")).get("training") if target.exists() else None
    else:
        seconds = train(data, args, args.results / "builtin_training.jsonl")
        training = {"command": command(argv), "seconds": seconds, "seed": args.seed, "epochs": args.epochs}
    figures = report(data, args) | {
        "command": command(argv),
        "training": training,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "device": args.device,
        "threads": args.threads,
        "machine": platform.machine(),
        "versions": {"python": platform.python_version()} | {m.__name__: m.__version__ for m in (torch, np, scipy)},
    }
    target.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(figures["validation"], indent=2))
    print("sha256", figures["sha256"])


def command(argv: list[str]) -> str:
    return shlex.join(["python", "benchmarks/train_builtin.py", *argv])


if __name__ == "__main__":
    main(sys.argv[1:])
