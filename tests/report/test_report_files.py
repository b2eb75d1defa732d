"""The files: whole, the same each time, self-contained, well-formed, not too large."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from certiqa.errors import InputError
from certiqa.report import write


def test_the_files_and_their_order(made, tmp_path):
    paths = write(made.sample(), tmp_path / "new" / "folder")
    assert [path.name for path in paths[:2]] == ["report.html", "report.md"]
    assert all(path.parent.name == "figures" and path.suffix == ".svg" for path in paths[2:])
    assert sorted(path for path in (tmp_path / "new").rglob("*") if path.is_file()) == sorted(paths)
    linked = re.findall(r"\]\((figures/[^)]*)\)", paths[1].read_text(encoding="utf-8"))
    assert sorted(linked) == sorted(f"figures/{path.name}" for path in paths[2:])


@pytest.mark.parametrize("name", ["sample", "hostile"])
def test_the_same_comparison_gives_the_same_bytes(made, tmp_path, name):
    first = write(getattr(made, name)(), tmp_path / "a")
    second = write(getattr(made, name)(), tmp_path / "b")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    other = write(replace(getattr(made, name)(), seconds=1.0), tmp_path / "c")
    assert first[0].read_bytes() != other[0].read_bytes()


def test_other_files_stay_and_older_ones_are_replaced(made, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    (tmp_path / "report.html").write_text("old")
    write(made.comparison(), tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "mine"
    assert (tmp_path / "report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert not list(tmp_path.glob(".*.part"))


@pytest.mark.parametrize(
    ("comparison", "place", "said"), [({"rows": ()}, "x", "'comparison' must be"), (None, "file", "'folder' must be")]
)
def test_wrong_input(made, tmp_path, comparison, place, said):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=said):
        write(comparison if comparison else made.comparison(), tmp_path / place)


def test_sizes_stay_in_bounds(folder):
    assert (folder / "sample" / "report.html").stat().st_size < 3_500_000
    assert (folder / "large" / "report.html").stat().st_size < 7_000_000
    assert (folder / "large" / "report.md").stat().st_size < 1_500_000


@pytest.mark.parametrize("name", ["sample", "hostile", "large"])
def test_svg_files_are_well_formed_and_explicit(folder, name):
    found = sorted((folder / name / "figures").glob("*.svg"))
    assert found
    for path in found:
        text = path.read_text(encoding="utf-8")
        root = ET.fromstring(text)
        assert root.tag.endswith("}svg")
        assert "var(--" not in text
        assert "nan" not in re.findall(r'\bd="([^"]*)"', text).__repr__()
        titles = [child for child in root if child.tag.endswith("}title")]
        assert titles[0].text
        assert float(root.get("width")) > 0 < float(root.get("height"))
        first = next(child for child in root if child.tag.endswith("}rect"))
        assert first.get("fill") == "#ffffff", "a background of its own"


@pytest.mark.parametrize("name", ["sample", "hostile", "large", "empty"])
def test_nothing_is_loaded_from_anywhere(pages, read, name):
    page = read(pages[name])
    policy = next(m["content"] for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "unsafe" not in policy
    for tag, attributes in page.elements:
        for place in ("src", "href", "xlink:href", "action", "poster", "data"):
            target = attributes.get(place)
            assert target is None or target.startswith(("data:", "#")), (tag, target)
        assert "style" not in attributes, "the policy forbids styles in attributes"
        assert not [key for key in attributes if key.startswith("on")]
    assert "url(" not in pages[name]
    assert "@import" not in pages[name]


@pytest.mark.parametrize("name", ["sample", "hostile", "large", "empty"])
def test_ids_are_unique_and_links_lead_somewhere(pages, read, name):
    page = read(pages[name])
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids))
    for _, attributes in page.elements:
        for target in [attributes.get("href") or ""]:
            assert not target.startswith("#") or target[1:] in ids
        for key in (attributes.get("aria-labelledby") or "").split():
            assert key in ids


@pytest.mark.parametrize("name", ["sample", "hostile", "large"])
def test_figures_have_titles_descriptions_and_tables(pages, read, name):
    page = read(pages[name])
    drawings = [a for a in page.all("svg") if a.get("role") == "img"]
    assert drawings
    assert all(len(a["aria-labelledby"].split()) == 2 for a in drawings)
    assert len(page.all("figure")) > 2
    for text in re.findall(r"<figure.*?</figure>", pages[name], re.DOTALL):
        assert "<details>" in text
        assert "<table" in text
    assert "NaN" not in pages[name]
    assert not re.search(r'\bd="[^"]*(nan|inf)', pages[name])
