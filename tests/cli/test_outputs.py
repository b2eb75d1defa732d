"""--json and --plot: where results go, and that nothing is lost on the way."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest
from PIL import Image

import certiqa
from certiqa.cli._outputs import JsonOutput
from certiqa.errors import InputError

Run = Callable[..., Any]


def test_json_on_stdout_is_pure_even_if_the_model_talks(run: Run) -> None:
    result = run("certify", "a.png", "text.png", "b.png", "--json", "-", model="loud")
    certificates = [certiqa.Certificate.from_json(line) for line in result.stdout.splitlines()]
    assert [c.provenance.image for c in certificates] == ["a.png", "b.png"]
    assert result.exit_code == 2
    assert "a model that talks" in result.stderr
    assert "text.png" in result.stderr
    assert "Computing took" in result.stderr


def test_json_lines_keep_what_is_there_and_the_order(run: Run, folder: Path) -> None:
    (folder / "out.jsonl").write_text("an older run\n")
    result = run("certify", "a.png", "text.png", "b.png", "--json", "out.jsonl")
    lines = (folder / "out.jsonl").read_text().splitlines()
    assert lines[0] == "an older run"
    assert [json.loads(line)["provenance"]["image"] for line in lines[1:]] == ["a.png", "b.png"]
    assert "a.png (24x16)" in result.stdout


@pytest.mark.parametrize("line", ['{"identity": "a", "sha256": "b", "score": 1.5}', '{"key": "a", "record": {}}'])
def test_stores_of_scores_and_of_records_are_never_replaced(run: Run, folder: Path, line: str) -> None:
    (folder / "store.jsonl").write_text(line + "\n")
    result = run("certify", "a.png", "--json", "store.jsonl")
    assert "'--json' must not replace a file of results that runs go on from" in result.errors[0]
    assert result.exit_code == 2
    assert result.stdout == ""
    assert (folder / "store.jsonl").read_text() == line + "\n"


def test_a_real_store_is_known_as_one(folder: Path) -> None:
    from certiqa.evaluation import RecordStore, ScoreStore
    from certiqa.evaluation._lines import is_store

    ScoreStore("scores.jsonl").add("metric", "picture", 0.5, name="a.png")
    RecordStore("records.jsonl").add("what", {"score": 0.5})
    JsonOutput("results.jsonl", ["a.png"]).write(0, {"image": "a.png", "identity": "x"})
    names = ("scores.jsonl", "records.jsonl", "results.jsonl", "gone.jsonl", "a.png")
    assert [is_store(folder / name) for name in names] == [True, True, False, False, False]


def test_an_old_file_stays_if_there_is_nothing_new(run: Run, folder: Path) -> None:
    (folder / "out.jsonl").write_text("an older run\n")
    assert run("certify", "text.png", "--json", "out.jsonl").exit_code == 2
    assert (folder / "out.jsonl").read_text() == "an older run\n"


def test_images_of_one_name_are_numbered(run: Run, folder: Path) -> None:
    (folder / "other").mkdir()
    for copy in ("other/a.png", "A.bmp"):
        Image.open(folder / "b.png").save(folder / copy)
    result = run("certify", "a.png", "other/a.png", "gone/a.png", "A.bmp", "--json", "new/out", "--plot", "figures")
    assert result.exit_code == 2
    found = {f.name: json.loads(f.read_text())["provenance"]["image"] for f in (folder / "new" / "out").iterdir()}
    assert found == {"a.json": "a.png", "a-2.json": "other/a.png", "A-4.json": "A.bmp"}
    assert {f.name for f in (folder / "figures").iterdir()} == {"a.png", "a-2.png", "A-4.png"}


def test_figures_are_what_their_ending_says(run: Run, folder: Path) -> None:
    for name, begin in (("x.png", b"\x89PNG\r\n"), ("x.PDF", b"%PDF"), ("x.svg", b"<?xml")):
        assert run("certify", "a.png", "--plot", name, "--quiet").exit_code == 0
        assert (folder / name).read_bytes().startswith(begin)
    with Image.open(folder / "x.png") as figure:
        figure.load()
        assert min(figure.size) > 400
    assert not list(folder.glob(".certiqa-*"))


def test_a_new_folder_with_a_dot_ends_with_a_slash(run: Run, folder: Path) -> None:
    assert run("certify", "a.png", "--json", "v1.0/").exit_code == 0
    assert run("certify", "b.png", "--json", "v1.0").exit_code == 0
    assert {f.name for f in (folder / "v1.0").iterdir()} == {"a.json", "b.json"}


def test_files_have_the_permissions_of_the_user(run: Run, folder: Path) -> None:
    before = os.umask(0o027)
    try:
        run("certify", "a.png", "--json", "out.json")
    finally:
        os.umask(before)
    assert (folder / "out.json").stat().st_mode & 0o777 == 0o640


def test_an_image_is_never_overwritten(run: Run, folder: Path) -> None:
    (folder / "link.png").symlink_to("a.png")
    (folder / "pictures").mkdir()
    Image.open(folder / "a.png").save(folder / "pictures" / "a.png")
    for plot, image in (("a.png", "a.png"), ("pictures", "pictures/a.png"), ("link.png", "a.png")):
        result = run("certify", image, "--plot", plot)
        assert "must not overwrite an image" in result.errors[0]
        assert result.exit_code == 2


def test_a_figure_that_cannot_be_written_costs_only_itself(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> NoReturn:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("matplotlib.figure.Figure.savefig", full)
    result = run("certify", "a.png", "b.png", "--json", "out", "--plot", "figures")
    assert result.errors == [f"Cannot write 'figures/{name}.png': No space left on device." for name in "ab"]
    assert result.exit_code == 2
    assert "b.png (24x16)" in result.stdout
    assert {f.name for f in (folder / "out").iterdir()} == {"a.json", "b.json"}
    assert not list((folder / "figures").iterdir())


def test_matplotlib_is_asked_for_before_sampling(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = run("certify", "a.png", "--plot", "x.png")
    assert result.errors == [
        "--plot needs the package 'matplotlib', which is not installed. Run: pip install 'certiqa[plots]'"
    ]
    assert result.exit_code == 2


def test_a_full_disk_leaves_whole_lines(folder: Path) -> None:
    resource = pytest.importorskip("resource")
    output = JsonOutput("out.jsonl", ["a.png", "b.png", "good.jpg"])
    output.write(0, {"image": 0})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(InputError, match=r"Cannot write 'out\.jsonl'"):
            output.write(1, {"image": "x" * 200})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    output.write(2, {"image": 2})
    assert [json.loads(line)["image"] for line in (folder / "out.jsonl").read_text().splitlines()] == [0, 2]


def test_lines_are_added_to_what_a_file_holds(run: Run, folder: Path) -> None:
    """A second run, or another process, never takes away what the first one wrote."""
    assert run("certify", "a.png", "b.png", "--json", "out.jsonl").exit_code == 0
    before = (folder / "out.jsonl").read_text()
    assert run("certify", "a.png", "--n", "30", "--json", "out.jsonl").exit_code == 0
    after = (folder / "out.jsonl").read_text()
    assert after.startswith(before)
    assert [json.loads(line)["provenance"]["image"] for line in after.splitlines()] == ["a.png", "b.png", "a.png"]


def test_a_line_that_was_left_unfinished_stays_a_line_of_its_own(run: Run, folder: Path) -> None:
    (folder / "out.jsonl").write_text('{"half')
    assert run("certify", "a.png", "--json", "out.jsonl").exit_code == 0
    first, second = (folder / "out.jsonl").read_text().splitlines()
    assert first == '{"half'
    assert json.loads(second)["provenance"]["image"] == "a.png"


def test_two_processes_add_to_one_file(folder: Path) -> None:
    code = """
import subprocess
import sys
from certiqa.cli._outputs import JsonOutput
output = JsonOutput("out.jsonl", ["a.png"])
for index in range(40):
    output.write(0, {"who": sys.argv[1], "index": index, "text": "x" * 20_000})
"""
    others = [subprocess.Popen([sys.executable, "-c", code, who], cwd=folder) for who in "ab"]
    assert [other.wait(60) for other in others] == [0, 0]
    lines = [json.loads(line) for line in (folder / "out.jsonl").read_text().splitlines()]
    assert sorted((line["who"], line["index"]) for line in lines) == [(who, i) for who in "ab" for i in range(40)]
