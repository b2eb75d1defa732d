"""Search for the frontier: noise-trained networks over working resolution, noise level and training, on development.

    python benchmarks/frontier_search.py --data ../shared/data --init out/builtin/pretrained.safetensors

Runs benchmarks/train_noise.py --dev for every setting of SETTINGS that has no line yet in --out, and adds what the
development part says of it there: SROCC of the mean of four draws, the SD of one draw over the SD of the scores, and
from the two the PSNR at which a score that moves linearly would keep tau <= SD/2 (for n so
large that the radius is not what limits it, and for --n). No image of the validation part is read: the settings that
ship are chosen here, and measured on validation by denoised_smoothing.py.
"""

from __future__ import annotations

import argparse
import json
import math
import shlex
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from certiqa.statistics.bands import one_sided_local_level
from certiqa.statistics.ranks import lower_rank

ROOT = Path(__file__).resolve().parents[1]
ALPHA = 1e-3


@dataclass(frozen=True)
class Setting:
    """One training under noise; the options are those of train_noise.py."""

    resolution: int
    low: float
    high: float
    steps: int = 2000
    consistency: float = 0.0
    unclipped: bool = True
    jitter: tuple[float, ...] = (1.1, 1.25)
    dropout: float = 0.5
    rate: float = 1e-3
    zoom: int = 1
    batch: tuple[int, int] = (34, 14)

    @property
    def name(self) -> str:
        """For file names."""
        more = "".join(
            part
            for part, there in (
                (f"-c{self.consistency:g}", self.consistency), ("-clipped", not self.unclipped),
                ("-still", not self.jitter), (f"-s{self.steps}", True),
                (f"-d{self.dropout:g}", self.dropout != 0.5), (f"-r{self.rate:g}", self.rate != 1e-3),
                (f"-z{self.zoom}", self.zoom != 1),
                (f"-b{self.batch[0]}-{self.batch[1]}", self.batch != (34, 14)),
            )
            if there
        )  # fmt: skip
        return f"{self.resolution}-{self.low:g}-{self.high:g}{more}"

    def command(self, args: argparse.Namespace) -> list[str]:
        """The arguments of train_noise.py."""
        given = ["--data", str(args.data), "--init", str(args.init), "--dev", "--threads", str(args.threads)]
        given += ["--resolution", str(self.resolution), "--sigma", str(self.low), str(self.high)]
        given += ["--steps", str(self.steps), "--consistency", str(self.consistency)]
        given += ["--dropout", str(self.dropout), "--rate", str(self.rate), "--zoom", str(self.zoom)]
        given += ["--device", args.device, "--batch", *map(str, self.batch)]
        given += ["--unclipped"] if self.unclipped else []
        given += ["--jitter", *map(str, self.jitter)] if self.jitter else []
        given += ["--out", str(args.work / f"{self.name}.safetensors"), "--log", str(args.work / f"{self.name}.jsonl")]
        return given


SETTINGS = (
    Setting(96, 0.35, 0.7, 1200),
    Setting(192, 0.7, 1.4, 1200),
    Setting(192, 0.45, 1.1, 2800, dropout=0.3),
    Setting(96, 0.02, 0.04, 1200),  # hardly any noise: what the working resolution alone costs
    Setting(192, 0.02, 0.04, 1200),
    Setting(128, 0.47, 0.93, 1200),
    Setting(96, 0.17, 0.35, 1200),
    Setting(96, 0.7, 1.4, 1200),
    Setting(96, 0.35, 0.7, 1200, unclipped=False, jitter=()),  # how the first certified metric was trained
    Setting(96, 0.35, 0.7, 1200, consistency=2.0),
    Setting(64, 0.25, 0.5, 1200),  # the resolution and the noise of the prototype that the aim was set by
    Setting(64, 0.25, 0.5, 1200, zoom=2),
    Setting(64, 0.25, 0.5, 2800, dropout=0.3, unclipped=False, jitter=()),
    Setting(96, 0.35, 0.7, 2800, dropout=0.3, zoom=2),
    Setting(96, 0.35, 0.7, 2800, dropout=0.3),
    Setting(96, 0.35, 0.7, 2800, zoom=2, batch=(42, 6)),  # LIVE In the Wild is learned by heart: fewer of it
    Setting(64, 0.25, 0.5, 2800, zoom=2, dropout=0.3),
)


def radius(n: int) -> float:
    """The largest r = eps/sigma that n scores prove something about, at the band's level."""
    level, low, high = one_sided_local_level(n, ALPHA / 2), 0.0, 8.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if lower_rank(n, 0.5 * math.erfc(middle / math.sqrt(2)), level) else (low, middle)
    return low


def predicted(line: dict[str, Any], n: float) -> float:
    """PSNR at which a score that moves linearly keeps tau <= SD/2 with n scores (inf: the radius is no limit)."""
    reach = line["radius_over_sigma"] if n == math.inf else min(line["radius_over_sigma"], radius(int(n)))
    return 20 * math.log10(math.sqrt(3) * line["setting"]["resolution"] / (line["sigma"] * reach))


def summary(setting: Setting, log: list[dict[str, Any]], n: int) -> list[dict[str, Any]]:
    """A line for each noise level."""
    found = []
    for record in log:
        if "dev" not in record:
            continue
        sigma = record["sigma"]
        for source, seen in record["dev"].items():
            line = {"setting": asdict(setting), "name": setting.name, "data": source, "sigma": sigma, **seen}
            line["radius_over_sigma"] = round(0.5 / seen["sd_noise_over_sd_scores"], 3)
            line["psnr_at_half_sd"] = round(predicted(line, math.inf), 2)
            line[f"psnr_at_half_sd_n{n}"] = round(predicted(line, n), 2)
            found.append(line)
    return found


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--init", type=Path, required=True, help="a checkpoint of train_builtin.py that saw no score")
    parser.add_argument("--work", type=Path, default=ROOT / "out" / "frontier")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "frontier_search.jsonl")
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args(argv)
    args.work.mkdir(parents=True, exist_ok=True)
    text = args.out.read_text(encoding="utf-8") if args.out.exists() else ""
    there = {json.loads(line)["name"] for line in text.splitlines()}
    command = shlex.join(["python", "benchmarks/frontier_search.py", *argv])
    for setting in SETTINGS:
        if setting.name in there:
            continue
        log = args.work / f"{setting.name}.jsonl"
        if not log.exists() or '"dev"' not in log.read_text(encoding="utf-8"):
            script = str(ROOT / "benchmarks" / "train_noise.py")
            subprocess.run([sys.executable, script, *setting.command(args)], check=True, stdout=subprocess.DEVNULL)
        records = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
        lines = summary(setting, records, args.n)
        with args.out.open("a", encoding="utf-8") as file:  # in one write, so that a name stands for all of its lines
            file.write("".join(json.dumps(line | {"command": command}) + "\n" for line in lines))
        for one in lines:
            print(*(one[key] for key in ("name", "data", "sigma", "srocc_noisy", "psnr_at_half_sd")), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
