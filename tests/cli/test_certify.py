"""certiqa certify: what it prints and what it answers."""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import certiqa
from certiqa.cli._text import Report
from certiqa.trial.size import Eps

Run = Callable[..., Any]
D = 3 * 16 * 24


def lines_of(result: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_one_image_reads_like_the_certificate_itself(run: Run, folder: Path) -> None:
    result = run("certify", "a.png", "--json", "out.json")
    assert result.exit_code == 0
    assert result.stderr == ""
    certificate = certiqa.Certificate.from_json(folder / "out.json")
    text, time = result.stdout.rstrip("\n").rsplit("\n", 1)
    assert text == str(certificate)
    assert time.startswith("Computing took ")
    assert time.endswith(" s: 60 scores.")


@pytest.mark.parametrize(
    ("text", "eps"),
    [
        ("0.02", 0.02),
        ("l2:0.02", 0.02),
        ("linf:0.1/255", 0.1 / 255 * math.sqrt(D)),
        ("LINF: 0.001", 0.001 * math.sqrt(D)),
        ("psnr:65", math.sqrt(D) * 10 ** (-65 / 20)),
        ("grey:0.1", 0.1 / 255 * math.sqrt(D)),
        ("0", 0.0),
    ],
)
def test_one_eps_is_declared_before_sampling_in_any_unit(run: Run, text: str, eps: float) -> None:
    (data,) = lines_of(run("certify", "a.png", "--eps", text, "--json", "-"))
    assert data["at"] == pytest.approx(eps, rel=1e-12)
    (answer,) = data["asked"]["eps"]
    assert answer["eps"] == data["at"]
    assert not answer["simultaneous"]
    assert certiqa.Certificate.from_dict(data).bounds(at=data["at"]).lower == answer["lower"]


def test_a_single_eps_carries_the_star(run: Run) -> None:
    result = run("certify", "a.png", "--eps", "0.02")
    assert "\n0.02*  " in result.stdout
    assert "* eps declared before sampling" in result.stdout


def test_several_eps_are_answered_by_the_band(run: Run) -> None:
    (data,) = lines_of(run("certify", "a.png", "--eps", "0.02", "--eps", "linf:0.1/255", "--json", "-"))
    assert data["at"] is None
    certificate = certiqa.Certificate.from_dict(data)
    asked = data["asked"]["eps"]
    assert [a["eps"] for a in asked] == pytest.approx([0.02, Eps.parse("linf:0.1/255").length(D)])
    for answer in asked:
        assert answer["simultaneous"]
        assert (answer["lower"], answer["upper"]) == tuple(certificate.bounds(answer["eps"]))
        assert answer["tau"] == certificate.tau(answer["eps"])


def test_the_size_of_an_attack_is_converted_for_each_image(run: Run) -> None:
    data = lines_of(run("certify", "a.png", "small.png", "--eps", "grey:0.1", "--json", "-"))
    assert [d["at"] for d in data] == pytest.approx([0.1 / 255 * math.sqrt(D), 0.1 / 255 * math.sqrt(48)])


def test_tau_asks_for_the_radius(run: Run) -> None:
    taus = ["--tau", "1.5", "--tau", "1e-9", "--tau", "200"]
    result = run("certify", "a.png", *taus, "--range", "0,100", "--seed", "1", n=300)
    found = [line for line in result.stdout.splitlines() if line.startswith("tau ")]
    (data,) = lines_of(run("certify", "a.png", *taus, "--range", "0,100", "--seed", "1", "--json", "-", n=300))
    certificate = certiqa.Certificate.from_dict(data)
    eps = certificate.radius(1.5)
    assert eps > 0
    said = float(found[0].split("up to eps ")[1].split(" ")[0])
    assert eps - 1e-3 < said <= eps
    assert f"({255 * eps / math.sqrt(D):.3g} RMS grey levels" in found[0]
    assert found[1].startswith("tau 1e-09: not certified for any eps")
    assert found[2].startswith("tau 200: certified for every eps")
    assert data["asked"]["tau"] == [{"tau": 1.5, "eps": eps}, {"tau": 1e-9, "eps": 0.0}, {"tau": 200.0, "eps": None}]


@pytest.mark.parametrize(("side", "verb"), [("upper", "raises"), ("lower", "lowers")])
def test_one_side(run: Run, side: str, verb: str) -> None:
    result = run("certify", "a.png", "--side", side, "--tau", "5")
    assert f"no attack within it {verb} the smoothed median by more than 5." in result.stdout
    assert f"{verb} the smoothed median" in result.stdout


def test_options_reach_the_certificate(run: Run) -> None:
    options = ["--sigma", "0.2", "--alpha", "0.01", "--dtype", "float64", "--batch-size", "7", "--range", "0,49.5"]
    (data,) = lines_of(run("certify", "a.png", *options, "--device", "cpu", "--json", "-"))
    assert (data["sigma"], data["alpha"], data["n"], data["output_range"]) == (0.2, 0.01, 60, [0.0, 49.5])
    assert data["provenance"]["dtype"] == "float64"
    assert data["provenance"]["batch_size"] == 7
    assert data["range_enforced_by"] == "certiqa"


def test_a_seed_repeats_the_noise_and_is_revealed(run: Run) -> None:
    first, second = (lines_of(run("certify", "a.png", "--seed", "5", "--json", "-"))[0] for _ in range(2))
    assert first["scores"] == second["scores"]
    assert first["seed"] == 5


def test_without_a_seed_the_noise_is_fresh_and_stays_secret(run: Run) -> None:
    first, second = lines_of(run("certify", "a.png", "a.png", "--json", "-"))
    assert first["scores"] != second["scores"]
    assert first["seed"] is second["seed"] is None


def test_what_holds_for_all_images_is_said_once(run: Run) -> None:
    result = run("certify", "a.png", "good.jpg", "b.png", "--alpha", "0.03")
    text = result.stdout
    for words in (
        "With probability at least 97 %",
        "Assumption: ",
        "Rows without *",
        "for all 3 at once pass --alpha 0.01",
    ):
        assert text.count(words) == 1
    assert text.count("smoothed score ") == 3
    assert "Computing took" in text.splitlines()[-1]


def test_one_score_is_singular(run: Run) -> None:
    result = run("certify", "a.png", "--tau", "1e-9", n=1)
    assert "1 score does not prove so small a change." in result.stdout
    assert result.stdout.rstrip().endswith(" s: 1 score.")


def test_a_note_about_one_image_names_it(run: Run) -> None:
    result = run("certify", "a.png", "--range", "0,49", "b.png", "bright.png")
    noted = [line for line in result.stdout.splitlines() if "were clamped" in line]
    assert any(line.startswith("bright.png: 60 of 60 scores") for line in noted)


def test_sample_photographs_go_by_their_name(run: Run, folder: Path) -> None:
    result = run("certify", "sample:rocket", "--json", "out", n=20)
    assert result.exit_code == 0
    assert "sample:rocket (640x427)" in result.stdout
    certificate = certiqa.Certificate.from_json(folder / "out" / "rocket.json")
    assert certificate.provenance.image == "sample:rocket"


def test_quiet_prints_errors_only(run: Run, folder: Path) -> None:
    result = run("certify", "a.png", "text.png", "--quiet", "--json", "out")
    assert result.stdout == ""
    assert len(result.errors) == 1
    assert (folder / "out" / "a.json").exists()


def test_a_terminal_gets_a_table(run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (data,) = lines_of(run("certify", "a.png", "--json", "-"))
    certificate = certiqa.Certificate.from_dict(data)
    monkeypatch.setenv("COLUMNS", "130")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    from certiqa.certificate import words

    report = Report(1)
    report.show(certificate, certificate.rows(), [5.0])
    report.finish(0.001)
    text = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert all(heading in text for heading in words.HEADINGS)
    for row in certificate.rows():
        assert all(cell in text for cell in row.cells())
    assert "─────" in text
    assert "tau 5: " in text
    assert "Assumption: " in text
    assert max(map(len, text.splitlines())) <= 130


def test_a_certificate_without_chance(run: Run, folder: Path) -> None:
    """From the command line as from Python; what belongs to noise is refused."""
    bounded = {"model": "bounded", "n": None}
    result = run("certify", "a.png", "b.png", "--kind", "lipschitz", "--tau", "5", "--json", "out.jsonl", **bounded)
    assert (result.exit_code, result.errors) == (0, [])
    assert "Without chance: no change of the image of l2 length at most eps takes the score out" in result.stdout
    assert "moves the score by more than 5" in result.stdout
    assert "Computing took" in result.stdout
    assert "fails with probability" not in result.stdout
    for line in (folder / "out.jsonl").read_text().splitlines():
        certificate = certiqa.Certificate.from_json(line)
        assert (certificate.kind, certificate.n) == ("lipschitz", 0)
    far = run("certify", "a.png", "--kind", "lipschitz", "--eps", "1000", **bounded)
    assert far.exit_code == 2
    assert "nothing is proved at eps=1000: the bounds end at" in far.errors[0]
    refused = run("certify", "a.png", "--kind", "lipschitz", "--sigma", "0.1", **bounded)
    assert "'sigma' must not be given for kind='lipschitz'" in refused.errors[0]
    refused = run("certify", "a.png", "--kind", "lipschitz", n=None)
    assert "'model' must be a metric whose head bounds itself" in refused.errors[0]
    assert "'kind' must be one of" in run("certify", "a.png", "--kind", "oracle").errors[0]
