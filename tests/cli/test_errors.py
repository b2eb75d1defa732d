"""Whatever is wrong is said in one line, with exit code 2, before sampling where that is possible."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from certiqa import Certificate
from certiqa.cli._record import shortfall

Run = Callable[..., Any]

OPTIONS = [
    (["--sigma", "0"], "'sigma' must be a finite number > 0"),
    (["--sigma", "-1"], "'sigma' must be a finite number > 0"),
    (["--sigma", "nan"], "'sigma' must be a finite number > 0"),
    (["--sigma", "inf"], "'sigma' must be a finite number > 0"),
    (["--sigma", "30"], "pass sigma=0.1176"),
    (["--sigma", "much"], "--sigma"),
    (["--alpha", "0"], "'alpha' must be a failure probability in (0, 1)"),
    (["--alpha", "1"], "'alpha'"),
    (["--alpha", "nan"], "'alpha'"),
    (["--eps", "-0.1"], "'--eps' must be a finite number >= 0"),
    (["--eps", "nan"], "'--eps' must be a finite number >= 0"),
    (["--eps", "linf:2"], "Try linf:2/255."),
    (["--eps", "grey:256"], "'--eps' must be at most 255"),
    (["--eps", "db:45"], "must have a unit out of l2, linf, psnr, grey"),
    (["--eps", "linf:2/0"], "'--eps' must be a number"),
    (["--eps", "linf:1/2/3"], "'--eps' must be a number"),
    (["--eps", "much"], "linf:2/255, psnr:45 or grey:1"),
    (["--eps", ""], "'--eps' must be a number"),
    (["--tau", "-1"], "'tau' must be a finite number >= 0"),
    (["--n", "0"], "'n' must be a whole number >= 1"),
    (["--n", "2.5"], "--n"),
    (["--side", "left"], "'side' must be one of 'both', 'upper', 'lower'"),
    (["--seed", "-1"], "'seed' must be None"),
    (["--batch-size", "some"], "'--batch-size' must be 'auto'"),
    (["--batch-size", "0"], "'batch_size' must be"),
    (["--range", "0"], "'output_range' must be"),
    (["--range", "1,0"], "'output_range' must be"),
    (["--range", "a,b"], "'--range' must be two numbers"),
    (["--dtype", "int8"], "'dtype' must be one of"),
    (["--device", "cuda:99"], "'device' must be a device that is here"),
    (["--device", "toaster"], "'device' must be a device that is here"),
    (["--model", "bultin"], "Unknown model 'bultin'. Did you mean 'builtin' or 'builtin-nt'"),
    (["--model", "toys:mean"], "python:package.module:attribute"),
    (["--json", "both.json"], "'--json' must have room for 2 images. Got 'both.json' instead. Try 'both.jsonl'"),
    (["--plot", "both.png"], "'--plot' must have room for 2 images"),
    (["--json", "out.txt"], "'--json' must be - or a name ending in .json or .jsonl, or a folder"),
    (["--plot", "out.jpg"], "'--plot' must be a name ending in .png, .pdf, .svg, or a folder"),
    (["--json", "text.png/"], "'--json' must be"),
    (["--json", "nowhere/out.jsonl"], "must be in a folder that can be written to (No such file or directory)"),
    (["--plot", "."], "'--plot' must not overwrite an image. Got 'a.png'"),
    (["--frobnicate"], "--frobnicate"),
]


@pytest.mark.parametrize(
    ("options", "words"), OPTIONS, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_an_option_that_breaks_its_rule_is_one_line_and_nothing_is_sampled(
    run: Run, options: list[str], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("certiqa.certifiers.median.MedianCertifier.certify", lambda *_: pytest.fail("sampled"))
    result = run("certify", "a.png", "b.png", *options)
    (line,) = result.errors
    assert words in line
    assert result.exit_code == 2
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("python:certiqa_toys:Net", "this is a class"),
        ("python:certiqa_toys:make", "cannot be called with one argument"),
        ("python:certiqa_toys:number", "this is a int"),
        ("python:certiqa_toys:nobody", "no attribute 'nobody'"),
        ("python:certiqa_nowhere:mean", "No module named 'certiqa_nowhere'"),
        ("python:certiqa_broken_toys:mean", "RuntimeError: two lines"),
        ("python:certiqa_toys", "must have the form python:package.module:attribute"),
        ("python:", "must have the form"),
        ("python:.toys:mean", "must have the form"),
    ],
)
@pytest.mark.parametrize("command", ["certify", "score"])
def test_a_model_that_is_none_is_one_line(run: Run, command: str, model: str, words: str) -> None:
    result = run(command, "a.png", "--model", model, model=None)
    (line,) = result.errors
    assert words in line
    assert result.exit_code == 2


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("training", "[train-mode]"),
        ("breaks", "The model raised KeyError"),
        ("nan", "must return finite scores"),
        ("five", "Got shape (4, 5) instead"),
        ("elsewhere", "Got meta instead"),
    ],
)
def test_a_model_that_misbehaves_is_one_line_per_image(run: Run, model: str, words: str) -> None:
    result = run("certify", "a.png", "b.png", model=model)
    first, second = result.errors
    assert first.startswith("a.png: ")
    assert second.startswith("b.png: ")
    assert words in first
    assert result.exit_code == 2
    assert result.stdout == ""


BAD_IMAGES = {
    "text.png": "Got 13 bytes that begin with b'not a pict",
    "cut.jpg": "must be a complete, undamaged picture",
    "empty.png": "a file of 0 bytes",
    "tiny.png": "at least 2 pixels on each side",
    "small.png": "small.png is 4x4; the model 'net' needs at least 8 pixels",
    "gone.png": "must be an existing file",
    ".": "a directory",
    "sample:cofee": "Unknown sample 'cofee'. Did you mean 'coffee'",
}


def test_images_that_cannot_be_read_do_not_stop_the_others(run: Run, folder: Path) -> None:
    result = run("certify", "a.png", *BAD_IMAGES, "b.png", "--json", "out", "--plot", "figures", model="net")
    assert result.exit_code == 2
    for line, words in zip(result.errors, BAD_IMAGES.values(), strict=True):
        assert words in line
    assert "a.png (24x16) under net" in result.stdout
    assert "b.png (24x16) under net" in result.stdout
    assert sorted(file.name for file in (folder / "out").iterdir()) == ["a.json", "b.json"]
    assert sorted(file.name for file in (folder / "figures").iterdir()) == ["a.png", "b.png"]


def test_score_goes_on_too(run: Run) -> None:
    result = run("score", "a.png", *BAD_IMAGES, "b.png", model="net")
    assert result.exit_code == 2
    assert len(result.errors) == len(BAD_IMAGES)
    assert [line.split(":")[0] for line in result.stdout.splitlines()] == ["a.png", "b.png"]


@pytest.mark.parametrize(("model", "words"), [("nan", "finite"), ("five", "shape"), ("training", "train mode")])
def test_score_refuses_what_is_no_score(run: Run, model: str, words: str) -> None:
    result = run("score", "a.png", model=model)
    assert words in result.errors[0]
    assert result.exit_code == 2


@pytest.mark.parametrize("options", [["--sigma", "nan"], ["--n", "0"], ["--seed", "-1"], ["--json", "nowhere/x.json"]])
def test_score_checks_its_options(run: Run, options: list[str]) -> None:
    result = run("score", "a.png", *options)
    assert len(result.errors) == 1
    assert result.exit_code == 2


def test_n_too_small_for_the_eps_asked_is_printed_kept_and_an_error(run: Run, folder: Path) -> None:
    result = run("certify", "a.png", "--eps", "0.12", "--json", "out.json", n=20)
    assert result.errors == ["a.png: n=20 proves nothing at eps=0.12; the smallest n that would do is 44."]
    assert "unproved: needs n >= 44" in result.stdout
    assert (folder / "out.json").exists()
    assert result.exit_code == 2


@pytest.mark.parametrize("options", [[], ["--tau", "5"], ["--quiet"], ["--json", "-"], ["--range", "0,100"]])
def test_n_too_small_for_any_row_is_printed_kept_and_an_error(run: Run, folder: Path, options: list[str]) -> None:
    result = run("certify", "a.png", "b.png", *options, n=3)
    said = "n=3 proves nothing at any eps of this table; the smallest n that would is 20, at eps 0.03."
    errors = [line for line in result.stderr.splitlines() if line.startswith("certiqa: error: ")]
    assert errors == [f"certiqa: error: {image}: {said}" for image in ("a.png", "b.png")]
    assert result.exit_code == 2
    assert (said in result.stdout) is ("--quiet" not in options and "-" not in options)
    assert run("certify", "a.png", *options, n=20).exit_code == 0


def test_an_eps_beyond_every_n_says_so(run: Run) -> None:
    result = run("certify", "a.png", "--eps", "0.01", "--eps", "9")
    (line,) = result.errors
    assert "no n up to ten million would do" in line
    assert result.exit_code == 2


def test_a_sample_spoilt_by_nan_is_not_blamed_on_n(run: Run) -> None:
    data = json.loads(run("certify", "a.png", "--eps", "0.18", "--json", "-", n=200).stdout)
    certificate = Certificate.from_dict(data)
    scores = certificate.scores.copy()
    scores[:40] = math.nan
    spoilt = dataclasses.replace(certificate, scores=scores)
    assert shortfall(certificate, certificate.rows()[0]) is None
    assert shortfall(spoilt, spoilt.rows()[0]) == "n=200 proves nothing at eps=0.18, because 40 of the scores were NaN."


def test_a_lack_of_memory_is_one_line(run: Run) -> None:
    for command in (["certify", "--sigma", "0.1"], ["score"]):
        found = run(*command, "a.png", model="large")
        assert found.exit_code == 2
        assert len(found.errors) == 1
        assert "emory ran out" in found.errors[0]


def test_a_bug_keeps_its_traceback(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def bug(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("certiqa.cli._run.certify", bug)
    with pytest.raises(ZeroDivisionError):
        run("certify", "a.png")


def test_ctrl_c_keeps_what_is_done(run: Run, folder: Path) -> None:
    result = run("certify", "a.png", "bright.png", "b.png", "--json", "out.jsonl", model="stops")
    assert result.exit_code == 130
    assert result.errors == ["interrupted at bright.png: 1 of 3 images done and kept"]
    assert "a.png (24x16)" in result.stdout
    assert "Computing took" in result.stdout
    assert len((folder / "out.jsonl").read_text().splitlines()) == 1
    assert not list(folder.glob(".certiqa-*"))
