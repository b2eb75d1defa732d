"""certiqa robustness."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy import stats

Run = Callable[..., Any]
MODULE = "certiqa_robustness_toys"
METRICS = """
import torch

class Net(torch.nn.Module):
    name, lower_better, output_range, range_enforced, min_size = "net", False, (0.0, 100.0), True, 8
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor([2.0, 1.0, 0.5])[None, :, None, None])
        self.calls = 0
    def forward(self, x):
        self.calls += len(x)
        return 100 * torch.sigmoid(2 * ((x - 0.5) * self.weight).mean((1, 2, 3)))

class Plain(Net):
    output_range, range_enforced, name = None, False, "plain"

class Breaks(Net):
    def forward(self, x):
        if 0.39 < x.mean() < 0.40: raise ValueError("no")
        return super().forward(x)

class Stops(Net):
    def forward(self, x):
        if 0.39 < x.mean() < 0.40: raise KeyboardInterrupt
        return super().forward(x)

net, plain, breaks, stops = Net().eval(), Plain().eval(), Breaks().eval(), Stops().eval()

def flat(x): return x.detach().mean((1, 2, 3))
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a data set of 24 images in data/: 12 prompts, MOS that rise with the grey level."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(__import__("sys").modules, MODULE, raising=False)
    (tmp_path / f"{MODULE}.py").write_text(METRICS)
    folder = tmp_path / "data" / "images"
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    lines = ["image,mos,std,prompt"]
    for index in range(24):
        Image.fromarray(np.full((8, 8, 3), 20 + 9 * index, np.uint8)).save(folder / f"{index}.png")
        mos = 0.5 + 0.15 * index + 0.2 * random.normal()
        lines.append(f"{index}.png,{min(5, max(0, mos)):.4f},0.1,prompt {index // 2}")
    (tmp_path / "data" / "mos.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


@pytest.fixture
def robustness(root: Path, invoke: Callable[[list[str]], Any]) -> Run:
    """Run ``certiqa robustness`` on that data set, with few resamples."""

    def command(*arguments: str, model: str = "net", part: str = "all") -> Any:
        how = ("--model", f"python:{MODULE}:{model}", "--data", "agiqa3k", "data", "--part", part)
        return invoke(["robustness", *how, "--resamples", "200", *arguments])

    return command


def saved(root: Path) -> Any:
    return json.loads((root / "out.json").read_text())


def test_the_table_and_the_json(robustness: Run, root: Path) -> None:
    result = robustness(
        *("--attack", "fgsm", "--attack", "pgd:steps=3", "--attack", "square:queries=10", "--objective", "raise"),
        *("--budget", "linf:2/255", "--budget", "linf:4/255", "--json", "out.json", "--store", "runs.jsonl"),
    )
    assert (result.exit_code, result.stderr) == (0, "")
    data = saved(root)
    assert [(row["label"], row["budget"], row["access"]) for row in data["rows"]] == [
        ("fgsm", "linf:2/255", "gradient"), ("fgsm", "linf:4/255", "gradient"),
        ("pgd:steps=3", "linf:2/255", "gradient"), ("pgd:steps=3", "linf:4/255", "gradient"),
        ("square:queries=10", "linf:2/255", "scores"), ("square:queries=10", "linf:4/255", "scores"),
    ]  # fmt: skip
    weak, strong = (row["robustness"] for row in data["rows"][:2])
    for row in (weak, strong):
        assert row["n"] == 24
        assert row["contents"] == 12
        assert row["r"]["scale"] == [0, 100]
        assert [level["n"] for level in row["levels"]] == [5, 5, 4, 5, 5]
        assert row["direction"] == "as declared"
    mos = {}
    for line in (root / "data" / "mos.csv").read_text().splitlines()[1:]:
        mos[line.split(",")[0]] = float(line.split(",")[1])
    lines = [json.loads(line)["record"] for line in (root / "runs.jsonl").read_text().splitlines()]
    rows = [one for one in lines if one.get("attack") == "fgsm" and one["budget"] == "linf:4/255"]
    before, after = ([one[key] for one in rows] for key in ("score_before", "score_quantised"))
    gain = np.subtract(after, before)
    assert strong["changes"]["rmse"]["value"] == pytest.approx(np.sqrt((gain**2).mean()))
    assert strong["changes"]["mean_gain"]["value"] == pytest.approx(gain.mean())
    room = np.maximum(100 - np.array(before), before)
    assert strong["r"]["mean"]["value"] == pytest.approx(np.log10(room / np.abs(gain)).mean())
    human = [mos[one["image"]] for one in rows]
    assert strong["attacked"]["srocc"]["value"] == pytest.approx(stats.spearmanr(after, human).statistic)
    assert strong["changes"]["mean_gain"]["value"] > 1.8 * weak["changes"]["mean_gain"]["value"] > 0.5
    constant = data["constant_predictor"]
    assert constant["changes"]["rmse"]["value"] == 0
    assert constant["rmse_mos_after"]["value"] == pytest.approx(np.std(list(mos.values())))
    assert constant["attacked"]["srocc"] is None
    assert data["left_out"] == []
    assert data["masking"]["linf:4/255"]["flags"] == ["steps"], "a score that is all but linear is told, too"
    assert data["masking"]["linf:2/255"]["checks"][4]["state"] == "not checked"
    table = result.stdout.splitlines()
    row = next(line for line in table if line.startswith("constant predictor")).split()
    assert row[2:5] == ["any", "24", "0"]
    assert "infinite" in row
    assert row.count("undefined") == 4
    assert "  budget: clear: larger budgets are stronger: mean effects" in result.stdout
    assert "zero gradients: clear: no gradient is zero" in result.stdout
    assert "By quality, 5 levels of as many images each, last budget of each attack:" in table


def test_a_killed_run_goes_on(robustness: Run, root: Path) -> None:
    """The metric stops it at one image; the same metric, cured, does only what is left."""
    arguments = ("--attack", "fgsm", "--store", "runs.jsonl", "--json", "out.json")
    whole = robustness("--attack", "fgsm", "--json", "out.json")
    assert whole.exit_code == 0
    expected = [row["robustness"] for row in saved(root)["rows"]]
    result = robustness(*arguments, model="stops")
    assert result.exit_code == 130
    assert result.errors == ["interrupted; what was done stands in runs.jsonl"]
    done = len((root / "runs.jsonl").read_text().splitlines())
    assert done == 9 * 3
    with (root / "runs.jsonl").open("a") as file:
        file.write('{"key": "cut by a cra')
    from certiqa_robustness_toys import Net, Stops

    Stops.forward = Net.forward
    module = __import__(MODULE)
    module.stops.calls = 0
    result = robustness(*arguments, model="stops")
    assert (result.exit_code, result.stderr) == (0, "")
    assert [row["robustness"] for row in saved(root)["rows"]] == expected
    lines = (root / "runs.jsonl").read_text().splitlines()
    assert len(lines) == 24 * 3
    assert len({json.loads(line)["key"] for line in lines}) == 24 * 3
    first = module.stops.calls
    assert first > 0
    robustness(*arguments, model="stops")
    assert module.stops.calls == first, "nothing is done twice"
    robustness(*arguments, "--seed", "1", model="stops")
    assert module.stops.calls > first, "another seed is another run"


def test_images_that_fail_are_told_and_left_out(robustness: Run, root: Path) -> None:
    (root / "data" / "images" / "3.png").write_bytes(b"not a picture")
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(root / "data" / "images" / "5.png")
    result = robustness("--attack", "fgsm", "--json", "out.json", model="breaks")
    assert result.exit_code == 2
    assert len(result.errors) == 3
    assert "3.png" in result.errors[0]
    assert "needs at least 8 pixels" in result.errors[1]
    assert "ValueError" in result.errors[2]
    data = saved(root)
    assert data["rows"][0]["robustness"]["n"] == 21
    assert [one["name"] for one in data["left_out"]] == ["3.png", "5.png", "9.png"]


def test_an_attack_that_cannot_be_leaves_the_others(robustness: Run, root: Path) -> None:
    result = robustness("--attack", "fgsm", "--attack", "square:queries=5", "--json", "out.json", "--limit", "6",
                        model="flat")  # fmt: skip
    assert result.exit_code == 2
    assert len(result.errors) == 6
    assert all("fgsm in linf:4/255: The score has no gradient" in error for error in result.errors)
    data = saved(root)
    assert [row["label"] for row in data["rows"]] == ["square:queries=5"]
    assert "No R: the metric declares no range." in result.stdout
    nothing = robustness("--attack", "fgsm", "--limit", "2", model="flat")
    assert "No image of 'agiqa3k' could be attacked. The first:" in nothing.errors[-1]


def test_the_limit_takes_the_same_images_everywhere(robustness: Run, root: Path) -> None:
    names = []
    for limit in ("5", "9", "5"):
        robustness("--attack", "fgsm", "--limit", limit, "--store", f"{len(names)}.jsonl")
        lines = (root / f"{len(names)}.jsonl").read_text().splitlines()
        names.append({json.loads(line)["record"]["image"] for line in lines})
    assert [len(one) for one in names] == [5, 9, 5]
    assert names[0] == names[2] < names[1]


def test_a_scale_for_a_metric_without_a_range(robustness: Run, root: Path) -> None:
    robustness("--attack", "fgsm", "--limit", "6", "--json", "out.json", model="plain")
    assert saved(root)["rows"][0]["robustness"]["r"] is None
    robustness("--attack", "fgsm", "--limit", "6", "--json", "out.json", "--scale", "0,100", model="plain")
    assert saved(root)["rows"][0]["robustness"]["r"]["scale"] == [0, 100]


def test_defences(robustness: Run, root: Path) -> None:
    common = ("--attack", "fgsm", "--limit", "4", "--json", "out.json", "--objective", "raise", "--levels", "2")
    result = robustness(*common, "--sigma", "0.1", "--n", "60", "--samples", "4")
    assert (result.exit_code, result.stderr) == (0, "")
    data = saved(root)
    assert data["defence"]["words"] == "MS sigma 0.1"
    assert data["rows"][0]["queries"] == 4
    assert data["rows"][0]["robustness"]["changes"]["mean_gain"]["value"] > 0.5
    assert [c["state"] for c in data["masking"]["linf:4/255"]["checks"]] == ["not checked"] * 6
    robustness(*common, "--purify", "bits:bits=6")
    assert saved(root)["defence"]["words"] == "bits(bits=6)"
    assert saved(root)["name"] == "net behind bits(bits=6)"


def test_restarts_and_transfer_reach_the_masking_report(robustness: Run, root: Path) -> None:
    robustness(
        *("--attack", "pgd:steps=2", "--attack", "pgd:steps=2,restarts=2", "--limit", "4", "--json", "out.json"),
        *("--attack", f"transfer:source=python:{MODULE}:plain,attack=fgsm"),
    )
    checks = {one["name"]: one["state"] for one in saved(root)["masking"]["linf:4/255"]["checks"]}
    assert checks["restarts"] == "clear"
    assert checks["transfer"] in ("clear", "flagged")
    assert checks["steps"] == checks["black box"] == "not checked"


def test_restarts_are_compared_with_one_start_of_the_same_attack(robustness: Run, root: Path) -> None:
    """A stronger attack beside them does not hide what restarts add."""
    words = []
    for beside in ((), ("--attack", "i-fgsm:steps=3")):
        pgd = ("--attack", "fgsm", *(f"--attack=pgd:steps=2,step=0.1{more}" for more in ("", ",restarts=2")))
        robustness(*pgd, *beside, "--limit", "4", "--json", "out.json")
        checks = {one["name"]: one["words"] for one in saved(root)["masking"]["linf:4/255"]["checks"]}
        words.append((checks["restarts"], checks["steps"]))
    assert words[0][0] == words[1][0]
    assert words[0][1] != words[1][1], "the other attack is there"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--attack", "fgsmm"], "Unknown attack 'fgsmm'. Did you mean 'fgsm'"),
        (["--attack", "fgsm", "--attack", "fgsm"], "'--attack' must not be given twice"),
        (["--budget", "linf:4/255", "--budget", "linf:4/255"], "'--budget' must not be given twice"),
        (["--budget", "linf:4"], "'eps' must be a number in (0, 1]"),
        (["--attack", "madc"], "'--budget' must be of kind 'l2' for the attack 'madc'"),
        (["--part", "tests"], "Unknown part 'tests'"),
        (["--limit", "0"], "'limit' must be a whole number >= 1"),
        (["--scale", "5"], "'--scale' must be two numbers"),
        (["--scale", "5,1"], "'scale' must be None or a pair"),
        (["--levels", "0"], "'levels' must be"),
        (["--binning", "size"], "'binning' must be one of"),
        (["--confidence", "2"], "'confidence' must lie in (0, 1)"),
        (["--option", "x=1"], "x"),
        (["--json", "out.jsonl"], "'--json' must be - or a name ending in .json"),
        (["--store", "runs.csv"], "'--store' must be a name ending in .jsonl"),
        (["--store", "nowhere/runs.jsonl"], "'--store' must be in a folder"),
        (["--purify", "jpeg:quality=0"], "'quality' must be a whole number from 1 to 100"),
    ],
)
def test_bad_options_are_one_line_before_anything_is_done(robustness: Run, arguments: list[str], words: str) -> None:
    result = robustness(*arguments)
    assert result.exit_code == 2
    assert len(result.errors) == 1
    assert words in result.errors[0]
    assert result.stdout == ""


def test_the_data_set_is_named(invoke: Callable[[list[str]], Any], robustness: Run, root: Path) -> None:
    assert "'--data' must be given as --data NAME ROOT" in invoke(["robustness", "--model", "builtin"]).errors[0]
    (root / "other.jsonl").write_text('{"identity": 1}\n')
    found = robustness("--store", "other.jsonl")
    assert "'--store' must be new, or a file of records that certiqa wrote" in found.errors[0]
