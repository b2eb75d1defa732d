"""What certify() costs: noise, model and the rest as ratios of the bare forward pass, and its memory against n.

Usage: python benchmarks/certify_cost.py [--n 1000] [--threads 2] [--out benchmarks/results/certify_cost.json]

Times are medians over repeats in one process; only their ratios mean anything on a shared CPU. Peak memory is that of
a process of its own for each n.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command line does; must be set before torch is loaded

import torch

import certiqa
from certiqa._provenance import now, versions
from certiqa.data.images import read_image
from certiqa.smoothing.sampler import automatic_batch_size

SIGMA = 0.12


def bare_forward(sample: str, repeats: int) -> float:
    """Seconds per image of the bare model on a batch of the size that certify() chooses."""
    model = certiqa.metrics.load("builtin", "cpu")
    image = torch.from_numpy(read_image(certiqa.samples.path(sample)).as_float())
    batch = automatic_batch_size(image.shape, torch.device("cpu"))
    images = image.expand(batch, -1, -1, -1).contiguous()
    seconds = []
    with torch.no_grad():
        for _ in range(repeats + 2):
            begin = time.perf_counter()
            model(images)
            seconds.append((time.perf_counter() - begin) / batch)
    return statistics.median(seconds[2:])


def times(sample: str, n: int, repeats: int) -> dict[str, Any]:
    """Seconds per score: bare forward, and certify()'s noise, model, rest; in turn, so that drift hits all alike."""
    certiqa.certify("builtin", certiqa.samples.path(sample), SIGMA, n=50, device="cpu")  # warm up
    bare, parts = [], []
    for _ in range(repeats):
        bare.append(bare_forward(sample, 5))
        certificate = certiqa.certify("builtin", certiqa.samples.path(sample), SIGMA, n=n, device="cpu")
        parts.append(certificate.provenance.seconds)
    forward = statistics.median(bare)
    noise, model, total = (statistics.median(p[key] for p in parts) / n for key in ("noise", "model", "total"))
    ratios = {"noise": noise, "model": model, "rest": total - noise - model, "total": total}
    return {
        "image": sample,
        "shape": list(certificate.shape),
        "n": n,
        "bare_forward_ms": round(1e3 * forward, 3),
        "over_bare_forward": {name: round(value / forward, 4) for name, value in ratios.items()},
    }


def peak_megabytes(sample: str, n: int, side: int) -> float:
    """Peak resident memory of a process that certifies a side x side crop with n scores."""
    code = f"""
import resource, certiqa
from certiqa.data.images import read_image
pixels = read_image(certiqa.samples.path({sample!r})).pixels.transpose(1, 2, 0)[:{side}, :{side}].copy()
certiqa.certify('builtin', pixels, {SIGMA}, n={n}, device='cpu')
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return round(float(done.stdout), 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", nargs="+", default=["astronaut", "coffee"])
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory-n", type=int, nargs="*", default=[1000, 10_000])
    parser.add_argument("--memory-side", type=int, default=256)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/certify_cost.json"))
    o = parser.parse_args()
    torch.set_num_threads(o.threads)
    record = {
        "command": " ".join(["python benchmarks/certify_cost.py", *sys.argv[1:]]),
        "created": now(),
        "threads": o.threads,
        "omp_wait_policy": os.environ["OMP_WAIT_POLICY"],
        "versions": versions(),
        "times": [times(sample, o.n, o.repeats) for sample in o.images],
        "memory_side": o.memory_side,
        "peak_megabytes": {str(n): peak_megabytes("astronaut", n, o.memory_side) for n in o.memory_n},
        "own_peak_megabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }
    o.out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({key: record[key] for key in ("times", "peak_megabytes")}, indent=1))


if __name__ == "__main__":
    main()
