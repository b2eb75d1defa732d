"""Defences compared: a preset or config of ``certiqa benchmark`` on the data sets beside each other, and its page.

    python benchmarks/compare_defenses.py --data ../shared/data             # preset cpu, under an hour on two cores
    python benchmarks/compare_defenses.py --data ../shared/data --part 0/2  # and --part 1/2 in another process
    python benchmarks/compare_defenses.py --data DIR --config full --device cuda
    python benchmarks/compare_defenses.py --publish                         # into docs/comparison
    python benchmarks/compare_defenses.py --check                           # are these what the result file says?

The same as ``certiqa benchmark CONFIG --out out/compare-CONFIG --data NAME DIR/NAME ...``: a killed run goes on.
--publish copies report, table and data of a finished run into docs/comparison/, and writes what they say, in sentences
whose figures come from comparison.json, into docs/comparison.md.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from certiqa.benchmark import Comparison, read_config
from certiqa.benchmark.distorted_samples import NAME as MADE
from certiqa.benchmark.result import Attacked, Row
from certiqa.evaluation.correlation import Estimate

ROOT = Path(__file__).resolve().parent.parent
PUBLISHED = ROOT / "docs" / "comparison"
PAGES = (ROOT / "docs" / "comparison.md",)
FILES = ("comparison.json", "table.csv", "report.html", "report.md")
NAMES = {"livec": "LIVE In the Wild", "agiqa3k": "AGIQA-3K"}
MARK = "comparison"


def arguments(args: argparse.Namespace) -> list[str]:
    """Of ``certiqa benchmark``."""
    found = ["benchmark", args.config, "--out", str(args.out), "--part", args.part]
    for one in read_config(args.config).data:
        if one.root is None and one.name != MADE:
            found += ["--data", one.name, str(args.data / one.name)]
    for name, given in (("--plan", args.plan), ("--skip-missing", args.skip_missing)):
        found += [name] * given
    return found + (["--device", args.device] if args.device else [])


def publish(out: Path) -> None:
    comparison = Comparison.from_dict(json.loads((out / "comparison.json").read_text(encoding="utf-8")))
    if not comparison.complete:
        raise SystemExit(f"{out}: not complete: {'; '.join(comparison.missing)}")
    pages = {page: filled(page.read_text(encoding="utf-8"), block(comparison)) for page in PAGES}
    with TemporaryDirectory(dir=PUBLISHED.parent) as beside:  # all of it is there before the old one goes
        new = Path(beside) / PUBLISHED.name
        shutil.copytree(out / "figures", new / "figures")
        for name in FILES:
            shutil.copy(out / name, new / name)
        shutil.rmtree(PUBLISHED, ignore_errors=True)
        new.rename(PUBLISHED)
    for page, text in pages.items():
        page.write_text(text, encoding="utf-8")


def check() -> None:
    data = json.loads((PUBLISHED / "comparison.json").read_text(encoding="utf-8"))
    wanted = block(Comparison.from_dict(data))
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        if filled(text, wanted) != text:
            raise SystemExit(f"{page.name} is not what docs/comparison/comparison.json says: run --publish")


def filled(text: str, content: str) -> str:
    pattern = re.compile(rf"<!-- {MARK} -->.*?<!-- /{MARK} -->", re.DOTALL)
    if not pattern.search(text):
        raise SystemExit(f"no <!-- {MARK} --> ... <!-- /{MARK} -->")
    return pattern.sub(lambda _: f"<!-- {MARK} -->\n{content}\n<!-- /{MARK} -->", text)


def block(comparison: Comparison) -> str:
    return "\n".join(f"{number}. {one}" for number, one in enumerate(sentences(comparison), 1))


GREY = 20 * math.log10(255)
"""PSNR of an attack of one grey level at every pixel, dB: weaker ones are called weaker than attacks in use."""


def judged(comparison: Comparison) -> None:
    """The words between the figures: that they hold."""
    reach = {
        (row.defence, row.sigma, row.data): row.certified.psnr_at_half_sd.value
        for row in comparison.rows
        if row.certified and row.certified.psnr_at_half_sd
    }
    made = {key: value for key, value in reach.items() if key[0] == "certified metric"}
    others = {key: value for key, value in reach.items() if key not in made}
    claims = {
        "certificates at the native resolution are of attacks weaker than one grey level": all(
            value > GREY for value in others.values()
        ),
        "only the metric made for certificates reaches attacks of a grey level": bool(made)
        and all(value < GREY for value in made.values()),
    }
    wrong = [claim for claim, holds in claims.items() if not holds]
    if wrong:
        raise SystemExit(f"the sentences say what the figures do not: {'; '.join(wrong)}. Write them anew.")


def sentences(comparison: Comparison) -> list[str]:
    """What the comparison says, in five."""
    judged(comparison)
    data = [one["name"] for one in comparison.datasets]
    images = " and ".join(f"{one['images']} images of {NAMES[one['name']]}" for one in comparison.datasets)
    defences = {row.defence for row in comparison.rows if row.kind not in ("none", "constant")}

    def srocc(defence: str, sigma: float | None = None) -> str:
        return " and ".join(_value(_row(comparison, name, defence, sigma).srocc, 2) for name in data)

    def reach(defence: str, sigma: float) -> str:
        return " and ".join(_psnr(_row(comparison, name, defence, sigma)) for name in data)

    def moved(defence: str, sigma: float | None, adaptive: bool) -> str:
        return " and ".join(_moved(_row(comparison, name, defence, sigma), adaptive) for name in data)

    runs = [one for row in comparison.rows for one in row.attacked if one.alarms is not None]
    inside = sum(point.lower is not None for one in runs for point in one.points)
    of = sorted({row.defence for row in comparison.rows for one in row.attacked if one.alarms is not None})
    minutes = comparison.seconds / 60
    n = max(row.certified.n for row in comparison.rows if row.certified)
    alarms = sum(one.alarms or 0 for one in runs)
    return [
        f"{len(defences)} defences of the built-in metric on {images} (validation parts) took "
        f"{minutes:.0f} minutes of computing, on two cores {minutes / 2:.0f} minutes each.",
        f"Agreement, SROCC on these two: undefended {srocc('undefended')}; at sigma 0.12 plain median smoothing keeps "
        f"{srocc('MS', 0.12)}, behind the denoiser with the ranking loss {srocc('DMS-IQA', 0.12)} (without that loss "
        f"{srocc('DMS', 0.12)}), trained under noise {srocc('noise-trained', 0.12)}.",
        "Proved: at the native resolution the median image's score moves by at most half an SD down to "
        f"{reach('DMS-IQA', 0.12)} dB (DMS-IQA, {n} scores an image) and {reach('noise-trained', 0.25)} dB "
        "(noise-trained, sigma 0.25), "
        "which is invisible noise and weaker than attacks in use; only the metric made for certificates reaches "
        f"{reach('certified metric', 1.3)} dB, with an SROCC of {srocc('certified metric', 1.3)}.",
        f"Tried: APGD at l_inf 2/255 moves the undefended score by {moved('undefended', None, True)} SD; NT by "
        f"{moved('NT', None, True)}, adversarial training by {moved('AT', None, True)}, and DMS-IQA at sigma 0.12 by "
        f"{moved('DMS-IQA', 0.12, True)} once the attack knows the defence, against "
        f"{moved('DMS-IQA', 0.12, False)} if it was made for the undefended metric.",
        f"In {inside} attacks inside certified radii (rows: {', '.join(of)}; the others' certificates are "
        f"of smaller sizes) there {f'WERE {alarms} ALARMS' if alarms else 'was no alarm'}; "
        "NT, adversarial training, JPEG and blur have no certificate, and what they resist is only what was tried.",
    ]


def _row(comparison: Comparison, data: str, defence: str, sigma: float | None) -> Row:
    return next(r for r in comparison.rows if (r.data, r.defence, r.sigma) == (data, defence, sigma))


def _value(found: Estimate | None, digits: int) -> str:
    return "undefined" if found is None else f"{found.value:.{digits}f}"


def _psnr(row: Row) -> str:
    found = row.certified.psnr_at_half_sd if row.certified else None
    return "no size" if found is None else f"{math.ceil(10 * found.value) / 10:.1f}"  # no more than was proved


def _moved(row: Row, adaptive: bool) -> str:
    found: Attacked = next(o for o in row.attacked if o.budget == "linf:2/255" and o.adaptive == adaptive)
    return "-" if found.rmse_over_sd is None else f"{found.rmse_over_sd:.2f}"


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with livec/ and agiqa3k/")
    parser.add_argument("--config", default="cpu", help="a preset, or a .toml")
    parser.add_argument("--out", type=Path, help="default: out/compare-CONFIG")
    parser.add_argument("--part", default="0/1")
    parser.add_argument("--device")
    parser.add_argument("--plan", action="store_true")
    parser.add_argument("--skip-missing", action="store_true")
    parser.add_argument("--publish", action="store_true")
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args(argv)
    args.out = args.out or Path("out") / f"compare-{Path(args.config).stem}"
    if args.check:
        return check()
    if args.publish:
        return publish(args.out)
    if args.data is None:
        parser.error("--data is needed")
    raise SystemExit(subprocess.run([sys.executable, "-m", "certiqa", *arguments(args)], check=False).returncode)


if __name__ == "__main__":
    main(sys.argv[1:])
