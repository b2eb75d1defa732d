"""What a certificate of "builtin-energy" costs: time, memory, JSON; against the bare metric and noise on pixels.

    python benchmarks/energy_cost.py [--threads 2] [--out benchmarks/results/energy_cost.json]

Everything is timed in one process, by turns, so that a drifting clock of a shared machine hits all alike: only ratios
mean anything. A certificate of noise on pixels with the same n would take hours; its time is that of --few scores,
times n over few. Peak memory is that of a process of its own for each n.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command line does; must be set before torch is loaded

import numpy as np
import torch

import certiqa
from certiqa._provenance import now, versions
from certiqa.data.images import read_image

ROOT = Path(__file__).resolve().parents[1]


def picture(side: int) -> np.ndarray[Any, Any]:
    """A photograph of the package, tiled by reflection to side x side."""
    pixels = read_image(certiqa.samples.path("chelsea")).pixels.transpose(1, 2, 0)
    height, width = pixels.shape[:2]
    down, across = np.arange(side) % (2 * height), np.arange(side) % (2 * width)
    return pixels[np.minimum(down, 2 * height - 1 - down)][:, np.minimum(across, 2 * width - 1 - across)].copy()


def seconds(work: Any) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def peak_megabytes(n: int, side: int) -> float:
    """Peak resident memory of a process that certifies one image with n scores."""
    code = f"""
import sys
sys.path.insert(0, {str(ROOT / "benchmarks")!r})
import energy_cost, certiqa
certiqa.certify("builtin-energy", energy_cost.picture({side}), n={n}, seed=1, device="cpu")
print(next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) / 1024)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return round(float(done.stdout), 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--few", type=int, default=64, help="scores of noise on pixels that are timed")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/energy_cost.json")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    image = picture(options.side)
    builtin, energy = (certiqa.metrics.load(name, "cpu") for name in ("builtin", "builtin-energy"))
    tensor = torch.from_numpy(read_image(image).as_float())[None]
    certificate = certiqa.certify(energy, image, seed=1)
    times: dict[str, list[float]] = {"certificate": [], "bare": [], "pixels": []}
    for _ in range(options.repeats + 1):
        with torch.no_grad():
            times["bare"].append(seconds(lambda: builtin(tensor)))
        times["certificate"].append(seconds(lambda: certiqa.certify(energy, image, seed=1)))
        times["pixels"].append(seconds(lambda: certiqa.certify(builtin, image, 0.12, n=options.few, device="cpu")))
    found = {name: statistics.median(values[1:]) for name, values in times.items()}
    pixels = found["pixels"] * certificate.n / options.few
    result = {
        "image": f"{options.side}x{options.side}",
        "n": certificate.n,
        "threads": options.threads,
        "certificate_seconds": round(found["certificate"], 3),
        "parts_seconds": dict(certificate.provenance.seconds),
        "over_one_bare_forward_of_builtin": round(found["certificate"] / found["bare"], 2),
        "pixel_median_smoothing_of_builtin_over_it": round(pixels / found["certificate"], 0),
        "json_bytes": len(certificate.to_json()),
        "peak_mb": {str(n): peak_megabytes(n, options.side) for n in (1_000, 100_000, 1_000_000)},
        "versions": versions(),
        "date": now(),
    }
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
