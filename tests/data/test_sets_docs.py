"""docs/datasets.md says of the readers what they say of themselves."""

import re
from pathlib import Path

from certiqa.data.sets import info, names
from certiqa.data.sets.words import markdown

DOCUMENT = Path(__file__).parents[2] / "docs" / "datasets.md"


def test_the_table_of_readers_is_made_from_their_facts():
    (table,) = re.findall(
        r"<!-- readers -->\n(.*?)\n<!-- /readers -->", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL
    )
    assert table == markdown(), "write certiqa.data.sets.words.markdown() between the marks"


def test_every_reader_has_its_row_and_every_cell_its_column():
    heading, rule, *rows = markdown().splitlines()
    assert len(rows) == len(names())
    assert {row.count("|") for row in (heading, rule, *rows)} == {heading.count("|")}
    assert all(f"`{name}`" in row for name, row in zip(names(), rows, strict=True))


def test_directions_and_scales_are_those_of_the_papers():
    facts = {name: (info(name).mos_range, info(name).lower_better) for name in names()}
    assert facts == {
        "agiqa3k": ((0, 5), False),
        "csiq": ((0, 1), True),
        "flive": ((0, 100), False),
        "folder": (None, None),
        "kadid10k": ((1, 5), False),
        "koniq10k": ((1, 100), False),
        "live": ((0, 100), True),
        "livec": ((0, 100), False),
        "spaq": ((0, 100), False),
        "tid2013": ((0, 9), False),
    }
