"""``certiqa data``: the list, and the check of a copy."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from certiqa.data.sets import names

Invoke = Callable[[list[str]], Any]
HEADER = ("name", "prompt", "mos_quality", "std_quality")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder agiqa, a data set of six good images, two prompts; the current folder is the one above."""
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "agiqa"
    (root / "images").mkdir(parents=True)
    for number in range(6):
        pixels = np.full((8, 8 + 2 * (number % 2), 3), number, dtype=np.uint8)
        Image.fromarray(pixels).save(root / "images" / f"{number}.png")
    table(root, *((f"{number}.png", f"prompt {number % 2}", 0.5 * number, 0.1) for number in range(6)))
    return root


def table(root: Path, *rows: tuple[object, ...], header: tuple[str, ...] = HEADER) -> None:
    with (root / "data.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


def spoil(root: Path) -> None:
    """A row of every kind: good, no number, missing, cut, good."""
    whole = (root / "images" / "3.png").read_bytes()
    (root / "images" / "3.png").write_bytes(whole[: len(whole) // 2])
    table(
        root,
        ("0.png", "a", 1, 0),
        ("1.png", "b", "nan", 0),
        ("x.png", "c", 1, 0),
        ("3.png", "d", 1, 0),
        ("4.png", "e", 5, ""),
    )


def test_the_list_names_every_reader(invoke: Invoke) -> None:
    result = invoke(["data", "list"])
    assert result.exit_code == 0
    assert tuple(line.split()[0] for line in result.stdout.splitlines()) == names()
    assert "lower" in next(line for line in result.stdout.splitlines() if line.startswith("csiq "))


def test_data_alone_shows_its_help(invoke: Invoke) -> None:
    result = invoke(["data"])
    assert result.exit_code == 2
    assert "check" in result.stdout
    assert "list" in result.stdout


def test_help_gives_examples(invoke: Invoke) -> None:
    result = invoke(["data", "check", "--help"])
    assert result.exit_code == 0
    for words in (
        "--skip-bad",
        "--json",
        "--decode",
        "--no-decode",
        "--cache",
        "--option",
        "  certiqa data check koniq10k",
    ):
        assert words in result.stdout


def test_a_good_copy(invoke: Invoke, root: Path) -> None:
    result = invoke(["data", "check", "agiqa3k", "agiqa"])
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines() == [
        "agiqa3k: AGIQA-3K, in agiqa",
        "images       6, all decode",
        "MOS          0 to 2.5 on the scale 0-5, higher is better; 6 with std",
        "contents     2; one content is the prompt",
        "official     no split",
        "certiqa's    fit 6, validation 0",
        "sizes        8x8 (3), 10x8 (3)",
        "note         6 images in the table; AGIQA-3K is published with 2982",
    ]


def test_without_decoding(invoke: Invoke, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("certiqa.cli._data_check.decode_all", lambda *_: pytest.fail("decoded"))
    result = invoke(["data", "check", "agiqa3k", "agiqa", "--no-decode"])
    assert result.exit_code == 0
    assert "images       6, not decoded\n" in result.stdout
    assert "sizes" not in result.stdout


def test_everything_that_is_wrong_is_one_line_a_kind(invoke: Invoke, root: Path) -> None:
    spoil(root)
    result = invoke(["data", "check", "agiqa3k", "agiqa"])
    assert result.exit_code == 2
    mos, missing, corrupt, remedy = result.errors
    assert mos == "agiqa: 1 MOS that is no finite number (row 3 '1.png': 'nan')"
    assert missing.startswith("agiqa: 1 missing image (row 4 'x.png'")
    assert corrupt.startswith("agiqa: 1 image that does not decode (row 5 '3.png': ")
    assert remedy.startswith("agiqa: Repair the data set, or go on without the bad rows")
    assert "images       2, all decode" in result.stdout


def test_skip_bad_is_no_error_and_still_tells(invoke: Invoke, root: Path) -> None:
    spoil(root)
    result = invoke(["data", "check", "agiqa3k", "agiqa", "--skip-bad"])
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.count("left out     ") == 3


def test_skip_bad_with_nothing_left_is_an_error(invoke: Invoke, root: Path) -> None:
    for path in (root / "images").iterdir():
        path.write_bytes(path.read_bytes()[:30])
    result = invoke(["data", "check", "agiqa3k", "agiqa", "--skip-bad"])
    assert result.exit_code == 2
    assert result.errors[0].startswith("agiqa: 6 images that do not decode")


@pytest.mark.parametrize("target", ["-", "report.json"])
def test_json(invoke: Invoke, root: Path, target: str) -> None:
    spoil(root)
    result = invoke(["data", "check", "agiqa3k", "agiqa", "--json", target])
    assert result.exit_code == 2
    report = json.loads(result.stdout if target == "-" else Path(target).read_text(encoding="utf-8"))
    assert (report["name"], report["images"], report["contents"]) == ("agiqa3k", 2, 2)
    assert (report["mos_range"], report["lower_better"], report["mos_seen"]) == ([0, 5], False, [1, 5])
    assert [(p["kind"], p["name"], p["row"]) for p in report["problems"]] == [
        ("mos", "1.png", 3),
        ("missing", "x.png", 4),
        ("corrupt", "3.png", 5),
    ]
    assert report["sizes"] == [[8, 8, 2]]
    assert sum(report["certiqa_split"].values()) == 2


def test_an_interrupted_check_resumes_from_its_cache(
    invoke: Invoke, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from certiqa.data.images import read_image

    decoded: list[str] = []

    def stops(path: Path) -> Any:
        if len(decoded) == 4:
            raise KeyboardInterrupt
        decoded.append(str(path))
        return read_image(path)

    monkeypatch.setattr("certiqa.data.cache.read_image", stops)
    result = invoke(["data", "check", "agiqa3k", "agiqa", "--cache", "kept"])
    assert result.exit_code == 130
    assert result.errors == ["interrupted: 4 of 6 images done and kept in the cache"]
    monkeypatch.setattr("certiqa.data.cache.read_image", read_image)
    result = invoke(["data", "check", "agiqa3k", "agiqa", "--cache", "kept"])
    assert result.exit_code == 0
    assert "images       6, all decode (4 from the cache)" in result.stdout


def test_a_reader_with_an_option(invoke: Invoke, root: Path) -> None:
    table(root, ("0.png", "a", 3, 0), header=("image", "content", "mos", "std"))
    arguments = ["data", "check", "folder", "agiqa", "--option", "table=data.csv", "--option", "mos_range=0,10"]
    result = invoke([*arguments, "--option", "lower_better=true"])
    assert result.exit_code == 0
    assert "MOS          3 to 3 on the scale 0-10, lower is better" in result.stdout


BAD = [
    (["agiqa", "agiqa"], "Unknown data set 'agiqa'. Did you mean 'agiqa3k'"),
    (["agiqa3k", "nowhere"], "the root must be a folder, and it is not there"),
    (["koniq10k", "agiqa"], "is missing; the folder holds 'data.csv', 'images'"),
    (["folder", "agiqa"], "'mos_range' must be"),
    (["agiqa3k", "agiqa", "--option", "scale=acr"], "Unknown option of 'agiqa3k' 'scale'"),
    (["agiqa3k", "agiqa", "--option", "scale"], "'--option' must have the form KEY=VALUE"),
    (
        ["folder", "agiqa", "--option", "mos_range=1,5", "--option", "mos_range=0,9"],
        "'--option' must be given once for 'mos_range'. Got 'mos_range=1,5, mos_range=0,9' instead. Keep one of them.",
    ),
    (["agiqa3k", "agiqa", "--option", "decode=1"], "'--option' must have the form KEY=VALUE"),
    (["agiqa3k", "agiqa", "--json", "nowhere/r.json"], "must be in a folder that can be written to"),
    (["agiqa3k", "agiqa", "--cache", "agiqa/data.csv"], "'cache' must be a folder"),
    (["agiqa3k", "agiqa", "--cache", "kept", "--no-decode"], "'--cache' must be left out with --no-decode"),
    (["agiqa3k"], "Missing argument 'ROOT'"),
]


@pytest.mark.parametrize(
    ("arguments", "words"), BAD, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_bad_input_is_one_line(
    invoke: Invoke, root: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str
) -> None:
    monkeypatch.setattr("certiqa.data.sets.decoding.read_image", lambda _: pytest.fail("decoded"))
    result = invoke(["data", "check", *arguments])
    (line,) = result.errors
    assert words in line
    assert result.exit_code == 2
    assert result.stdout == ""


def test_progress_is_told(root: Path) -> None:
    from certiqa.data import open_dataset
    from certiqa.data.sets.decoding import decode_all

    seen: list[tuple[int, int]] = []
    decode_all(open_dataset("agiqa3k", root).records, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(done, 6) for done in range(1, 7)]
