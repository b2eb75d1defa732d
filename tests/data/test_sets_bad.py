"""What can be wrong with a copy of a data set: told once, all together, and left out when asked to."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from certiqa.data import open_dataset
from certiqa.data.sets import Problem
from certiqa.data.sets.problem import KINDS, data_error, grouped
from certiqa.errors import CertiqaError, DataError, ImageError

HEADER = ("dist_img", "ref_img", "dmos", "var")


def picture(path: Path, shade: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((4, 5, 3), shade, dtype=np.uint8)).save(path)


@pytest.fixture
def kadid(tmp_path):
    """kadid(*rows): a KADID-10k with the images a.png to f.png and these rows."""
    for number, letter in enumerate("abcdef"):
        picture(tmp_path / "images" / f"{letter}.png", number)

    def make(*rows, header=HEADER):
        with (tmp_path / "dmos.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([header, *rows])
        return tmp_path

    return make


def good(letter, dmos=3.0):
    return f"{letter}.png", "I01.png", dmos, 0.5


def problems_of(root, **options):
    with pytest.raises(DataError) as caught:
        open_dataset("kadid10k", root, **options)
    assert isinstance(caught.value, CertiqaError)
    assert isinstance(caught.value, ValueError)
    assert "\n" not in str(caught.value)
    return caught.value


BAD_ROWS = [
    (("b.png", "I01.png", "nan", 0.5), "mos", "'nan'"),
    (("b.png", "I01.png", "", 0.5), "mos", "''"),
    (("b.png", "I01.png", "inf", 0.5), "mos", "'inf'"),
    (("b.png", "I01.png", "3,5", 0.5), "mos", "'3,5'"),
    (("b.png", "I01.png", 0.99, 0.5), "scale", r"0.99 is not in [1, 5]"),
    (("b.png", "I01.png", 77.4, 0.5), "scale", r"77.4 is not in [1, 5]"),
    (("b.png", "I01.png", 3, -0.5), "std", "'-0.5'"),
    (("b.png", "I01.png", 3, "wide"), "std", "'wide'"),
    (("b.png", "", 3, 0.5), "content", "nothing says"),
    (("", "I01.png", 3, 0.5), "name", "empty"),
    (("gone.png", "I01.png", 3, 0.5), "missing", "'images/gone.png'"),
    (("../dmos.csv", "I01.png", 3, 0.5), "outside", "refused"),
    (("/etc/passwd", "I01.png", 3, 0.5), "outside", "refused"),
    (("C:\\b.png", "I01.png", 3, 0.5), "outside", "refused"),
    (("./.", "I01.png", 3, 0.5), "outside", "refused"),
    (("x\\..\\..\\..\\b.png", "I01.png", 3, 0.5), "outside", "refused"),
    (("b.png", "I01.png", 3, 0.5, "more"), "row", "5 cells under 4 columns"),
    (("a.png", "I01.png", 3.0, 0.5), "duplicate", "repeats row 2"),
]


@pytest.mark.parametrize(("row", "kind", "words"), BAD_ROWS, ids=lambda value: value if isinstance(value, str) else "")
def test_a_bad_row_is_told_with_its_number_and_left_out_when_asked_to(kadid, row, kind, words):
    root = kadid(good("a"), row, good("c"))
    error = problems_of(root)
    assert [(p.kind, p.row, p.fatal) for p in error.problems] == [(kind, 3, False)]
    assert words in str(error)
    assert "row 3" in str(error)
    assert f"1 {KINDS[kind][0]}" in str(error)
    assert "skip_bad=True (--skip-bad)" in str(error)
    kept = open_dataset("kadid10k", root, skip_bad=True)
    assert [(record.name, record.row) for record in kept.records] == [("a.png", 2), ("c.png", 4)]
    assert kept.problems == error.problems


def test_everything_is_told_at_once_and_counted(kadid):
    rows = [
        good("a"),
        *((f"gone{i}.png", "I01.png", 3, 0) for i in range(5)),
        good("b", "nan"),
        good("a"),
        good("c", 9),
    ]
    error = problems_of(kadid(*rows))
    assert sorted({p.kind for p in error.problems}) == ["duplicate", "missing", "mos", "scale"]
    text = str(error)
    assert "5 missing images (row 3 'gone0.png'" in text
    assert "gone2.png" in text
    assert "gone3.png" not in text
    for words in ("1 MOS that is no finite number", "1 MOS outside the scale", "1 duplicate row ("):
        assert words in text
    assert text.startswith("The data set 'kadid10k' in ")


def test_rows_that_contradict_each_other_are_both_left_out(kadid):
    root = kadid(good("a", 2.0), good("b"), good("A", 4.0), good("a", 2.0))
    kept = open_dataset("kadid10k", root, skip_bad=True)
    assert [record.name for record in kept.records] == ["b.png"]
    assert [(p.kind, p.row) for p in kept.problems] == [("contradiction", 2), ("contradiction", 4), ("duplicate", 5)]
    assert kept.problems[0].detail == "contradicts row 4, none of them is kept"
    assert grouped(kept.problems)[0].startswith("1 duplicate row (row 5 'a.png': repeats row 2)")
    assert grouped(kept.problems)[1].startswith("2 rows that contradict each other (row 2 ")


def test_rows_of_three_opinions_name_both_others(kadid):
    kept = open_dataset("kadid10k", kadid(good("a", 2.0), good("b"), good("a", 4.0), good("a", 5.0)), skip_bad=True)
    assert [p.detail for p in kept.problems][1] == "contradicts rows 2, 5, none of them is kept"


def test_a_bad_row_that_is_repeated_is_bad_once(kadid):
    bad = [good("b", "nan"), ("gone.png", "I01.png", 3, 0), ("../x.png", "I01.png", 3, 0), good("c", 9)]
    kept = open_dataset("kadid10k", kadid(good("a"), *bad, *bad), skip_bad=True)
    assert [(p.kind, p.row) for p in kept.problems] == [
        ("mos", 3), ("missing", 4), ("outside", 5), ("scale", 6), *(("duplicate", row) for row in range(7, 11))
    ]  # fmt: skip
    assert [p.detail for p in kept.problems[4:]] == [f"repeats row {row}" for row in range(3, 7)]


def test_an_image_that_is_missing_is_missing_once_whatever_its_rows_say(kadid):
    kept = open_dataset("kadid10k", kadid(good("a"), good("x", 2.0), good("x", 4.0), good("y", 4.0)), skip_bad=True)
    assert grouped(kept.problems)[0].startswith("1 duplicate row (row 4 'x.png': names the image of row 3, which")
    assert grouped(kept.problems)[1].startswith("2 missing images (row 3 'x.png'")


def test_two_rows_that_mean_one_file_in_other_letters_are_duplicates(kadid):
    kept = open_dataset("kadid10k", kadid(good("a"), good("A")), skip_bad=True)
    assert [(p.kind, p.detail) for p in kept.problems] == [("duplicate", "repeats row 2")]


@pytest.mark.parametrize("make", ["missing", "file"])
@pytest.mark.parametrize("skip_bad", [False, True])
def test_a_root_that_is_none(tmp_path, make, skip_bad):
    root = tmp_path / "nowhere"
    if make == "file":
        root.touch()
    error = problems_of(root, skip_bad=skip_bad)
    assert [(p.kind, p.fatal) for p in error.problems] == [("root", True)]
    assert ("a file" if make == "file" else "not there") in str(error)
    assert "dmos.csv" in str(error)
    assert str(root) in str(error)
    assert "Pass the folder that holds these files" in str(error)
    assert "seen from" not in str(error)
    assert "skip_bad" not in str(error)


def test_a_relative_root_says_where_it_is_seen_from(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert f"the path is seen from {str(tmp_path)!r}" in str(problems_of("nowhere"))


def test_a_missing_folder_of_images_is_told_as_such(kadid, tmp_path):
    root = kadid(good("a"), good("b", "nan"))
    for path in (root / "images").iterdir():
        path.unlink()
    (root / "images").rmdir()
    for skip_bad in (False, True):
        error = problems_of(root, skip_bad=skip_bad)
        assert [(p.kind, p.fatal) for p in error.problems] == [("folder", True), ("missing", False), ("mos", False)]
        assert "there is no folder of images 'images' or 'distorted_images'; the folder holds 'dmos.csv'" in str(error)
        assert "Put the images, and the folder, where the table is" in str(error)
    (root / "distorted_images").mkdir()
    picture(root / "distorted_images" / "a.png")
    assert [p.kind for p in problems_of(root).problems] == ["mos"]


def test_images_beside_the_table_need_no_folder(tmp_path):
    picture(tmp_path / "1.png")
    (tmp_path / "mos.csv").write_text("image,mos\n1.png,nan\n")
    with pytest.raises(DataError) as caught:
        open_dataset("livec", tmp_path)
    assert [p.kind for p in caught.value.problems] == ["mos"]


@pytest.mark.parametrize("skip_bad", [False, True])
def test_a_missing_table_says_what_is_expected_and_what_is_there(tmp_path, skip_bad):
    error = problems_of(tmp_path, skip_bad=skip_bad)
    assert "the table 'dmos.csv' is missing; the folder is empty. Pass the folder that holds it." in str(error)
    assert str(tmp_path) in str(error)
    (tmp_path / "scores.txt").touch()
    assert "the folder holds 'scores.txt'" in str(problems_of(tmp_path))


@pytest.mark.parametrize("skip_bad", [False, True])
def test_wrong_columns_say_expected_and_found_and_what_to_do(kadid, tmp_path, skip_bad):
    error = problems_of(kadid(good("a"), header=("image", "ref_img", "mos", "var")), skip_bad=skip_bad)
    assert "'dmos.csv' must have the columns dist_img, ref_img, dmos; found: image, ref_img, mos, var" in str(error)
    assert "Name the columns so in the file's header; or read it with the reader 'folder'" in str(error)
    assert str(tmp_path) in str(error)
    assert [(p.kind, p.fatal) for p in error.problems] == [("columns", True)]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "found: none, the table is empty"),
        (b"dist_img,ref_img,dmos\n", "has a header, but no rows"),
        (b"dist_img,ref_img,dmos,dmos\na.png,I01,3,3\n", "found twice: dmos"),
        (b"dist_img,ref_img,dmos\n\xff\xfe,I01,3\n", "must be text in UTF-8"),
        (b'dist_img,ref_img,dmos\n"a.png,I01,3\n', "must be a whole csv file"),
        (b"\x00\x01PK", "found: "),
    ],
)
def test_a_table_that_is_none(kadid, content, words):
    root = kadid(good("a"))
    (root / "dmos.csv").write_bytes(content)
    assert words in str(problems_of(root, skip_bad=True))


def test_columns_may_stand_in_another_order_case_and_spacing(kadid):
    root = kadid(("0.5", " 3 ", "I01.png", " a.png "), header=("VAR", " dmos", "Ref_Img ", "dist_img"))
    (record,) = open_dataset("kadid10k", root).records
    assert (record.name, record.mos, record.std, record.row) == ("a.png", 3.0, 0.5, 2)


def test_nothing_left_is_an_error_with_skip_bad_too(kadid):
    error = problems_of(kadid(good("a", "nan"), ("gone.png", "I01.png", 3, 0)), skip_bad=True)
    assert "no usable row is left" in str(error)
    assert [p.kind for p in error.problems] == ["table", "mos", "missing"]


def test_an_image_that_does_not_decode_is_found_by_decoding(kadid):
    root = kadid(good("a"), good("b"), good("c"))
    path = root / "images" / "b.png"
    path.write_bytes(path.read_bytes()[:40])
    assert len(open_dataset("kadid10k", root)) == 3
    error = problems_of(root, decode=True)
    assert [(p.kind, p.name, p.row) for p in error.problems] == [("corrupt", "b.png", 3)]
    kept = open_dataset("kadid10k", root, decode=True, skip_bad=True)
    assert [record.name for record in kept.records] == ["a.png", "c.png"]
    with pytest.raises(ImageError, match=r"b.png"):
        list(open_dataset("kadid10k", root).images())


def test_a_file_of_0_bytes_and_a_folder_are_seen_without_decoding(kadid):
    root = kadid(good("a"), good("b"), good("c"))
    (root / "images" / "b.png").write_bytes(b"")
    (root / "images" / "c.png").unlink()
    (root / "images" / "c.png").mkdir()
    error = problems_of(root)
    assert [(p.kind, p.detail) for p in error.problems] == [("corrupt", "a file of 0 bytes"), ("corrupt", "not a file")]


@pytest.mark.skipif(os.name != "posix", reason="links")
def test_a_link_of_the_user_is_followed_a_name_of_the_table_is_not(kadid, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    picture(elsewhere / "linked.png")
    root = kadid(("linked.png", "I01.png", 3, 0))
    (root / "images" / "linked.png").symlink_to(elsewhere / "linked.png")
    assert len(open_dataset("kadid10k", root, decode=True)) == 1
    outside = os.path.relpath(elsewhere / "linked.png", root / "images")
    assert [p.kind for p in problems_of(kadid((outside, "I01.png", 3, 0))).problems] == ["outside"]


def test_an_unknown_split(tmp_path):
    picture(tmp_path / "images" / "a.png")
    (tmp_path / "mos.csv").write_text("image,mos,split\na.png,1,holdout\n")
    with pytest.raises(DataError, match=r"1 unknown word for the split \(row 2 'a.png': 'holdout'\)"):
        open_dataset("folder", tmp_path, mos_range=(0, 5))


def test_images_are_those_of_the_records(kadid):
    found = open_dataset("kadid10k", kadid(good("c"), good("a")))
    decoded = [(record.name, int(image.pixels.max()), image.shape) for record, image in found.images()]
    assert decoded == [("c.png", 2, (3, 4, 5)), ("a.png", 0, (3, 4, 5))]


def test_groups_are_short_and_in_order():
    many = [Problem("missing", "x" * 1000, f"{i}.png", i) for i in range(100)]
    lines = grouped([*many, Problem("root", "no root", fatal=True)])
    assert lines[0] == "no root"
    assert len(lines) == 2
    assert len(lines[1]) < 1500
    assert len(data_error("It", many).problems) == 100


def test_listing_readers_needs_no_torch(tmp_path):
    code = "import sys\nfrom certiqa.data.sets import info, names\n"
    code += "[info(name) for name in names()]\nprint('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout == "False\n"
