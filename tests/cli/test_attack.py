"""certiqa attack."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from certiqa import attacks
from certiqa.data.images import read_image
from certiqa.errors import CertiqaError

Run = Callable[..., Any]
MODULE = "certiqa_attack_toys"
METRICS = """
import torch

class Net(torch.nn.Module):
    name, lower_better, output_range, range_enforced, min_size = "net", False, (0.0, 100.0), True, 8
    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.weight = torch.nn.Parameter(0.3 * torch.randn(4, 3, 5, 5, generator=generator))
    def forward(self, x):
        features = torch.tanh(torch.nn.functional.conv2d(x - 0.5, self.weight))
        return 100 * torch.sigmoid(3 * features.mean((2, 3)).sum(1))

net, training = Net().eval(), Net()

def flat(x): return x.detach().mean((1, 2, 3))

def bright(x): return 100 * x.mean((1, 2, 3))

def stops(x):
    if x.mean() > 0.7: raise KeyboardInterrupt
    return bright(x)

class Denoiser(torch.nn.Module):
    def forward(self, x, sigma): return torch.nn.functional.avg_pool2d(x, 3, 1, 1)

denoiser = Denoiser().eval()
"""


@pytest.fixture
def attack(folder: Path, invoke: Callable[[list[str]], Any], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run ``certiqa attack`` in the folder of the toys, with few steps."""
    (folder / f"{MODULE}.py").write_text(METRICS)
    monkeypatch.syspath_prepend(str(folder))

    def command(*arguments: str, model: str = "net", steps: str | None = "3") -> Any:
        more = ["--steps", steps] if steps else []
        return invoke(["attack", "--model", f"python:{MODULE}:{model}", *more, *arguments])

    return command


def pixels(path: str | Path) -> Any:
    return np.asarray(Image.open(path)).astype(int)


def test_the_images_that_are_written_are_inside_the_budget(attack: Run, folder: Path) -> None:
    result = attack("a.png", "b.png", "--save", "out", "--json", "out.jsonl", "--budget", "linf:3/255")
    assert (result.exit_code, result.stderr) == (0, "")
    records = [json.loads(line) for line in (folder / "out.jsonl").read_text().splitlines()]
    for record, name in zip(records, ("a.png", "b.png"), strict=True):
        difference = pixels(folder / "out" / name) - pixels(folder / name)
        assert difference.shape == (16, 24, 3)
        assert np.abs(difference).max() == 3, "all of the budget is used, and no more"
        assert record["linf_quantised"] == pytest.approx(3 / 255)
        assert record["l2_quantised"] == pytest.approx(np.sqrt((difference**2).sum()) / 255)
        assert (record["image"], record["file"], record["read_again"]) == (name, f"out/{name}", True)
        assert abs(record["score_quantised"] - record["score_before"]) > 1
        assert (record["access"], record["label"], record["options"]["steps"]) == ("gradient", "pgd:steps=3", 3)
        assert (record["model"], record["defence"]["words"], record["lower_better"]) == ("net", "undefended", False)
        assert len(record["model_sha256"]) == 64
    table = result.stdout.splitlines()
    assert table[:2] == [f"{r['image']}: {r['score_before']:.4g} -> {r['score_quantised']:.4g}" for r in records]
    assert "pgd:steps=3 (gradient), move, linf:3/255, seed 0" in table
    headings = next(line for line in table if line.startswith("image "))
    assert " ".join(headings.split()) == "image before after change l_inf l2 PSNR SSIM queries gradients seconds"
    assert any(line.startswith("a.png  ") and "  3      " in line for line in table)


def test_the_scores_are_those_of_the_files(attack: Run, folder: Path) -> None:
    data = json.loads(attack("a.png", "--save", "out", "--json", "-", "--objective", "raise").stdout)
    from certiqa_attack_toys import net

    for name, score in (("a.png", data["score_before"]), ("out/a.png", data["score_quantised"])):
        image = torch.from_numpy(read_image(str(folder / name)).as_float())[None]
        with torch.no_grad():
            found = float(net(image))
        assert found == pytest.approx(score, abs=1e-4)
    assert data["score_quantised"] > data["score_before"]
    assert (data["objective"], data["budget"], data["seed"]) == ("raise", "linf:4/255", 0)


def test_a_file_that_is_not_what_was_attacked_is_found_out(attack: Run, folder: Path) -> None:
    from certiqa.cli._attack_run import check_stored

    clean = read_image(str(folder / "a.png"))
    budget = attacks.LInf(2 / 255)
    (result,) = attacks.load("fgsm")(
        lambda x: x.mean((1, 2, 3)), torch.from_numpy(clean.pixels.copy()), "raise", budget
    )
    stored = read_image(result.quantised)
    check_stored(stored, clean, result, budget)
    with pytest.raises(CertiqaError, match="does not hold the pixels"):
        check_stored(clean, clean, result, budget)
    with pytest.raises(CertiqaError, match="outside of the budget linf:1/255"):
        check_stored(stored, clean, result, attacks.LInf(1 / 255))


def test_options_reach_the_attack(attack: Run) -> None:
    one = json.loads(attack("a.png", "--json", "-", "--option", "restarts=2", "--seed", "5").stdout)
    assert (one["options"]["restarts"], one["options"]["steps"], one["seed"]) == (2, 3, 5)
    assert one["queries"] == 2 * 2 * 4, "two objectives, two restarts, three steps and a last look"
    spec = ("--attack", "pgd:steps=2,momentum=0.5,random_start=false,step=none")
    other = json.loads(attack("a.png", "--json", "-", *spec, steps=None).stdout)["options"]
    assert (other["steps"], other["momentum"], other["random_start"], other["step"]) == (2, 0.5, False, None)


def test_the_same_seed_gives_the_same_image(attack: Run, folder: Path) -> None:
    for name in ("one", "two"):
        attack("a.png", "--save", name, "--sigma", "0.1", "--n", "20", "--samples", "4", "--objective", "raise")
    np.testing.assert_array_equal(pixels(folder / "one" / "a.png"), pixels(folder / "two" / "a.png"))


@pytest.mark.parametrize("denoiser", [False, True])
def test_a_smoothed_metric_is_attacked_through_its_noise(attack: Run, denoiser: bool) -> None:
    more = ("--denoiser", f"python:{MODULE}:denoiser") if denoiser else ()
    result = attack("a.png", "--sigma", "0.1", "--n", "150", "--samples", "6", "--objective", "raise",
                    "--budget", "linf:8/255", *more)  # fmt: skip
    assert (result.exit_code, result.stderr) == (0, "")
    assert f"{'DMS' if denoiser else 'MS'} sigma 0.1" in result.stdout
    assert "Scores are medians of 150 scores under noise that the attack never saw." in result.stdout
    row = next(line for line in result.stdout.splitlines() if line.startswith("a.png")).split()
    assert float(row[3]) > 1, "the median of fresh scores rose"
    assert (row[8], row[9]) == (str(6 * 4), str(6 * 3)), "six copies at each of three steps, and at the last look"


def test_a_certificate_is_put_to_the_test(attack: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    images = ("a.png", "good.jpg", "bright.png")
    arguments = (*images, "--sigma", "0.1", "--n", "150", "--samples", "4", "--certify", "--budget", "l2:0.1")
    result = attack(*arguments, "--json", "-")
    assert (result.exit_code, result.stderr) == (0, "")
    for line in result.stdout.splitlines():
        found = json.loads(line)["verdict"]
        assert (found["within"], found["alarm"]) == (True, False)
        assert found["length"] == pytest.approx(json.loads(line)["l2_quantised"])
    text = attack(*arguments).stdout
    assert text.count("certificate holds: l2 0.0") == 3
    assert "0 alarms in 3 attacks within their radius (of 3); 0 of 3 certificates failed" in text

    from certiqa.certifiers import median
    from certiqa.certifiers.fresh import fresh_scores

    monkeypatch.setattr(median, "fresh_scores", lambda *a, **k: fresh_scores(*a, **k) * 0 + 99)
    result = attack(*arguments, "--n", "160")
    assert result.stdout.count("certificate SOUNDNESS ALARM: ") == 3
    assert (result.exit_code, len(result.errors)) == (2, 1)
    assert result.errors[0].startswith("SOUNDNESS ALARM: 3 alarms in 3 attacks")


def test_purifications_are_attacked_adaptively(attack: Run) -> None:
    result = attack("a.png", "--purify", "jpeg:quality=60", "--purify", "flip", "--json", "-", "--objective", "raise")
    data = json.loads(result.stdout)
    assert data["defence"]["words"] == "jpeg(quality=60), flip"
    assert data["model"].startswith("net behind flip behind jpeg(quality=60")
    assert data["score_quantised"] > data["score_before"] + 1
    random = attack("a.png", "--purify", "crop:share=0.7", "--samples", "5")
    assert "Scores are means of 5 draws." in random.stdout
    assert attack("a.png", "--purify", "jpg").errors == [
        "Unknown purification 'jpg'. Did you mean 'jpeg'? Known: bits, blur, crop, flip, jpeg, median, resize."
    ]


def test_transfer_takes_a_metric_by_name(attack: Run) -> None:
    spec = f"transfer:source=python:{MODULE}:bright,attack=fgsm"
    data = json.loads(attack("a.png", "--attack", spec, "--objective", "raise", "--json", "-", steps=None).stdout)
    assert (data["access"], data["queries"], data["label"]) == ("transfer", 0, spec)
    inner = f"transfer:source=python:{MODULE}:net,attack=pgd,attack.steps=2"
    data = json.loads(attack("a.png", "--attack", inner, "--json", "-", steps=None).stdout)
    assert data["options"]["attack_options"] == {"steps": 2}


def test_the_picture(attack: Run, folder: Path) -> None:
    result = attack("a.png", "good.jpg", "--picture", "figures", "--save", "out")
    assert (result.exit_code, result.stderr) == (0, "")
    assert sorted(p.name for p in (folder / "figures").iterdir()) == ["a-attack.png", "good-attack.png"]
    assert sorted(p.name for p in (folder / "out").iterdir()) == ["a.png", "good.png"]
    assert (folder / "figures" / "a-attack.png").read_bytes().startswith(b"\x89PNG")
    attack("a.png", "--picture", "one.svg")
    assert "<svg" in (folder / "one.svg").read_text()
    assert attack("a.png", "b.png", "--picture", "one.svg").errors[0].endswith("Name a folder.")
    clash = attack("a.png", "--picture", "out/a.png", "--save", "out")
    assert "must not be written over what --save writes" in clash.errors[0]


def test_the_picture_states_its_factor(folder: Path) -> None:
    from certiqa.cli._attack_picture import _drawn
    from certiqa.trial.attacked import Attacked

    clean = read_image(str(folder / "a.png"))
    pixels_in = torch.from_numpy(clean.pixels.copy())
    (result,) = attacks.load("fgsm")(lambda x: x.mean((1, 2, 3)), pixels_in, "raise", "linf:4/255")
    figure = _drawn("a.png", clean, Attacked(result, 10.0, 21.0, 20.0), result.quantised)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles[0] == "a.png\nscore 10"
    assert titles[1].startswith("fgsm, raise, linf:4/255\nscore 20, SSIM 0.")
    assert titles[2].startswith("difference x 31\nl2 ")
    shown = figure.axes[2].images[0].get_array()
    expected = 0.5 + 31 * (result.quantised.astype(float) - clean.pixels.transpose(1, 2, 0)) / 255
    np.testing.assert_allclose(shown, expected, atol=1e-5)
    assert 0 <= expected.min() <= expected.max() <= 1, "nothing is cut off"


def test_the_picture_needs_matplotlib(attack: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert attack("a.png", "--picture", "x.png").errors == [
        "--picture needs the package 'matplotlib', which is not installed. Run: pip install 'certiqa[plots]'"
    ]


def test_the_list(invoke: Callable[[list[str]], Any]) -> None:
    result = invoke(["attack", "--list"])
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["name", "access", "budgets", "summary", "paper"]
    for name in attacks.names():
        card = attacks.card(name)
        row = next(line for line in lines if line.startswith(f"{name} "))
        assert card.access in row
        assert card.paper in row
    assert any(line.startswith("  pgd: quantise=true, samples=1, steps=") for line in lines)


def test_one_bad_image_does_not_stop_the_others(attack: Run, folder: Path) -> None:
    result = attack("a.png", "text.png", "small.png", "nope.png", "b.png", "--save", "out", "--json", "out.jsonl")
    assert result.exit_code == 2
    assert len(result.errors) == 3
    assert "text.png" in result.errors[0]
    assert "needs at least 8 pixels" in result.errors[1]
    assert "nope.png" in result.errors[2]
    assert sorted(p.name for p in (folder / "out").iterdir()) == ["a.png", "b.png"]
    records = [json.loads(line) for line in (folder / "out.jsonl").read_text().splitlines()]
    assert [record["image"] for record in records] == ["a.png", "b.png", "text.png", "small.png", "nope.png"]
    assert ["error" in record for record in records] == [False, False, True, True, True]


def test_a_run_that_fails_throughout_leaves_an_older_record_as_it_is(attack: Run, folder: Path) -> None:
    (folder / "out.jsonl").write_text("older\n")
    assert attack("text.png", "nope.png", "--json", "out.jsonl").exit_code == 2
    assert (folder / "out.jsonl").read_text() == "older\n"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--budget", "linf:5"], "'eps' must be a number in (0, 1]"),
        (["--budget", "linf:0"], "'eps' must be a number in (0, 1]"),
        (["--budget", "linf:0.5/255"], "'--budget' must allow one grey level, 1/255"),
        (["--budget", "l2:0.001"], "'--budget' must allow one grey level"),
        (["--budget", "l1:3"], "Unknown budget 'l1'"),
        (["--budget", "linf:x"], "'budget' must be KIND:AMOUNT"),
        (["--attack", "pgdd"], "Unknown attack 'pgdd'. Did you mean 'pgd'"),
        (["--attack", "madc"], "'--budget' must be of kind 'l2' for the attack 'madc:steps=3'"),
        (["--attack", "fgsm"], "Unknown option of the attack 'fgsm' 'steps'"),
        (["--option", "stps=3"], "Unknown option of the attack 'pgd' 'stps'. Did you mean 'steps'"),
        (["--option", "steps"], "'--option' must have the form KEY=VALUE"),
        (["--option", "steps=4"], "'--steps' must not be given twice"),
        (["--option", "momentum=fast"], "'momentum' must be"),
        (["--attack", "pgd:step="], "'--attack' must have the form KEY=VALUE"),
        (["--objective", "up"], "Unknown objective 'up'"),
        (["--objective", "rank-flip"], "'--objective' must be raise, lower, move or target:VALUE"),
        (["--denoiser", "dms"], "'--denoiser' must come with --sigma"),
        (["--sigma", "9"], "'sigma' must be at most 4"),
        (["--certify"], "'--certify' must come with --sigma"),
        (["--certify", "--sigma", "0.1", "--n", "50"], "'--n' must be 100 at least with --certify"),
        (["--samples", "0"], "'samples' must be a whole number >= 1"),
        (["--seed", "-1"], "'--seed' must be a whole number >= 0"),
        (["--save", "out.png"], "'--save' must be a folder"),
    ],
)
def test_bad_options_are_one_line_before_anything_is_done(attack: Run, arguments: list[str], words: str) -> None:
    result = attack("a.png", *arguments)
    assert result.exit_code == 2
    assert len(result.errors) == 1
    assert words in result.errors[0]
    assert result.stdout == ""


def test_a_metric_without_a_gradient_says_what_fits(attack: Run) -> None:
    result = attack("a.png", model="flat")
    assert result.exit_code == 2
    assert "has no gradient" in result.errors[0]
    for name in attacks.by_access("scores"):
        assert name in result.errors[0]
    found = attack("a.png", "--attack", "square", "--option", "queries=20", model="flat", steps=None)
    assert found.exit_code == 0


def test_other_bad_input(attack: Run, invoke: Callable[[list[str]], Any]) -> None:
    assert "'IMAGE' must be one file at least" in invoke(["attack"]).errors[0]
    assert "train mode" in attack("a.png", model="training").errors[0]
    interrupted = attack("a.png", "bright.png", "b.png", "--attack", "square:queries=3", model="stops", steps=None)
    assert interrupted.exit_code == 130
    assert interrupted.errors == ["interrupted at bright.png: 1 of 3 images done and kept"]
