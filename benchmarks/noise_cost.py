"""What the noise costs: lattice noise, its parts, float noise, torch.randn, and the built-in model's forward.

Run ``python benchmarks/noise_cost.py [--size 512] [--sigma 0.12] [--threads 2] [--batch 4] [--json FILE]``.

Every figure is milliseconds a sample (medians over the repeats, which go round the items in turn, so that the
ratios come from one run): over ``randn + x, clip``, what a float implementation does instead, and over the forward.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command line does; must be set before torch is loaded

import numpy as np
import torch

import certiqa
from certiqa.errors import CertiqaError
from certiqa.smoothing.drawing import for_each
from certiqa.smoothing.lattice import lattice_law
from certiqa.smoothing.noise import FloatNoise, LatticeNoise
from certiqa.smoothing.philox import lanes16, words

CHUNK = 1 << 18
BASE = "randn + x, clip"
FORWARD = "built-in model, forward"


def items(size: int, sigma: float, batch: int) -> dict[str, tuple[Callable[[], Any], int]]:
    """Name what is timed: a call, and how many samples it draws."""
    generator = torch.Generator().manual_seed(0)
    x8 = torch.randint(0, 256, (3, size, size), dtype=torch.uint8, generator=generator)
    x = x8.float() / 255
    d, key = x.numel(), (1, 2)
    lattice, floats, law = LatticeNoise(sigma, key), FloatNoise(sigma, key), lattice_law(sigma)
    bits, fine = words(key, 0, 0), words(key, 0, 1)
    lanes = lanes16(bits.random_raw(-(-d // 4)))[:d]
    parts = [slice(i, min(d, i + CHUNK)) for i in range(0, d, CHUNK)]
    z, grey = np.empty(d, dtype=np.int16), x8.numpy().astype(np.int16).reshape(-1)
    y = np.empty(d, dtype=np.float32)
    law.place(lanes, z, fine.random_raw)

    def draw_bits() -> None:
        for part in parts:
            bits.random_raw((part.stop - part.start + 3) // 4)

    def table_only() -> None:
        for part in parts:
            law.table.take(lanes[part], out=z[part], mode="wrap")

    def table_and_refinement() -> None:
        for part in parts:
            law.place(lanes[part], z[part], fine.random_raw)

    def add_clip_divide() -> None:
        scratch = np.empty(CHUNK, dtype=np.int16)
        for part in parts:
            s = scratch[: part.stop - part.start]
            np.add(z[part], grey[part], out=s)
            np.clip(s, 0, 255, out=s)
            np.divide(s, np.float32(255), out=y[part], dtype=np.float32)

    def draws() -> None:
        for_each(lambda row: [None for _ in lattice._parts(row, d)], batch, d)

    timed: dict[str, tuple[Callable[[], Any], int]] = {
        "lattice noise, drawing alone": (draws, batch),
        "lattice noise": (lambda: lattice.noisy(x8, 0, batch, clip=True), batch),
        "lattice noise, one sample": (lambda: lattice.noisy(x8, 0, 1, clip=True), 1),
        "  part: Philox bits (1 thread)": (draw_bits, 1),
        "  part: table (1 thread)": (table_only, 1),
        "  part: table + refinement (1 thread)": (table_and_refinement, 1),
        "  part: add, clip, divide (1 thread)": (add_clip_divide, 1),
        "float noise": (lambda: floats.noisy(x, 0, batch, clip=True), batch),
        "torch.randn": (lambda: torch.randn((batch, 3, size, size), generator=generator), batch),
        BASE: (
            lambda: torch.randn((batch, 3, size, size), generator=generator).mul_(sigma).add_(x).clamp_(0, 1),
            batch,
        ),
    }
    forward = builtin_forward(lattice.noisy(x8, 0, batch, clip=True))
    if forward is not None:
        timed[FORWARD] = (forward, batch)
    return timed


def builtin_forward(images: torch.Tensor) -> Callable[[], Any] | None:
    """The built-in model's forward on one batch, where the model is installed."""
    try:
        from certiqa.metrics.builtin import load_builtin

        model = load_builtin()
    except (ImportError, OSError, CertiqaError):
        return None

    def forward() -> Any:
        with torch.inference_mode():
            return model(images)

    return forward


def measure(timed: dict[str, tuple[Callable[[], Any], int]], repeats: int) -> dict[str, float]:
    """Time every item once a round; medians in milliseconds a sample."""
    seconds: dict[str, list[float]] = {name: [] for name in timed}
    for round_ in range(repeats + 1):
        for name, (call, samples) in timed.items():
            begin = time.perf_counter()
            call()
            if round_:  # the first round warms up
                seconds[name].append((time.perf_counter() - begin) / samples)
    return {name: 1000 * statistics.median(values) for name, values in seconds.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the noise.")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--sigma", type=float, default=0.12)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=11)
    parser.add_argument("--json", type=Path, help="write the result here instead of printing it")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)

    timed = items(options.size, options.sigma, options.batch)
    # The forward back to back, as in sampling: between other allocations its memory would be mapped anew each time.
    forward_alone = {FORWARD: timed.pop(FORWARD)} if FORWARD in timed else {}
    milliseconds = measure(timed, options.repeats) | measure(forward_alone, 3 * options.repeats)
    print(
        f"{options.size} x {options.size} x 3, sigma {options.sigma}, {options.threads} threads, batch {options.batch}"
    )
    forward = milliseconds.get(FORWARD, float("nan"))
    print(f"{'':40s}{'ms a sample':>12s}{'/ randn':>9s}{'/ forward':>11s}")
    for name, value in milliseconds.items():
        print(f"{name:40s}{value:12.2f}{value / milliseconds[BASE]:9.2f}{value / forward:11.3f}")
    result = {
        "what": "noise_cost",
        "settings": {name: value for name, value in vars(options).items() if name != "json"},
        "ms_per_sample": {name.strip(): round(value, 4) for name, value in milliseconds.items()},
        "ratio_to": BASE,
        "ambiguous_share": lattice_law(options.sigma).cells.size / 65536,
        "versions": {
            "certiqa": certiqa.__version__,
            "torch": torch.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
            "machine": platform.machine(),
        },
    }
    text = json.dumps(result, indent=1)
    if options.json is None:
        print(text)
    else:
        options.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
