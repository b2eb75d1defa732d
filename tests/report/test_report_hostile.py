"""Names that are markup, and figures that are missing or odd, do no harm."""

import re

import pytest

from certiqa.report.figures.curves import examples
from certiqa.report.markdown import code, escaped


def test_no_name_becomes_markup(pages, read, made):
    page = read(pages["hostile"])
    assert len(page.all("script")) == 1
    assert made.NASTY in page.text
    assert "<script>alert" not in pages["hostile"]
    assert page.all("img") == [], "a thumbnail that is no PNG is not shown"
    assert "no picture in the report" in page.text


def test_no_name_becomes_markdown(folder, made):
    twin = (folder / "hostile" / "report.md").read_text(encoding="utf-8")
    fences = re.compile(r"^(`{3,})[a-z]*\n.*?^\1$", re.DOTALL | re.MULTILINE)
    assert len(fences.findall(twin)) == 2
    outside = fences.sub("", twin)
    assert "<script" not in outside
    assert set(re.findall(r"<(/?[a-z]+)", outside)) == {"details", "/details", "summary", "/summary"}
    assert made.NASTY.replace("`", "\\`") not in outside


@pytest.mark.parametrize(
    ("given", "safe"),
    [
        ("a|b", r"a\|b"),
        ("<b>&amp;", "&lt;b&gt;&amp;amp;"),
        ("two\nlines", "two lines"),
        ("_x_ *y* `z` [u](v) ~ # !", r"\_x\_ \*y\* \`z\` \[u\](v) \~ \# \!"),
        ("наука 画質", "наука 画質"),
    ],
)
def test_escaping_in_markdown(given, safe):
    assert escaped(given) == safe


def test_a_fence_cannot_end_early():
    assert code("```\nx").startswith("````\n")


def test_odd_figures_are_said_in_words(pages, read):
    text = read(pages["hostile"]).text
    for said in ("undefined", "unbounded", "no certificate", "none at SD/2", "not recorded", "no reason was recorded"):
        assert said in text


def test_an_empty_comparison(pages, read):
    text = read(pages["empty"]).text
    for said in ("Nothing has been measured yet", "There are no rows.", "No attack was run.", "There are no examples."):
        assert said in text


def test_missing_pictures_are_left_out(made):
    shown = examples((made.example(1), made.example(2, picture=False)), {})
    assert [one.thumbnail is None for one in shown] == [False, True]
