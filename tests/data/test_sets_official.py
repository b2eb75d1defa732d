"""The official split of tables of its own (KonIQ-10k, FLIVE): nothing of it is taken on trust."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from certiqa.data import open_dataset
from certiqa.errors import DataError

KONIQ = "koniq10k_distributions_sets.csv"
LARGE, PADDED = "labels>640.csv", "labels<=640_padded.csv"
NAMES = ("a.jpg", "b.jpg", "c.jpg", "d.jpg")


def write(path: Path, header: tuple[str, ...], *rows: tuple[object, ...]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


def pictures(folder: Path) -> None:
    folder.mkdir()
    for shade, name in enumerate(NAMES):
        Image.fromarray(np.full((4, 5, 3), shade, np.uint8)).save(folder / name)


@pytest.fixture
def koniq(tmp_path):
    """koniq(*rows): a KonIQ-10k of four images with a table of scores, and these rows in that of the sets."""
    pictures(tmp_path / "1024x768")
    scores = [(name, 50 + 10 * row) for row, name in enumerate(NAMES)]
    write(tmp_path / "koniq10k_scores_and_distributions.csv", ("image_name", "MOS_zscore"), *scores)

    def make(*rows):
        write(tmp_path / KONIQ, ("image_name", "set"), *rows)
        return tmp_path

    return make


@pytest.fixture
def flive(tmp_path):
    """flive(large, padded): a FLIVE of four images, and these rows in the two tables of the split."""
    pictures(tmp_path / "database")
    write(tmp_path / "labels_image.csv", ("name", "mos"), *((name, 50 + row) for row, name in enumerate(NAMES)))

    def make(large, padded):
        write(tmp_path / LARGE, ("name_image",), *((name,) for name in large))
        write(tmp_path / PADDED, ("name_image", "is_valid"), *padded)
        return tmp_path

    return make


def told(name, root):
    """The problems without skip_bad, and the parts that are left with it."""
    with pytest.raises(DataError) as caught:
        open_dataset(name, root)
    found = [(p.kind, p.name, p.fatal) for p in caught.value.problems]
    if any(p.fatal for p in caught.value.problems):
        with pytest.raises(DataError):
            open_dataset(name, root, skip_bad=True)
        return str(caught.value), found, None
    return str(caught.value), found, parts(open_dataset(name, root, skip_bad=True))


def parts(data):
    return {record.name: record.split for record in data.records}


WHOLE = (("a.jpg", "training"), ("b.jpg", "training"), ("c.jpg", "validation"), ("d.jpg", "test"))


def test_a_whole_table_is_no_problem(koniq):
    found = open_dataset("koniq10k", koniq(*WHOLE))
    assert parts(found) == {"a.jpg": "train", "b.jpg": "train", "c.jpg": "val", "d.jpg": "test"}
    assert found.problems == ()


def test_an_image_in_two_sets_is_in_none(koniq):
    text, found, left = told("koniq10k", koniq(*WHOLE, ("d.jpg", "training")))
    assert found == [("contradiction", "d.jpg", False)]
    assert f"test in row 5 of '{KONIQ}', train in row 6 of '{KONIQ}'" in text
    assert left == {"a.jpg": "train", "b.jpg": "train", "c.jpg": "val"}


def test_a_malformed_row_of_the_sets_is_told_and_its_image_has_no_part(koniq):
    text, found, left = told("koniq10k", koniq(*WHOLE[:3], ("d.jpg", "test", "more")))
    assert sorted(found) == [("part", "d.jpg", False), ("row", None, False)]
    assert f"row 5: 3 cells under 2 columns in '{KONIQ}'" in text
    assert f"1 image without a part in the official split (row 5 'd.jpg': it is not in '{KONIQ}')" in text
    assert set(left) == {"a.jpg", "b.jpg", "c.jpg"}


@pytest.mark.parametrize("row", [(), (("d.jpg", ""),)])
def test_an_image_without_a_part(koniq, row):
    _, found, left = told("koniq10k", koniq(*WHOLE[:3], *row))
    assert found == [("part", "d.jpg", False)]
    assert "d.jpg" not in left


def test_a_row_of_the_sets_that_is_repeated_is_told_and_its_image_kept(koniq):
    text, found, left = told("koniq10k", koniq(*WHOLE, ("c.jpg", "validation")))
    assert found == [("duplicate", "c.jpg", False)]
    assert f"row 6 of '{KONIQ}' repeats row 4" in text
    assert left["c.jpg"] == "val"


def test_an_unknown_set_is_told(koniq):
    _, found, left = told("koniq10k", koniq(*WHOLE[:3], ("d.jpg", "holdout")))
    assert found == [("split", "d.jpg", False)]
    assert "d.jpg" not in left


def test_names_that_no_image_has_are_a_note_as_long_as_every_image_has_its_part(koniq):
    found = open_dataset("koniq10k", koniq(*WHOLE, ("x.jpg", "test"), ("y.jpg", "test")))
    assert found.problems == ()
    assert "2 names of the split are of no image here (first: 'x.jpg')" in found.notes


def test_names_that_no_image_has_are_problems_where_images_lack_theirs(koniq):
    text, found, _ = told("koniq10k", koniq(*WHOLE[:3], ("D.png", "test")))
    assert sorted(found) == [("part", "d.jpg", False), ("unmatched", "D.png", False)]
    assert f"1 name of the split that no image has ('D.png': test in row 5 of '{KONIQ}')" in text


@pytest.mark.parametrize("rows", [(), (("x.jpg", "test"), ("y.jpg", "training"))])
def test_a_table_of_sets_that_is_of_other_images_is_refused(koniq, rows):
    text, found, left = told("koniq10k", koniq(*rows))
    assert found == [("unmatched", None, True)]
    assert left is None
    assert ("names no image of the data set (first of 2 names: 'x.jpg')" if rows else "but no rows") in text
    assert "Put the table of the split that belongs to these images there, or none" in text


def test_the_table_of_sets_alone_is_checked_too(koniq):
    root = koniq()
    (root / "koniq10k_scores_and_distributions.csv").unlink()
    rows = [("a.jpg", 50, "training"), ("b.jpg", 60, ""), ("c.jpg", 70, "test"), ("c.jpg", 70, "training")]
    write(root / KONIQ, ("image_name", "MOS", "set"), *rows)
    _, found, left = told("koniq10k", root)
    assert found == [("part", "b.jpg", False), ("contradiction", "c.jpg", False), ("contradiction", "c.jpg", False)]
    assert left == {"a.jpg": "train"}


# -- FLIVE -------------------------------------------------------------------------------------------------------------

REST = (("a.jpg", "False"), ("b.jpg", "True"))


def test_flive_with_both_tables(flive):
    found = open_dataset("flive", flive(["c.jpg", "d.jpg"], [*REST, ("c.jpg", "False")]))
    assert parts(found) == {"a.jpg": "train", "b.jpg": "val", "c.jpg": "test", "d.jpg": "test"}
    assert found.problems == ()


def test_flive_with_the_large_images_of_another_copy_has_no_train_part_made_of_test_images(flive):
    text, found, left = told("flive", flive(["x/c.jpg", "x/d.jpg"], REST))
    assert found == [("unmatched", None, True)]
    assert f"'{LARGE}' names no image of the data set (first of 2 names: 'x/c.jpg')" in text
    assert left is None


def test_flive_test_images_in_another_spelling_are_left_out_not_put_into_train(flive):
    _, found, left = told("flive", flive(["c.jpg", "D.JPG"], REST))
    assert sorted(found) == [("part", "d.jpg", False), ("unmatched", "D.JPG", False)]
    assert left == {"a.jpg": "train", "b.jpg": "val", "c.jpg": "test"}


def test_flive_images_in_neither_table_are_train_if_no_name_is_left_over(flive):
    found = open_dataset("flive", flive(["c.jpg"], [("b.jpg", "True")]))
    assert parts(found) == {"a.jpg": "train", "b.jpg": "val", "c.jpg": "test", "d.jpg": "train"}
    assert "2 images in no table of the split: train" in found.notes


def test_flive_test_and_validation_contradict_each_other(flive):
    text, found, left = told("flive", flive(["c.jpg", "d.jpg"], [*REST, ("d.jpg", "True")]))
    assert found == [("contradiction", "d.jpg", False)]
    assert f"test in row 3 of '{LARGE}', val in row 4 of '{PADDED}'" in text
    assert "d.jpg" not in left


def test_flive_an_unknown_word_is_not_train(flive):
    _, found, left = told("flive", flive(["c.jpg", "d.jpg"], [("a.jpg", "perhaps"), REST[1]]))
    assert found == [("split", "a.jpg", False)]
    assert "a.jpg" not in left
