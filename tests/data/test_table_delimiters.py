"""A csv is read with the delimiter that shows its header, wherever the header stands."""

import pytest

from certiqa.data.table import read_table
from certiqa.errors import DataError

HEADERS = ("image", "mos")


def table(tmp_path, text):
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    return read_table(tmp_path / "t.csv", HEADERS)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize(
    "title", ["", "Scores\n", "Scores, of 2019\n", "Scores; means\n", "Scores\tof\tall\n", 'The "scores", all; 2\n\n']
)
def test_the_header_may_stand_below_any_title(tmp_path, delimiter, title):
    rows = [("image", "mos"), ("a.png", "1.5"), ("b.png", "2.5")]
    found = table(tmp_path, title + "".join(f"{delimiter.join(row)}\n" for row in rows))
    assert [dict(cells) for _, cells in found.rows] == [dict(zip(HEADERS, row, strict=True)) for row in rows[1:]]
    assert found.rows[0][0] == title.count("\n") + 2


def test_cells_may_hold_the_other_delimiters(tmp_path):
    found = table(tmp_path, 'a, b, c\nimage;mos\n"x;y.png";1\nz,z.png;2\n')
    assert [cells["image"] for _, cells in found.rows] == ["x;y.png", "z,z.png"]


def test_without_a_header_the_first_line_is_what_is_told(tmp_path):
    with pytest.raises(DataError, match=r"must have the columns image, mos; found: picture, score\."):
        table(tmp_path, "picture;score\na.png;1\n")


def test_a_cut_file_is_still_refused(tmp_path):
    with pytest.raises(DataError, match="must be a whole csv file"):
        table(tmp_path, 'image;mos\n"a.png;1\n')
