"""The frontier's page and README's table are made from the result lines, and these are of what ships."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks/results"


def script(name):
    """A module of benchmarks/, with that folder on the path as it is for the script itself."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        spec = importlib.util.spec_from_file_location(name, ROOT / f"benchmarks/{name}.py")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(ROOT / "benchmarks"))
    return module


@pytest.fixture(scope="module")
def lines():
    return [json.loads(text) for text in (RESULTS / "frontier.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def frontier():
    return script("frontier")


def stale(frontier, lines):
    """The rows whose digests are not those of what ships."""
    rows = {row.name: row for row in frontier.ROWS}
    found = []
    for line in lines:
        row = rows.get(line["row"])
        wanted = None if row is None else frontier.identity(row, row.certifier())
        if wanted is None or not frontier.current(line, wanted, line["data"]):
            found.append((line["row"], line["data"]))
    return found


def test_every_line_is_of_what_ships(frontier, lines):
    assert stale(frontier, lines) == []
    names = {line["row"] for line in lines}
    assert {"energy", "deterministic", "noise on pixels at 192"} <= names
    for name in names:
        assert {line["data"] for line in lines if line["row"] == name} == set(frontier.SETS)


@pytest.mark.parametrize("key", ["metric_sha256", "front_end", "sigma", "n"])
def test_a_stale_line_is_noticed(frontier, lines, key):
    assert stale(frontier, [lines[0] | {key: "another"}]) == [(lines[0]["row"], lines[0]["data"])]


@pytest.fixture(scope="module")
def attacked():
    return [json.loads(text) for text in (RESULTS / "frontier_attack.jsonl").read_text().splitlines()]


def test_the_page_is_made_from_the_lines(frontier, lines, attacked):
    tables = sys.modules["frontier_tables"]
    assert (ROOT / "docs/frontier.md").read_text(encoding="utf-8") == tables.page(lines, attacked)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert tables.filled(readme, lines) == readme
    moved = [line | {"scores": [score + i for i, score in enumerate(line["scores"])]} for line in lines]
    assert tables.page(moved, attacked) != tables.page(lines, attacked)
    assert tables.filled(readme, moved) != readme


def test_the_summary_counts_images_without_a_certificate_as_the_worst():
    tables = script("frontier_tables")
    line = {
        "scores": list(range(20)), "mos": list(range(20)), "contents": list("abcdefghijklmnopqrst"), "psnr": [42.0],
        "lower_better": False, "tau": [[1.0]] * 12 + [[None]] * 8,
    }  # fmt: skip
    found = tables.summary(line)
    assert found["srocc"] == 1.0
    assert found["median"] == [pytest.approx(1 / found["sd"])]
    assert found["high"] == [float("inf")]
    assert tables.summary(line | {"tau": [[1.0]] * 8 + [[None]] * 12})["median"] == [None]


def test_no_attack_left_a_certified_interval(attacked):
    from certiqa import metrics
    from certiqa._provenance import model_sha256
    from certiqa.evaluation import Verdict, soundness_of

    assert len(attacked) >= 200
    assert {line["model_sha256"] for line in attacked} == {model_sha256(metrics.load("builtin-energy", "cpu"))}
    assert {(line["strength"], line["budget"].split(":")[0]) for line in attacked} == {
        (42.0, "linf"), (42.0, "l2"), (36.0, "linf"), (36.0, "l2"),
    }  # fmt: skip
    verdicts = [Verdict.from_dict(line["verdict"]) for line in attacked]
    assert all(verdict.within for verdict in verdicts)
    assert not any(verdict.alarm for verdict in verdicts)
    assert soundness_of(verdicts).sound
