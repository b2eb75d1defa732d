"""Search for the head of builtin-energy: front ends and training settings, by cross-validation over contents.

    python benchmarks/energies_search.py --data ../shared/data --numbers work/energies

Runs every setting of SETTINGS that has no line yet in --out: heads that learn from four fifths of the fit parts and are
measured on the fifth left out, for three of the five folds by content (the first is the development part of
certiqa.heads.examples). A line has the setting, its digest, and for each data set SROCC and tau/SD of the law of the
scores, means over the folds. No image of the validation parts is read. The numbers of the pictures are kept in
--numbers.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from certiqa.data import open_dataset
from certiqa.data.sets.dataset import DataSet
from certiqa.data.sets.record import Record
from certiqa.data.splits import fold, is_validation
from certiqa.frontends import Energies
from certiqa.heads import Examples, HeadConfig, from_datasets, read_head, train
from certiqa.heads.measuring import noisy_scores, summary

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("agiqa3k", "livec")
FOLDS = (0, 1, 2)
PSNR = (48.0, 42.0, 36.0, 30.0)
DRAWS = 1000
MIXTURE = {"kinds": 1.0, "hidden": 256, "radius": 2.0}


@dataclass(frozen=True)
class Setting:
    """One run of the search."""

    front_end: Energies = field(default_factory=lambda: Energies(orientations=2))
    crops: int = 6
    changes: dict[str, Any] = field(default_factory=dict)

    @property
    def config(self) -> HeadConfig:
        return replace(HeadConfig(members=1, steps=700), **self.changes)

    def to_dict(self) -> dict[str, Any]:
        return {"front_end": self.front_end.to_dict(), "crops": self.crops, "config": self.config.as_mapping()}


SETTINGS = (
    Setting(),
    Setting(crops=0),
    Setting(crops=2),
    Setting(changes={"radius": 1.0}),
    Setting(changes={"radius": 3.0}),
    Setting(changes={"width": (0.4, 0.3)}),
    Setting(changes={"width": (0.4, 0.3), "members": 4}),
    Setting(changes={"width": (0.4, 0.3), "steps": 2000}),
    Setting(changes={"width": 0.2}),
    Setting(changes={"weight_decay": 0.1}),
    Setting(changes={"hidden": 256}),
    Setting(changes={"psnr": 36.0}),
    Setting(changes={"psnr": 36.0, "width": (0.4, 0.3), "members": 4}),
    Setting(changes={"kinds": 1.0}),
    Setting(changes=MIXTURE),
    Setting(changes=MIXTURE | {"kinds": 0.1}),
    Setting(changes=MIXTURE | {"steps": 1400}),
    Setting(changes=MIXTURE | {"members": 4}),
    Setting(changes=MIXTURE | {"members": 2, "width": (0.45, 0.32), "steps": 1000}),  # what ships
    Setting(changes=MIXTURE | {"psnr": 36.0}),
)


def kind(dataset: DataSet, record: Record) -> str:
    """The generator of an AGIQA-3K picture and its setting, by its file name ("sd1.5_lowstep"); else the data set."""
    return Path(record.name).stem.rpartition("_")[0] if dataset.name == "agiqa3k" else dataset.name


def examples(data: Path, kept: Path, front_end: Energies, crops: int, part: str = "fit") -> Examples:
    """The numbers of whole pictures and of so many crops of each; from disk if they are there."""
    path = kept / f"energies-{front_end.digest[:12]}-{part}.npz"
    if path.exists():
        with np.load(path) as stored:
            if len(stored["numbers"]) > crops:
                contents, kinds = (tuple(map(str, stored[name])) for name in ("contents", "kinds"))
                numbers = stored["numbers"][: 1 + crops]
                return Examples(numbers, stored["scores"], stored["groups"], contents, kinds, front_end.digest)
    sets = [open_dataset(source, data / source) for source in SOURCES]
    found = from_datasets(front_end, sets, part=part, crops=crops, kind=kind)
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays = {"numbers": found.numbers, "scores": found.scores, "groups": found.groups}
    np.savez(path, **arrays, contents=np.array(found.contents), kinds=np.array(found.kinds))
    return found


def measured(setting: Setting, every: Examples) -> dict[str, dict[str, float]]:
    """Means over the folds."""
    lines = []
    for number in FOLDS:
        apart = every.where(lambda content, number=number: fold(content, 5, salt="energies-dev") == number)
        fit = every.where(lambda content, number=number: fold(content, 5, salt="energies-dev") != number)
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "head.safetensors"
            train(setting.config, setting.front_end, fit, out)
            head, _ = read_head(out)
        scores = noisy_scores(head, apart, setting.config.sigma, DRAWS, setting.config.seed)
        lines.append(summary(scores, apart, SOURCES, setting.config.sigma, PSNR))
    return {
        source: {name: round(float(np.mean([line[source][name] for line in lines])), 4) for name in lines[0][source]}
        for source in SOURCES
    }


def _comparable(setting: dict[str, Any]) -> str:
    """Lines that were written before a field of the config existed have its default."""
    config = HeadConfig.from_mapping(setting["config"]).as_mapping()
    return json.dumps({**setting, "config": config}, sort_keys=True)


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--numbers", type=Path, required=True, help="folder that keeps the front ends' numbers")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results" / "energies_search.jsonl")
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    known = [json.loads(line) for line in args.out.read_text().splitlines()] if args.out.exists() else []
    done = [_comparable(line["setting"]) for line in known]
    for setting in SETTINGS:
        if _comparable(setting.to_dict()) in done:
            continue
        every = examples(args.data, args.numbers, setting.front_end, setting.crops)
        every = every.where(lambda content: not is_validation(content))
        line = {"setting": setting.to_dict(), "folds": FOLDS, "measured": measured(setting, every)}
        with args.out.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        print(json.dumps({**setting.changes, "crops": setting.crops, **line["measured"]}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
