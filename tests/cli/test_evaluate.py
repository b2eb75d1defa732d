"""certiqa evaluate."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from certiqa.data.splits import is_validation
from certiqa.evaluation import srocc

Run = Callable[..., Any]

METRICS = """
import torch

class Metric(torch.nn.Module):
    lower_better, min_size = False, 4
    def __init__(self, name, sign=1.0, wobble=0.0):
        super().__init__()
        self.name = name
        self.weight = torch.nn.Parameter(torch.tensor([sign, wobble]))
    def forward(self, x):
        sign, wobble = self.weight
        x = x.double()
        return sign * x.mean((1, 2, 3)) + wobble * (5000 * x.mean((1, 2, 3))).sin()

class Big(Metric):
    min_size = 9

class Breaks(Metric):
    def forward(self, x):
        if 0.41 < x.mean() < 0.415: raise ValueError("no")
        return super().forward(x)

class Stops(Metric):
    def forward(self, x):
        if 0.41 < x.mean() < 0.415: raise KeyboardInterrupt
        return super().forward(x)

good, noisy, wrong = Metric("good").eval(), Metric("noisy", 1.0, 0.6).eval(), Metric("wrong", -1.0).eval()
big, breaks, stops = Big("big").eval(), Breaks("breaks").eval(), Stops("stops").eval()
twin = Metric("twin").eval()

def flat(x): return x.mean((1, 2, 3)) * 0

def function(x): return x.mean((1, 2, 3))
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a data set of 40 images in data/: 20 prompts, MOS that rise with the grey level."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / f"{_MODULE}.py").write_text(METRICS)
    make(tmp_path / "data")
    return tmp_path


_MODULE = "certiqa_evaluate_toys"


def make(folder: Path, extra: str = "") -> None:
    (folder / "images").mkdir(parents=True)
    random = np.random.default_rng(0)
    lines = ["image,mos,std,prompt"]
    for index in range(40):
        pixels = np.full((8, 8, 3), 20 + 5 * index, np.uint8)
        Image.fromarray(pixels).save(folder / "images" / f"{index}.png")
        mos = 0.5 + 0.1 * index + 0.2 * random.normal()
        lines.append(f"{index}.png,{min(5, max(0, mos)):.4f},0.1,prompt {index // 2}")
    (folder / "mos.csv").write_text("\n".join(lines) + "\n" + extra)


@pytest.fixture
def evaluate(root: Path, invoke: Callable[[list[str]], Any]) -> Run:
    """Run ``certiqa evaluate`` on that data set, or on the one given, with few resamples."""

    def command(*arguments: str, model: str = "good", data: tuple[str, ...] = ("agiqa3k", "data")) -> Any:
        where = ("--data", *data) if data else ()
        metric = ("--model", toy(model))
        return invoke(["evaluate", *metric, *where, "--resamples", "200", *arguments])

    return command


def toy(name: str) -> str:
    return f"python:{_MODULE}:{name}"


def mos(root: Path) -> list[float]:
    with (root / "data" / "mos.csv").open() as file:
        return [float(row["mos"]) for row in csv.DictReader(file)]


def test_the_table_and_the_json(evaluate: Run, root: Path) -> None:
    result = evaluate("--json", "out.json")
    assert (result.exit_code, result.stderr) == (0, "")
    data = json.loads((root / "out.json").read_text())
    found = data["metrics"][0]["agreement"]
    assert found["srocc"]["value"] == pytest.approx(srocc(range(40), mos(root)))
    lines = result.stdout.splitlines()
    assert lines[0] == "agiqa3k, part all: 40 images; MOS 0 to 5, higher is better"
    assert lines[2].split() == ["metric", "n", "contents", "SROCC", "PLCC", "KROCC", "RMSE"]
    low, high = found["srocc"]["interval"]
    assert lines[3].startswith(toy("good"))
    assert f"  40  20        {found['srocc']['value']:.4f} [{low:.4f}, {high:.4f}]  " in lines[3]
    assert "95 % BCa intervals over contents, 200 resamples, seed 0" in result.stdout
    assert (data["data"]["name"], data["data"]["part"], data["data"]["n"]) == ("agiqa3k", "all", 40)
    assert (found["n"], found["contents"], found["direction"]) == (40, 20, "as declared")
    assert data["metrics"][0]["name"] == "good"
    for digest in (data["data"]["table_sha256"], data["metrics"][0]["model_sha256"], data["metrics"][0]["identity"]):
        assert len(digest) == 64
    assert {"certiqa", "torch", "scipy"} <= set(data["versions"])
    assert data["created"].startswith("20")
    assert data["command"] == (
        f"certiqa evaluate --model {toy('good')} --data agiqa3k data --part all "
        "--confidence 0.95 --resamples 200 --seed 0"
    )


def test_the_command_of_the_json_gives_the_same_figures(evaluate: Run, invoke: Callable[..., Any], root: Path) -> None:
    evaluate("--compare", toy("noisy"), "--part", "fit", "--seed", "5", "--batch-size", "4", "--json", "a.json")
    first = json.loads((root / "a.json").read_text())
    words = first["command"].split()[1:]
    second = json.loads(invoke([*words, "--json", "-"]).stdout)
    for data in (first, second):
        del data["created"]
        for metric in data["metrics"]:
            del metric["seconds"]
    assert first == second


def test_parts_by_content(evaluate: Run, root: Path) -> None:
    counts = {}
    for part in ("all", "fit", "validation"):
        data = json.loads(evaluate("--part", part, "--json", "-").stdout)
        assert data["data"]["part"] == part
        counts[part] = data["metrics"][0]["agreement"]["n"]
    assert counts["fit"] + counts["validation"] == counts["all"] == 40
    assert counts["validation"] % 2 == 0, "both images of a prompt are on one side"


def test_the_logistic_of_another_part(evaluate: Run) -> None:
    data = json.loads(evaluate("--part", "validation", "--fit-on", "fit", "--json", "-").stdout)
    here = json.loads(evaluate("--part", "validation", "--json", "-").stdout)
    there = json.loads(evaluate("--part", "fit", "--json", "-").stdout)
    one, other, fit = (d["metrics"][0]["agreement"] for d in (data, here, there))
    assert (one["curve_fitted_here"], other["curve_fitted_here"]) == (False, True)
    assert one["curve"] == fit["curve"]
    assert one["rmse_logistic"]["value"] >= other["rmse_logistic"]["value"]
    assert one["srocc"] == other["srocc"]
    assert "fitted on the part fit" in evaluate("--part", "validation", "--fit-on", "fit").stdout


def test_a_metric_the_wrong_way_round_is_shown(evaluate: Run) -> None:
    result = evaluate(model="wrong")
    assert " -0.9" in result.stdout
    assert "higher is better; the SROCC has the sign OPPOSITE to what this promises." in result.stdout
    assert "the sign that this promises" in evaluate().stdout
    assert "the sign +, and nothing is declared to check it against" in evaluate(model="function").stdout


def test_comparison(evaluate: Run) -> None:
    more = ("--compare", toy("noisy"), "--compare", toy("twin"))
    result = evaluate(*more)
    lines = result.stdout.splitlines()
    assert [line.split("  ")[0] for line in lines[3:6]] == [toy("good"), toy("noisy"), toy("twin")]
    assert sum("after Holm for" in line for line in lines) == 4, (
        "two statistics of two pairs; the twins have no interval"
    )
    data = json.loads(evaluate(*more, "--json", "-").stdout)
    found = {(c["first"], c["second"], c["statistic"]): c for c in data["comparisons"]}
    assert len(found) == 6
    twins = found[toy("good"), toy("twin"), "srocc"]
    assert (twins["difference"], twins["p"]) == (0.0, 1.0)
    other = found[toy("good"), toy("noisy"), "srocc"]
    assert other["difference"] > 0.1
    assert other["p"] < 0.05
    assert {c["tests"] for c in data["comparisons"]} == {6}


def test_several_data_sets(evaluate: Run, root: Path) -> None:
    make(root / "more")
    result = evaluate("--data", "agiqa3k", "more", "--json", "out.jsonl")
    assert result.stdout.count("agiqa3k, part all: 40 images") == 2
    lines = [json.loads(line) for line in (root / "out.jsonl").read_text().splitlines()]
    assert [line["data"]["root"] for line in lines] == ["data", "more"]
    assert (
        "'--json' must be a .jsonl or a folder" in evaluate("--data", "agiqa3k", "more", "--json", "o.json").errors[0]
    )


def test_the_readers_options(evaluate: Run) -> None:
    result = evaluate("--option", "mos_range=0,5", "--option", "lower_better=true", data=("folder", "data"))
    assert result.stdout.startswith("folder, part all: 40 images; MOS 0 to 5, lower is better")
    assert "OPPOSITE" in result.stdout, "a DMOS falls where the scores rise"


def test_scores_in_a_csv(evaluate: Run, root: Path) -> None:
    evaluate("--scores", "scores.csv", "--compare", toy("noisy"))
    with (root / "scores.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 80
    assert list(rows[0]) == ["data", "metric", "name", "content", "mos", "score", "sha256"]
    assert [float(row["mos"]) for row in rows[:40]] == mos(root)


def test_scores_are_kept_and_found_again(evaluate: Run, root: Path) -> None:
    stopped = evaluate("--scores", "scores.jsonl", model="stops")
    assert stopped.exit_code == 130
    assert "what was scored stands in scores.jsonl" in stopped.stderr
    first = json.loads(evaluate("--scores", "scores.jsonl", "--json", "-").stdout)["metrics"][0]
    second = json.loads(evaluate("--scores", "scores.jsonl", "--json", "-").stdout)["metrics"][0]
    assert (first["reused"], second["reused"]) == (0, 40), "another metric's scores are not this one's"
    assert first["agreement"] == second["agreement"]
    assert "40 of 40 scores were there already" in evaluate("--scores", "scores.jsonl").stdout


def test_everything_bad_is_told_together_and_before_anything_is_scored(evaluate: Run, root: Path) -> None:
    make(root / "bad", "missing.png,1.0,0.1,p\n3.png,9.0,0.1,p\n")
    (root / "bad" / "images" / "5.png").write_bytes(b"not a picture")
    result = evaluate(
        "--data", "agiqa3k", "bad", "--data", "livec", "nowhere", "--compare", "nothing", "--compare", toy("big"),
        "--scores", "scores.jsonl", model="stops",
    )  # fmt: skip
    assert result.exit_code == 2
    assert result.stdout == ""
    unknown, bad, nowhere, small, others = result.errors
    assert "Unknown model 'nothing'" in unknown
    for words in ("1 missing image (", "outside the scale", "--skip-bad"):
        assert words in bad
    assert "nowhere" in nowhere
    assert "40 images of 'agiqa3k' too small" in small
    assert "39 images of 'agiqa3k' too small" in others, "the one that is no picture has no size"
    assert not (root / "scores.jsonl").exists()


def spoil(root: Path) -> None:
    """A data set bad/ with an image that does not decode."""
    make(root / "bad")
    (root / "bad" / "images" / "5.png").write_bytes(b"not a picture")


def test_images_that_do_not_decode_are_told_before_anything_is_scored(evaluate: Run, root: Path) -> None:
    spoil(root)
    result = evaluate("--data", "agiqa3k", "bad", "--scores", "scores.jsonl")
    (bad,) = result.errors
    assert "1 image that does not decode (row 7 '5.png'" in bad
    assert "--skip-bad" in bad
    assert not (root / "scores.jsonl").exists()


@pytest.mark.parametrize(
    "wrong", [["--compare", "nothing"], ["--data", "livec", "nowhere"], ["--compare", f"python:{_MODULE}:big"]]
)
def test_nothing_is_decoded_if_something_cheap_is_wrong(
    evaluate: Run, root: Path, monkeypatch: pytest.MonkeyPatch, wrong: list[str]
) -> None:
    monkeypatch.setattr("certiqa.cli._evaluate_open.decode_all", lambda *_: pytest.fail("decoded"))
    assert evaluate(*wrong).exit_code == 2


def test_an_image_of_absurd_size_is_told_in_words(evaluate: Run, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    result = evaluate()
    assert result.exit_code == 2
    assert "40 images that do not decode" in result.errors[0]


def test_a_part_on_which_nothing_can_be_measured_is_refused_before_scoring(evaluate: Run, root: Path) -> None:
    folder = root / "few"
    make(folder)
    header, *rows = (folder / "mos.csv").read_text().splitlines()
    rows = [",".join([*row.split(",")[:3], f"prompt {index}"]) for index, row in enumerate(rows)]
    inside = [row for row in rows if is_validation(row.split(",")[3])]
    outside = [row for row in rows if row not in inside]

    def run(kept: list[str], part: str, fit_on: str) -> Any:
        (folder / "mos.csv").write_text("\n".join([header, *kept]) + "\n")
        arguments = ["--part", part, "--fit-on", fit_on, "--scores", "s.jsonl"]
        result = evaluate(*arguments, data=("agiqa3k", "few"))
        assert result.exit_code == 2
        assert result.stdout == ""
        assert not (root / "s.jsonl").exists(), "nothing was scored"
        return result.errors

    def same(these: list[str]) -> list[str]:
        return [",".join([row.split(",")[0], "2.5", *row.split(",")[2:]]) for row in these]

    assert len(inside) > 4
    few = [*inside[:4], *outside]
    (error,) = run(few, "fit", "validation")
    assert "'--fit-on' must be a part with 5 images at least; of 'agiqa3k' in 'few' it has 4. Got 'validation'" in error
    assert "Try another --fit-on, or leave --fit-on out" in error
    (error,) = run(few, "validation", "fit")
    assert "'--part' must be a part with 5 images at least" in error
    one_mos = [*inside, *same(outside)]
    (error,) = run(one_mos, "validation", "fit")
    assert "'--fit-on' must be a part whose MOS differ" in error
    assert f"all {len(outside)} are 2.5. Got 'fit'" in error
    both = run([*inside[:4], *same(outside)], "fit", "validation")
    assert [error.split("'")[1] for error in both] == ["--part", "--fit-on"], "told together"


def test_what_skip_bad_leaves_must_be_enough_before_scoring(evaluate: Run, root: Path) -> None:
    make(root / "bad")
    for index in range(3, 40):
        Image.new("RGB", (3, 3)).save(root / "bad" / "images" / f"{index}.png")
    result = evaluate("--skip-bad", "--scores", "s.jsonl", data=("agiqa3k", "bad"))
    (error,) = result.errors
    assert "without the 37 images too small for it: The parameter '--part' must be a part with 5 images" in error
    for index in range(3, 40):
        (root / "bad" / "images" / f"{index}.png").write_bytes(b"not a picture")
    (error,) = evaluate("--skip-bad", "--scores", "s.jsonl", data=("agiqa3k", "bad")).errors
    assert "of 'agiqa3k' in 'bad' it has 3" in error
    assert not (root / "s.jsonl").exists()


def test_the_notes_of_the_data_set_are_printed(evaluate: Run) -> None:
    data = json.loads(evaluate("--json", "-").stdout)["data"]
    (note,) = data["notes"]
    assert note.startswith("40 images in the table; AGIQA-3K is published with")
    assert f"note: {note}" in evaluate().stdout.splitlines()


@pytest.mark.parametrize("out", ["s.jsonl", "results/agiqa3k.json"])
def test_the_json_never_replaces_a_store_of_scores(evaluate: Run, root: Path, out: str) -> None:
    assert evaluate("--scores", "s.jsonl").exit_code == 0
    (root / "results").mkdir()
    if out != "s.jsonl":
        (root / "s.jsonl").rename(root / out)
    before = (root / out).read_bytes()
    assert before.count(b"\n") == 40
    result = evaluate("--json", "results" if out != "s.jsonl" else out)
    (error,) = result.errors
    assert f"'--json' must not replace a file of results that runs go on from (--scores, --store). Got '{out}'" in error
    assert (result.exit_code, result.stdout) == (2, "")
    assert (root / out).read_bytes() == before


@pytest.mark.parametrize("twin", ["new.jsonl", "./new.jsonl", "data/../new.jsonl"])
def test_scores_and_json_are_two_files(evaluate: Run, root: Path, twin: str) -> None:
    result = evaluate("--scores", "new.jsonl", "--json", twin)
    assert "'--scores' must be another file than --json, which replaces it. Got 'new.jsonl'" in result.errors[0]
    assert (result.exit_code, result.stdout) == (2, "")
    assert not (root / "new.jsonl").exists()


def test_a_table_of_scores_may_stand_beside_a_store_of_its_name(evaluate: Run, root: Path) -> None:
    assert evaluate("--scores", "s.jsonl").exit_code == 0
    assert evaluate("--scores", "s.csv").exit_code == 0
    (root / "folder.csv").mkdir()
    assert "must be new, or a file of scores" in evaluate("--scores", "folder.csv").errors[0]


TWO = ("--data", "folder", "more", "--option", "lower_better=false")


def test_an_option_for_each_data_set_in_their_order(evaluate: Run, root: Path) -> None:
    make(root / "more")
    options = ("--option", "mos_range=0,5", "--option", "mos_range=0,100", "--json", "out.jsonl")
    result = evaluate(*TWO, *options, data=("folder", "data"))
    assert result.exit_code == 0
    lines = [json.loads(line)["data"] for line in (root / "out.jsonl").read_text().splitlines()]
    assert [(line["root"], line["mos_range"]) for line in lines] == [("data", [0, 5]), ("more", [0, 100])]
    assert lines[1]["options"] == {"lower_better": "false", "mos_range": "0,100"}
    (command,) = {json.loads(line)["command"] for line in (root / "out.jsonl").read_text().splitlines()}
    assert command.count("--option") == 3
    assert command.index("mos_range=0,5") < command.index("mos_range=0,100")


def test_an_option_that_is_given_once_is_for_every_data_set(evaluate: Run, root: Path) -> None:
    make(root / "more")
    result = evaluate(*TWO, "--option", "mos_range=0,5", data=("folder", "data"))
    assert result.stdout.count("MOS 0 to 5") == 2


def test_an_option_that_is_given_too_often_overrides_nothing(evaluate: Run, root: Path) -> None:
    make(root / "more")
    twice = ("--option", "mos_range=0,5", "--option", "mos_range=0,100")
    (error,) = evaluate(*twice, data=("folder", "data")).errors
    assert "'--option' must be given once for 'mos_range'. Got 'mos_range=0,5, mos_range=0,100'" in error
    assert "Keep one of them." in error
    (error,) = evaluate(*TWO, *twice, "--option", "mos_range=1,5", data=("folder", "data")).errors
    assert "or once for each of the 2 data sets that take it (folder, folder), in their order" in error


def test_skip_bad_goes_on_and_records(evaluate: Run, root: Path) -> None:
    make(root / "bad", "missing.png,1.0,0.1,p\n")
    (root / "bad" / "images" / "5.png").write_bytes(b"not a picture")
    result = evaluate("--skip-bad", "--json", "out.json", model="breaks", data=("agiqa3k", "bad"))
    assert result.exit_code == 0
    data = json.loads((root / "out.json").read_text())
    left_out = {p["kind"]: p["name"] for p in data["data"]["left_out"]}
    assert left_out == {"missing": "missing.png", "corrupt": "5.png"}
    assert data["metrics"][0]["agreement"]["n"] == 38
    (left_out,) = data["metrics"][0]["left_out"]
    assert "raised ValueError" in left_out["reason"]
    assert "Left out: 2 rows of the table" in result.stdout
    assert "1 image could not be scored" in result.stdout


def test_a_metric_that_fails_stops_this_data_set(evaluate: Run) -> None:
    result = evaluate(model="breaks")
    assert result.exit_code == 2
    assert ".png: The model raised ValueError" in result.errors[0]
    constant = evaluate(model="flat")
    assert constant.exit_code == 2
    assert "'scores' must not all be the same" in constant.errors[0]


BAD = [
    (["--part", "half"], "Unknown part 'half'"),
    (["--part", "test"], "'part' must be one that 'agiqa3k' has"),
    (["--part", "fit", "--fit-on", "fit"], "'--fit-on' must be another part"),
    (["--fit-on", "some"], "Unknown part 'some'"),
    (["--confidence", "95"], "'confidence' must lie in (0, 1)"),
    (["--resamples", "10"], "'resamples' must be a whole number >= 100"),
    (["--seed", "-1"], "'seed'"),
    (["--batch-size", "0"], "'batch_size'"),
    (["--dtype", "int8"], "'dtype' must be one of"),
    (["--device", "toaster"], "'device' must be a device that is here"),
    (["--scores", "scores.txt"], "'--scores' must be a name ending in .jsonl or .csv"),
    (["--scores", "data/mos.csv"], "must be new, or a file of scores that certiqa wrote"),
    (["--scores", "no/scores.csv"], "folder that can be written to"),
    (["--scores", "no/scores.jsonl"], "folder that can be written to"),
    (["--json", "out.txt"], "'--json' must be"),
    (["--weights", "nowhere.pth"], "'--weights' must be a file that is there"),
    (["--weights", "data/mos.csv"], "'--weights' must not be given for a metric of your own"),
    (["--option", "mos_range"], "'--option' must have the form KEY=VALUE"),
    (["--option", "colour=red"], "colour"),
    (["--compare", f"python:{_MODULE}:good"], "'--compare' must name other metrics"),
    (["--compare", f"python:{_MODULE}:nothing"], "'--model' must name an attribute"),
    (["--data", "agiqa3k"], "'--data' must be given as --data NAME ROOT"),
    (["more"], "1 names and 2 folders"),
    (["--data", "livecc", "x"], "Unknown data set 'livecc'. Did you mean 'livec'"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD)
def test_bad_options_are_one_line(evaluate: Run, arguments: list[str], message: str) -> None:
    result = evaluate(*arguments)
    assert result.exit_code == 2
    assert len(result.errors) == 1
    assert message in result.errors[0]
    assert result.stdout == ""


def test_no_data_set(evaluate: Run) -> None:
    assert "Try --data livec path/to/livec" in evaluate(data=()).errors[0]


def test_notes_are_of_the_weights_at_hand(tmp_path: Path) -> None:
    """What the packaged weights were trained on says nothing about weights of one's own."""
    from safetensors.torch import save_file

    from certiqa import metrics
    from certiqa.cli._evaluate_text import _trained_on

    packaged = metrics.load("builtin", "cpu")
    save_file(
        {name: -tensor.contiguous() for name, tensor in packaged.state_dict().items()}, tmp_path / "own.safetensors"
    )
    own = metrics.load("builtin", "cpu", weights=tmp_path / "own.safetensors")
    assert _trained_on("builtin", packaged) == _trained_on("builtin", None) == ("agiqa3k", "livec")
    assert _trained_on("builtin", own) == ()
    assert _trained_on("no metric at all", object()) == ()


@pytest.mark.parametrize(
    ("name", "data", "part", "said"),
    [
        ("builtin", "livec", "fit", "was trained on the fit part of livec: --part validation is what it never saw"),
        ("builtin-noise-192", "livec", "all", "was trained on the fit part of livec"),
        ("builtin", "livec", "validation", None),
        ("builtin", "koniq10k", "all", None),
        ("linearityiqa", "koniq10k", "validation", "was trained on images of koniq10k, by a split of its own"),
    ],
)
def test_what_a_metric_was_trained_on(name: str, data: str, part: str, said: str | None) -> None:
    from types import SimpleNamespace as Made

    from certiqa import metrics
    from certiqa.cli._evaluate_text import _notes
    from certiqa.evaluation.correlation import NOT_DECLARED

    card = metrics.card(name)
    metric = Made(card=card) if card.needs_weights else metrics.load(name, "cpu")
    scored = Made(lower_better=None, left_out=(), reused=0)
    found = Made(direction=NOT_DECLARED, srocc=Made(value=0.5), curve=Made(converged=True), n=9)
    text = " ".join(_notes(name, metric, scored, found, Made(name=data), part))
    assert said in text if said else "trained on" not in text


def test_weights_go_to_the_metric_they_are_for() -> None:
    from certiqa.cli._evaluate_options import _weights

    here = str(Path(__file__))
    assert _weights([here, f"b={here}"], ("a", "b")) == {"a": here, "b": here}


@pytest.mark.shared
def test_the_figures_on_record_for_the_built_in_metric(
    invoke: Callable[[list[str]], Any], shared_data: Path, one_thread: None
) -> None:
    """benchmarks/results/builtin_validation.json was computed by other code (SciPy's bootstrap, curve_fit)."""
    recorded = Path(__file__).resolve().parents[2] / "benchmarks" / "results" / "builtin_validation.json"
    record = json.loads(recorded.read_text())
    from certiqa.metrics import registry

    if registry.card("builtin").weights_sha256 != record["sha256"]:
        pytest.skip("the weights are not those of the record")
    arguments = ["--data", "livec", str(shared_data / "livec"), "--part", "validation", "--json", "-"]
    data = json.loads(invoke(["evaluate", *arguments]).stdout)
    found, old = data["metrics"][0]["agreement"], record["validation"]["livec"]
    assert found["n"] == old["n"]
    assert found["srocc"]["value"] == pytest.approx(old["srocc"]["value"], abs=1e-3)
    assert found["plcc_logistic"]["value"] == pytest.approx(old["plcc_logistic"]["value"], abs=2e-3)
    assert found["srocc"]["interval"] == pytest.approx(old["srocc"]["interval"], abs=0.02)
