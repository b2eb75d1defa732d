"""Train the built-in metric from scratch, and measure it on images it never saw.

    python benchmarks/train_builtin.py --data ../shared/data
    python benchmarks/train_builtin.py --data ../shared/data --evaluate-only

DIR holds livec/ and agiqa3k/, each with images/ and mos.csv, and kodak24/. The phases:

1. The network, of one scale, learns to name synthetic distortions and to rank their levels
   (builtin_training/pretrain.py), on clean photographs and on the pictures of the fit parts.
2. The human scores of both data sets (builtin_training/fit.py), and beside them which generator of AGIQA-3K made a
   picture, an auxiliary task.
3. The same once more, at a low rate, on nearly whole pictures: a metric of one scale, one-scale.safetensors in --work.
4. It is widened to --scales (builtin_training/scales.py) and trained on nearly whole pictures, once for every
   seed of --members, and for every seed of --leaning with more of AGIQA-3K in a batch and fewer steps. The metric is
   the mean of the weights of all of these, and with --with-start of the network that they began with. --start begins
   here; --only-member trains one of them, so that they can run side by side.

No weights of third parties are used. The validation part is certiqa.data.splits.is_validation. With --dev one content
in eight of the rest (by the same kind of hashing) is kept out of the fit and its SROCC is logged: that is where
settings are compared. The weights are those after the last step (their moving average): there is no early stopping.
Each phase leaves a checkpoint in --work, and a second run goes on behind the last finished one.

Writes the weights to --out, progress to results/builtin_training*.jsonl and figures to results/builtin_validation.json.
The sha256 printed at the end goes into certiqa/metrics/builtin.py. Results depend on the number of threads and on the
machine's arithmetic in the last digits, so another machine gives other weights of the same worth.

The weights that ship were made in three sessions: phases 1 to 3 (the weights of commit dd661fd), phase 4 from them
(those of commit d4b9912), and what builtin_kinds.py adds. Phase 4:

    git show dd661fd:certiqa/metrics/weights/builtin.safetensors > one-scale.safetensors
    python benchmarks/train_builtin.py --data ../shared/data --threads 1 --start one-scale.safetensors --only-member 0
    python benchmarks/train_builtin.py --data ../shared/data --threads 1 --start one-scale.safetensors --only-member 1
    python benchmarks/train_builtin.py --data ../shared/data --threads 2 --start one-scale.safetensors
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import platform
import shlex
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import scipy
import torch
from builtin_training.distorted import make_bank
from builtin_training.fit import LARGE, LEANING, POLISH_RATE, WIDENED_RATE, fit, stretch
from builtin_training.network import TrainingNet, folded, gmac
from builtin_training.pictures import SOURCES, Rated, clean_photographs, is_dev, read
from builtin_training.pretrain import pretrain
from builtin_training.scales import averaged, frozen_norms, one_scale, widened
from safetensors.torch import load_file, save_file

from certiqa.data import open_dataset
from certiqa.evaluation import agreement, score_dataset
from certiqa.metrics.builtin import BuiltinMetric, Widths, load_builtin

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
WEIGHTS = ROOT / "certiqa" / "metrics" / "weights" / "builtin.safetensors"
DROPOUT = 0.3


def parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train and evaluate the built-in metric.")
    parser.add_argument("--data", type=Path, required=True, help="folder with livec/, agiqa3k/ and kodak24/")
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="weight file to write (or to evaluate)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the log and the figures")
    parser.add_argument("--work", type=Path, default=ROOT / "out" / "builtin", help="checkpoints of finished phases")
    parser.add_argument("--pretrain-epochs", type=float, default=8)
    parser.add_argument("--steps", type=int, default=9000, help="of the second phase")
    parser.add_argument("--polish-steps", type=int, default=1300, help="of the third phase, on nearly whole pictures")
    parser.add_argument("--last-steps", type=int, default=2000, help="of the last phase, for each member")
    parser.add_argument("--members", type=int, nargs="*", default=[0, 1], help="seeds of the last phase")
    parser.add_argument("--leaning", type=int, nargs="*", default=[], help="more of them, which lean to AGIQA-3K")
    parser.add_argument("--leaning-steps", type=int, default=800, help="of the last phase, for each of these")
    parser.add_argument("--with-start", action="store_true", help="what they began with counts as one of them")
    parser.add_argument("--scales", type=int, default=Widths().scales, help="of the last phase's network")
    parser.add_argument("--hidden", type=int, default=Widths().hidden, help="hidden units of its head")
    parser.add_argument("--frozen-stem", action="store_true", help="the last phase leaves the first two layers alone")
    parser.add_argument("--float32", action="store_true", help="no bfloat16: for a CPU without instructions for it")
    parser.add_argument("--only-pretrain", action="store_true", help="stop behind the first phase")
    parser.add_argument("--only-member", type=int, default=None, help="train this one of them, and stop")
    parser.add_argument("--start", type=Path, default=None, help="a one-scale metric to begin the last phase with")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--dev", action="store_true", help="keep the development part out of the fit and report on it")
    parser.add_argument("--evaluate-only", action="store_true", help="only measure the weights at --out")
    args = parser.parse_args(argv)
    if not {*args.members, *args.leaning}:
        parser.error("--members or --leaning must name a seed")
    if {*args.members} & {*args.leaning}:
        parser.error("a seed is of --members or of --leaning")
    return args


def _there(args: argparse.Namespace, phase: str) -> bool:
    return bool((args.work / f"{phase}.safetensors").exists())


def _resume(net: TrainingNet, args: argparse.Namespace, phase: str) -> None:
    stored = load_file(args.work / f"{phase}.safetensors")
    net.load_state_dict({name: tensor for name, tensor in stored.items() if not name.startswith("maps.")})


def _keep(mean: TrainingNet, net: TrainingNet, args: argparse.Namespace, phase: str) -> None:
    """The phase's moving average goes into ``net``, for the next phase, and into --work."""
    kept = {name: tensor.contiguous() for name, tensor in mean.state_dict().items() if not name.startswith("maps.")}
    net.maps = None
    net.load_state_dict(kept)
    args.work.mkdir(parents=True, exist_ok=True)
    save_file(kept, args.work / f"{phase}.safetensors")


class Log:
    """Progress, one JSON object a line; appended, so that a resumed run keeps what went before."""

    def __init__(self, path: Path, fresh: bool, **facts: Any) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self.facts = path, facts
        if fresh:
            path.write_text("", encoding="utf-8")

    def __call__(self, record: dict[str, Any]) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(self.facts | record) + "\n")
        print(json.dumps(self.facts | record), flush=True)


def one_scale_network(args: argparse.Namespace, fitted: list[Rated], dev: list[Rated]) -> TrainingNet:
    """The first three phases."""
    net = TrainingNet(args.seed, DROPOUT, one_scale()).to(args.device, memory_format=torch.channels_last).train()
    half = not args.float32
    log = Log(args.results / "builtin_training.jsonl", fresh=not _there(args, "pretrained"))
    if not _there(args, "fitted"):
        if not _there(args, "pretrained"):
            pictures = [image for part in fitted for image in part.images]
            bank = make_bank(clean_photographs(args.data), pictures, args.seed)
            _keep(pretrain(net, bank, args.pretrain_epochs, args.seed, args.device, log), net, args, "pretrained")
            del bank
            if args.only_pretrain:
                raise SystemExit(0)
        else:
            _resume(net, args, "pretrained")
        _keep(fit(net, fitted, dev, args.steps, args.seed, args.device, log, half=half), net, args, "fitted")
    else:
        _resume(net, args, "fitted")
    last = {"phases": LARGE, "rate": POLISH_RATE, "half": half}
    return fit(net, fitted, dev, args.polish_steps, args.seed + 1, args.device, log, **last)


def save(metric: BuiltinMetric, out: Path) -> None:
    """In half precision, but for the biases of the kinds and what is typical of them, which are few and large."""
    out.parent.mkdir(parents=True, exist_ok=True)
    whole = ("kind.bias", "typical")
    state = {name: t if name in whole else t.half() for name, t in metric.state_dict().items()}
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, out)
    out.chmod(0o644)  # safetensors writes for the owner only, which would not survive packaging


def start_of_last_phase(args: argparse.Namespace, fitted: list[Rated], dev: list[Rated]) -> BuiltinMetric:
    """The one-scale metric: --start, or what --work has, or from scratch."""
    path = args.start or args.work / "one-scale.safetensors"
    if not path.exists():
        metric = folded(one_scale_network(args, fitted, dev))
        stretch(metric, fitted, args.seed)
        save(metric, path)
    metric = BuiltinMetric(one_scale())
    metric.load_state_dict({name: tensor.float() for name, tensor in load_file(path).items()})
    return metric.eval()


def widths(args: argparse.Namespace) -> Widths:
    """Of the last phase's network."""
    return Widths(hidden=args.hidden, scales=args.scales)


def member(args: argparse.Namespace, number: int, start: BuiltinMetric, fitted: list[Rated], dev: list[Rated]) -> Path:
    """The last phase with the seed of this member; its weights lie in --work."""
    path: Path = args.work / f"member-{number}.safetensors"
    if not path.exists():
        torch.manual_seed(args.seed + number)
        net = widened(start, fitted, LARGE[0].crop, args.seed, DROPOUT, widths(args))
        net.metric.stem.requires_grad_(not args.frozen_stem)
        net = net.to(args.device, memory_format=torch.channels_last)
        log = Log(args.results / f"builtin_training_member{number}.jsonl", True, member=number)
        seed = args.seed + 10 + number
        leans = number in args.leaning
        steps = args.leaning_steps if leans else args.last_steps
        last = {"phases": LEANING if leans else LARGE, "rate": WIDENED_RATE, "half": not args.float32}
        mean = fit(net, fitted, dev, steps, seed, args.device, log, **last)
        _keep(mean, net, args, path.stem)
    return path


def train(args: argparse.Namespace) -> float:
    """All phases, or one member; writes weights and logs. Returns the seconds that this run took."""
    start = time.perf_counter()
    torch.manual_seed(args.seed)  # dropout has no generator argument
    rated = [read(args.data, source) for source in SOURCES]
    fitted = [part.where(lambda c: not is_dev(c)) for part in rated] if args.dev else rated
    dev = [part.where(is_dev) for part in rated] if args.dev else []
    one = start_of_last_phase(args, fitted, dev)
    numbers = [*args.members, *args.leaning] if args.only_member is None else [args.only_member]
    paths = [member(args, number, one, fitted, dev) for number in numbers]
    if args.only_member is None:
        nets = [widened(one, fitted, LARGE[0].crop, args.seed, DROPOUT, widths(args))] if args.with_start else []
        for path in paths:
            net = frozen_norms(TrainingNet(args.seed, DROPOUT, widths(args)))
            net.load_state_dict(load_file(path))
            nets.append(net)
        mean = averaged(nets)
        save_file({k: t.contiguous() for k, t in mean.state_dict().items()}, args.work / "averaged.safetensors")
        metric = folded(mean)
        stretch(metric, fitted, args.seed)
        save(metric, args.out)
    return round(time.perf_counter() - start, 1)


def report(args: argparse.Namespace) -> dict[str, Any]:
    """Everything measured on the validation parts with the weights at --out, as they are on disk."""
    metric = load_builtin(args.device, args.out)
    return {
        "weights": args.out.name,
        "sha256": hashlib.sha256(args.out.read_bytes()).hexdigest(),
        "bytes": args.out.stat().st_size,
        "parameters": sum(p.numel() for p in metric.parameters()),
        "gmac_512x512": round(gmac(load_builtin(None, args.out)), 4),
        "validation": {source: measured(metric, args, source) for source in SOURCES},
    }


def measured(metric: torch.nn.Module, args: argparse.Namespace, source: str) -> dict[str, Any]:
    scored = score_dataset(metric, open_dataset(source, args.data / source).part("validation"))
    part = scored.dataset
    found = agreement(scored.scores, part.mos(), contents=part.contents(), lower_better=False, seed=args.seed)
    quartiles = [round(float(q), 2) for q in np.quantile(scored.scores, (0, 0.25, 0.5, 0.75, 1))]
    return found.to_dict() | {"score_quartiles": quartiles}


def main(argv: list[str]) -> None:
    args = parse(argv)
    torch.set_num_threads(args.threads)
    args.results.mkdir(parents=True, exist_ok=True)
    target = args.results / "builtin_validation.json"
    command = shlex.join(["python", "benchmarks/train_builtin.py", *argv])
    if args.evaluate_only:
        training = json.loads(target.read_text(encoding="utf-8")).get("training") if target.exists() else None
    else:
        seconds = train(args)
        if args.only_member is not None:
            return
        training = {
            "command": command,
            "seconds": seconds,
            "seed": args.seed,
            "steps": args.steps,
            "polish_steps": args.polish_steps,
            "scales": args.scales,
            "hidden": args.hidden,
            "last_steps": args.last_steps,
            "members": args.members,
            "leaning": args.leaning,
            "leaning_steps": args.leaning_steps,
            "with_start": args.with_start,
            "frozen_stem": args.frozen_stem,
            "start": args.start.name if args.start else None,
        }
    write_figures(args, command, training)


def write_figures(args: argparse.Namespace, command: str, training: dict[str, Any] | None) -> None:
    """Measure the weights at --out, and write what was found to --results."""
    figures = report(args) | {
        "command": command,
        "training": training,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "device": args.device,
        "threads": args.threads,
        "machine": platform.machine(),
        "versions": {"python": platform.python_version()} | {m.__name__: m.__version__ for m in (torch, np, scipy)},
    }
    target = args.results / "builtin_validation.json"
    before = json.loads(target.read_text(encoding="utf-8")) if target.exists() else {}
    if before.get("sha256") == figures["sha256"] and "kinds" in before:
        figures["kinds"] = before["kinds"]  # what builtin_kinds.py measured with the same weights
    target.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(figures["validation"], indent=2))
    print("sha256", figures["sha256"])


if __name__ == "__main__":
    main(sys.argv[1:])
