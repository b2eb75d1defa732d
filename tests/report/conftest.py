"""What the tests of the report share: comparisons, their files, and a reader of pages."""

from __future__ import annotations

import importlib.util
from html.parser import HTMLParser
from pathlib import Path

import pytest

from certiqa.report import write

_VOID = {"meta", "link", "img", "br", "input", "hr", "wbr"}


def load(name):
    spec = importlib.util.spec_from_file_location(f"report_{name}", Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Page(HTMLParser):
    """Elements in their order with their attributes and text; tables as rows of cells."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.elements, self.tables, self.texts, self.open = [], {}, [], []
        self._table = self._cell = None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.elements.append((tag, attributes))
        if tag not in _VOID:
            self.open.append(tag)
        if tag == "table":
            self._table = self.tables.setdefault(attributes["id"], [])
        elif tag == "tr" and self._table is not None:
            self._table.append([])
        elif tag in ("td", "th") and self._table is not None:
            self._cell = {"text": "", "value": None, "class": attributes.get("class") or ""}
            self._table[-1].append(self._cell)
        elif tag == "data" and self._cell is not None:
            self._cell["value"] = float(attributes["value"])

    def handle_startendtag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass
        if tag in ("td", "th"):
            self._cell = None
        elif tag == "table":
            self._table = self._cell = None

    def handle_data(self, data):
        if self._cell is not None:
            self._cell["text"] += data
        if self.open and self.open[-1] not in ("style", "script"):
            self.texts.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="session")
def made():
    return load("sample")


@pytest.fixture(scope="session")
def read():
    return Page


@pytest.fixture(scope="session")
def folder(made, tmp_path_factory):
    """The reports of sample(), hostile(), large() and of nothing, each in a folder of its name."""
    root = tmp_path_factory.mktemp("reports")
    for name, found in (
        ("sample", made.sample()),
        ("hostile", made.hostile()),
        ("large", made.large()),
        ("empty", made.comparison()),
    ):
        write(found, root / name)
    return root


@pytest.fixture(scope="session")
def pages(folder):
    return {path.parent.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*/report.html"))}
