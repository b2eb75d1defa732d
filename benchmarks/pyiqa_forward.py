"""What metrics of pyiqa cost through the adapter: forward passes and certificates, against the built-in metric's.

Usage: python benchmarks/pyiqa_forward.py [--image-size 512x384] [--n 100] [--out benchmarks/results/pyiqa_forward.json]

Needs the extra [pyiqa]. The weights are random (tests_pyiqa/random_weights.py): the time does not depend on them, the
scores mean nothing. Times are seconds of wall time, medians over the repeats, each metric's repeats in turn with the
built-in's; only the ratios mean anything on a shared CPU. The audit and the second look of certify() score some more
images than n; their number stands beside the time.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import certiqa
from certiqa._provenance import now, versions
from certiqa.data.images import read_image

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests_pyiqa"))

SIGMA = 0.12
NAMES = ("cnniqa", "dbcnn", "clipiqa+", "hyperiqa", "maniqa")
CROPPED = (224, 224)


def seconds(call: Callable[[], object]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


def counted(metric: nn.Module) -> list[int]:
    """The sizes of the batches that the metric is given from now on."""
    sizes: list[int] = []
    metric.register_forward_pre_hook(lambda module, inputs: sizes.append(len(inputs[0])))
    return sizes


def forward(metric: nn.Module, builtin: nn.Module, image: Tensor, repeats: int) -> dict[str, Any]:
    """One image at a time, the built-in in turn with the metric, after one pass of each that is not counted."""
    with torch.no_grad():
        rounds = [(seconds(lambda: metric(image)), seconds(lambda: builtin(image))) for _ in range(repeats + 1)][1:]
    own, other = (statistics.median(column) for column in zip(*rounds, strict=True))
    return {
        "height_width": list(image.shape[2:]),
        "repeats": repeats,
        "seconds": round(own, 4),
        "builtin_seconds": round(other, 4),
        "over_builtin": round(own / other, 1),
    }


def certificate(metric: nn.Module, picture: Tensor, n: int) -> dict[str, Any]:
    sizes = counted(metric)
    made: list[Any] = []
    total = seconds(lambda: made.append(certiqa.certify(metric, picture, SIGMA, n=n, seed=0, device="cpu")))
    return {
        "height_width": list(picture.shape[1:]),
        "n": n,
        "seconds": round(total, 2),
        "model_seconds_of_n": made[0].provenance.seconds["model"],
        "images_scored": sum(sizes),
    }


def measured(name: str, hub: Path, picture: Tensor, o: argparse.Namespace) -> dict[str, Any]:
    from random_weights import random_hub

    with random_hub(hub):
        metric = certiqa.metrics.load(f"pyiqa:{name}", "cpu")
    builtin = certiqa.metrics.load("builtin", "cpu")
    height, width = picture.shape[1:]
    crop = picture[:, : CROPPED[0], : CROPPED[1]].contiguous()
    whole, part = picture[None].float() / 255, crop[None].float() / 255
    slow = metric.traits.uniform_crops
    repeats = 1 if name == "maniqa" else o.repeats
    result: dict[str, Any] = {
        "metric": f"pyiqa:{name}",
        "weights": "random",
        "parameters_millions": round(sum(p.numel() for p in metric.parameters()) / 1e6, 2),
        "unseen_fraction": round(metric.unseen_fraction(height, width), 4),
        "forward": [forward(metric, builtin, whole, repeats)],
    }
    if slow:
        result["forward"].append(forward(metric, builtin, part, repeats))
    n = o.n_maniqa if name == "maniqa" else o.n
    result["certify"] = certificate(metric, crop if slow else picture, n)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--image", default="coffee", help="a sample of certiqa; its upper left part is used")
    parser.add_argument("--image-size", default="512x384", help="width x height")
    parser.add_argument("--metrics", nargs="+", default=list(NAMES))
    parser.add_argument("--n", type=int, default=100)
    parser.add_argument("--n-maniqa", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/pyiqa_forward.json"))
    o = parser.parse_args()
    torch.set_num_threads(o.threads)
    width, height = map(int, o.image_size.split("x"))
    pixels = torch.from_numpy(read_image(certiqa.samples.path(o.image)).pixels.copy())
    picture = pixels[:, :height, :width].contiguous()
    record: dict[str, Any] = {
        "command": " ".join(["python benchmarks/pyiqa_forward.py", *sys.argv[1:]]),
        "created": now(),
        "threads": o.threads,
        "image": o.image,
        "sigma": SIGMA,
        "versions": versions() | {name: metadata.version(name) for name in ("pyiqa", "torchvision", "timm")},
        "metrics": [],
    }
    with tempfile.TemporaryDirectory() as hub:
        for name in o.metrics:
            record["metrics"].append(measured(name, Path(hub), picture, o))
            print(json.dumps(record["metrics"][-1]), flush=True)
            o.out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
