"""The frontier: agreement with people against certified strength, at 48, 42, 36 and 30 dB, for every certified row.

    python benchmarks/frontier.py --data ../shared/data                     # every row that has no line yet
    python benchmarks/frontier.py --data ../shared/data --row energy-s1.3   # one row, anew
    python benchmarks/frontier.py --data ../shared/data --part 0/2          # half of the rows, for a second process
    python benchmarks/frontier.py --tables                                  # docs/frontier.md and its figure

A row is a metric with its kind of certificate, a noise level and n. For every image of the validation parts of LIVE In
the Wild and AGIQA-3K (or the first --images of each, in an order drawn by a hash of their names) it is certified once;
the line in --out holds the smoothed scores, tau at the four strengths, the human scores and the contents, and the
digests of what was measured. A line is kept only while these digests are those of what ships; else it is made anew.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import frontier_tables
import torch

from certiqa import metrics
from certiqa._provenance import model_sha256, now, versions
from certiqa.certifiers import Certifier, LipschitzCertifier, MedianCertifier
from certiqa.data.images import read_image
from certiqa.data.sets.registry import open_dataset
from certiqa.data.splits import fold
from certiqa.statistics.percentile import eps_from_psnr

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "benchmarks/results/frontier.jsonl"
PSNR = (48.0, 42.0, 36.0, 30.0)
SETS = ("livec", "agiqa3k")


@dataclass(frozen=True)
class Row:
    """What is certified.

    Attributes:
        name: of the row.
        metric: its name.
        kind: "median" or "lipschitz".
        sigma: of the noise, in the units of the front end; None: what the metric declares.
        n: scores; None: what the metric declares.
        images: of each set at most; None: all.
    """

    name: str
    metric: str
    kind: str = "median"
    sigma: float | None = None
    n: int | None = None
    images: int | None = None

    def certifier(self) -> Certifier:
        """Loaded, with the noise of a seed of its own."""
        if self.kind == "lipschitz":
            return LipschitzCertifier.of(self.metric)
        return MedianCertifier.of(self.metric, self.sigma, n=self.n, seed=20_26, device="cpu")


ROWS = (
    Row("energy", "builtin-energy"),
    *(
        Row(f"energy, sigma {sigma:g}", "builtin-energy", sigma=sigma, images=30)
        for sigma in (0.002, 0.006, 0.01, 0.016)
    ),
    Row("deterministic", "builtin-lipschitz", "lipschitz"),
    Row("noise on pixels at 192", "builtin-noise-192", n=2000, images=30),
)


def identity(row: Row, certifier: Certifier) -> dict[str, Any]:
    """What the figures of a row are of."""
    return {
        "row": row.name,
        "metric": row.metric,
        "metric_sha256": model_sha256(certifier.metric),  # type: ignore[attr-defined]
        "front_end": certifier.front_end.digest,
        "kind": row.kind,
        "sigma": None if row.kind == "lipschitz" else certifier.base.sigma,  # type: ignore[attr-defined]
        "n": 0 if row.kind == "lipschitz" else certifier.n,  # type: ignore[attr-defined]
        "images": row.images,
    }


def measured(row: Row, data: Path, name: str, most: int | None) -> dict[str, Any]:
    """One line: every image of the part, certified."""
    part = open_dataset(name, data / name, decode=False).part("validation")
    order = sorted(part.records, key=lambda record: (fold(record.name, 2**61, salt="benchmark:"), record.name))
    chosen = order[: min(filter(None, (row.images, most)), default=len(order))]
    certifier = row.certifier()
    scores, taus, begin = [], [], time.perf_counter()
    for record in chosen:
        certificate = certifier.certify(read_image(record.path))
        dimension = certificate.dimension
        scores.append(certificate.score)
        taus.append([certificate.tau(eps_from_psnr(decibel, dimension)) for decibel in PSNR])
        proved = [certificate.bounds(eps_from_psnr(decibel, dimension)).certified for decibel in PSNR]
        taus[-1] = [tau if there else None for tau, there in zip(taus[-1], proved, strict=True)]
    return {
        **identity(row, certifier),
        "data": name,
        "psnr": list(PSNR),
        "alpha": 0.0 if row.kind == "lipschitz" else certifier.alpha,  # type: ignore[attr-defined]
        "scores": [round(score, 5) for score in scores],
        "tau": [[None if tau is None else round(tau, 5) for tau in one] for one in taus],
        "mos": [record.mos for record in chosen],
        "contents": [record.content for record in chosen],
        "lower_better": False,
        "seconds": round(time.perf_counter() - begin, 1),
        "threads": torch.get_num_threads(),
        "versions": versions(),
        "date": now(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="the folder that holds livec/ and agiqa3k/")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--row", action="append", help="measure this row anew; repeat for several")
    parser.add_argument("--images", type=int, help="of each set at most")
    parser.add_argument("--set", action="append", choices=SETS, help="this set only")
    parser.add_argument("--part", default="0/1", help="i/k: every k-th row, from the i-th")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--tables", action="store_true", help="make docs/frontier.md and its figure from the lines")
    options = parser.parse_args()
    if options.tables:
        frontier_tables.write(options.out)
        return
    torch.set_num_threads(options.threads)
    index, parts = map(int, options.part.split("/"))
    known = set(metrics.names())
    for row in [one for one in ROWS if not options.row or one.name in options.row][index::parts]:
        if row.metric not in known:
            print(f"{row.name}: there is no metric {row.metric!r}")
            continue
        wanted = identity(row, row.certifier())
        for name in options.set or SETS:
            lines = read(options.out)
            if not options.row and any(current(line, wanted, name) for line in lines):
                continue
            line = measured(row, options.data, name, options.images)
            kept = [one for one in read(options.out) if (one["row"], one["data"]) != (row.name, name)]
            options.out.write_text("".join(json.dumps(one) + "\n" for one in [*kept, line]), encoding="utf-8")
            print(row.name, name, frontier_tables.summary(line), flush=True)


def current(line: dict[str, Any], wanted: dict[str, Any], data: str) -> bool:
    """Whether a line is of what ships."""
    return line["data"] == data and all(line[key] == value for key, value in wanted.items())


def read(path: Path) -> list[dict[str, Any]]:
    """The lines; none if there is no file."""
    return [json.loads(text) for text in path.read_text().splitlines()] if path.exists() else []


if __name__ == "__main__":
    main()
