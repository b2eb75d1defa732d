"""Make the table of local levels that certiqa.statistics.bands ships: log(alpha / a') on a grid of n and alpha.

Usage: python benchmarks/ell_table.py [--out certiqa/statistics/ell_table.json] [--workers 2]
"""

from __future__ import annotations

import argparse
import json
import math
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from certiqa.statistics.bands import solve_local_level

N = sorted({*np.unique(np.round(np.geomspace(200, 100_000, 24)).astype(int)).tolist()})
ALPHA = [1e-12, 1e-10, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 5e-4, 2e-3, 1e-2, 3e-2, 0.1, 0.25, 0.5]


def row(n: int) -> list[float]:
    """log(alpha / a') for every alpha of the grid; each solution starts from its neighbour's."""
    ratios: list[float] = []
    for alpha in ALPHA:
        start = None
        if len(ratios) == 1:
            start = alpha * math.exp(-ratios[-1])
        elif ratios:
            slope = (ratios[-1] - ratios[-2]) / math.log(ALPHA[len(ratios) - 1] / ALPHA[len(ratios) - 2])
            start = alpha * math.exp(-ratios[-1] - slope * math.log(alpha / ALPHA[len(ratios) - 1]))
        ratios.append(math.log(alpha / solve_local_level(n, alpha, tolerance=1e-6, start=start)))
    return ratios


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("certiqa/statistics/ell_table.json"))
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    table: dict[int, list[float]] = {}
    with ProcessPoolExecutor(options.workers) as pool:
        for n, ratios in zip(N[::-1], pool.map(row, N[::-1]), strict=True):  # the longest first
            table[n] = ratios
            print(n, [round(r, 4) for r in ratios], flush=True)
    rows = ",\n  ".join(json.dumps([round(r, 7) for r in table[n]]) for n in N)
    options.out.write_text(
        f'{{"note": "log(alpha / local level); made by benchmarks/ell_table.py",\n"n": {json.dumps(N)},\n'
        f'"alpha": {json.dumps(ALPHA)},\n"log_ratio": [\n  {rows}]}}\n',
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
