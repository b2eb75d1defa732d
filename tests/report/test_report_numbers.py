"""The numbers of the page and of its twin are those of the comparison."""

import math
import re

import pytest

from certiqa.report.groups import groups, row_label
from certiqa.report.numbers import ABSENT


def cells(page, key):
    """The rows of a table by their headings."""
    head, *rows = page.tables[key]
    names = [cell["text"] for cell in head]
    return [
        {next(n for n in NAMES if name.startswith(n)): cell for name, cell in zip(names, row, strict=True)}
        for row in rows
    ]


NAMES = (
    "defence and σ", "SROCC after", "SROCC", "PLCC", "KROCC", "certified down to", "certified up to",
    "strongest attack tried", "the same over SD", "which attack", "alarms", "SD of the scores", "images",
    "why no certificate", "size of attack", "eps", "PSNR", "l_inf", "tau, 90th percentile", "tau over SD", "tau",
    "between two printed scores", "proved by scores", "n", "alpha", "attack", "budget", "objective",
    "knew the defence", "RMSE over SD", "RMSE", "mean gain", "order kept", "R", "in the band",
    "passes of the metric", "draws of noise", "time", "over the undefended", "largest memory", "working resolution",
)  # fmt: skip


def near(value):
    return pytest.approx(value, rel=1e-8)


def same(cell, estimate, places=None):
    assert cell["value"] == near(estimate.value)
    if places is not None and estimate.interval:
        low, high = (float(n.replace("−", "-")) for n in re.search(r"\[(.*), (.*)\]", cell["text"]).groups())
        assert (low, high) == pytest.approx(estimate.interval, abs=0.51 * 10**-places)


@pytest.mark.parametrize("name", ["sample", "large"])
def test_the_summary(made, pages, read, name):
    comparison, page = getattr(made, name)(), read(pages[name])
    seen = 0
    for group in groups(comparison):
        for row, found in zip(group.rows, cells(page, f"summary-{group.key}"), strict=True):
            assert row_label(row) in found["defence and σ"]["text"]
            if row.kind == "constant":
                assert "must not win" in found["defence and σ"]["text"]
                assert found["SROCC"]["text"] == "undefined"
            else:
                same(found["SROCC"], row.srocc, 3)
                same(found["PLCC"], row.plcc, 3)
                same(found["KROCC"], row.krocc, 3)
            if row.certified is None:
                assert found["certified down to"]["text"] == found["certified up to"]["text"] == "no certificate"
                assert found["certified down to"]["value"] is None, "never a zero"
                assert found["why no certificate"]["text"] == row.no_certificate
            else:
                same(found["certified down to"], row.certified.psnr_at_half_sd, 1)
                told = float(re.match(r"[\d.]+", found["certified down to"]["text"])[0])
                assert 0 <= told - row.certified.psnr_at_half_sd.value < 0.1, "never stronger than it is"
                same(found["certified up to"], row.certified.eps_at_half_sd)
            if row.attacked:
                worst = max(row.attacked, key=lambda one: one.rmse.value)
                same(found["strongest attack tried"], worst.rmse)
                assert found["which attack"]["text"].startswith(f"{worst.attack}, {worst.budget}, {worst.objective}")
                assert ("did not know" in found["which attack"]["text"]) is not worst.adaptive
            else:
                assert found["strongest attack tried"]["text"] == "not attacked"
            assert found["images"]["value"] == row.images
            seen += 1
    assert seen == len(comparison.rows)


def test_the_best_is_marked_and_the_constant_never(made, pages, read):
    comparison, page = made.sample(), read(pages["sample"])
    for group in groups(comparison):
        rows = cells(page, f"summary-{group.key}")
        value = {row_label(r): group.sign * r.srocc.value for r in group.rows if r.srocc}
        for row, found in zip(group.rows, rows, strict=True):
            best = row.srocc is not None and group.sign * row.srocc.value == max(value.values())
            assert ("best" in found["SROCC"]["class"]) is best
            strongest = min(r.certified.psnr_at_half_sd.value for r in group.rows if r.certified)
            mine = row.certified is not None and row.certified.psnr_at_half_sd.value == strongest
            assert ("best" in found["certified down to"]["class"]) is mine
            assert row.kind != "constant" or not any("best" in cell["class"] for cell in found.values())


def test_certificates_attacks_and_cost(made, pages, read):
    comparison, page = made.sample(), read(pages["sample"])
    for group in groups(comparison):
        sizes = [(row, at) for row in group.rows if row.certified for at in row.certified.at]
        for (row, at), found in zip(sizes, cells(page, f"certificates-{group.key}"), strict=True):
            assert found["eps"]["value"] == near(at.eps)
            assert found["tau"]["value"] == near(at.tau.value)
            assert float(found["tau"]["text"].split()[0]) >= at.tau.value * (1 - 1e-9), "rounded to the safe side"
            assert found["n"]["value"] == row.certified.n
            assert found["tau, 90th percentile"]["value"] == near(at.tau_p90.value)
            low, high = at.proved.interval
            assert found["proved by scores"]["value"] == near(100 * at.proved.value)
            assert f"[{100 * low:.0f}, {100 * high:.0f}]" in found["proved by scores"]["text"]
            assert (found["between two printed scores"]["text"] == ABSENT) is (at.deployed is None)
        attacks = [(row, one) for row in group.rows for one in row.attacked]
        for (_, one), found in zip(attacks, cells(page, f"attacks-{group.key}"), strict=True):
            assert (found["attack"]["text"], found["budget"]["text"]) == (one.attack, one.budget)
            same(found["RMSE"], one.rmse)
            same(found["mean gain"], one.gain)
            assert (found["alarms"]["text"] == ABSENT) is (one.alarms is None)
            inside = [p.inside for p in one.points if p.inside is not None]
            assert found["in the band"]["text"] == (f"{sum(inside)} of {len(inside)}" if inside else ABSENT)
        base = group.undefended.cost.seconds.value
        for row, found in zip(group.rows, cells(page, f"costs-{group.key}"), strict=True):
            assert (found["time"]["text"] == ABSENT) is (row.cost is None)
            if row.cost:
                assert found["over the undefended"]["value"] == near(row.cost.seconds.value / base)
                same(found["time"], row.cost.seconds)


def test_the_points_behind_a_panel(made, pages, read):
    comparison, page = made.sample(), read(pages["sample"])
    group = groups(comparison)[0]
    found = page.tables[f"attacked-{group.key}-1-data"][1:]
    worst = max(group.rows[0].attacked, key=lambda one: one.rmse.value)
    assert len(found) == len(worst.points)
    for point, row in zip(worst.points, found, strict=True):
        image, _, before, after, lower, upper, inside = (cell["text"].strip() for cell in row)
        assert image == point.image
        assert float(before) == pytest.approx(point.before, rel=1e-3)
        assert float(after) == pytest.approx(point.after, rel=1e-3)
        assert (lower, upper, inside) == ("no certificate", "no certificate", ABSENT)


def test_settings_hashes_versions_and_command(made, pages, read):
    comparison, text = made.sample(), read(pages["sample"]).text
    for said in (
        comparison.command, comparison.config_sha256, comparison.date[:10], *comparison.versions.values(), "x86_64",
        "[certificates]", 'name = "NT"', "sigmas = [0.06, 0.12, 0.25]", "# limit is not set", "3.4 to 92.4",
        *(row.metric_sha256 for row in comparison.rows if row.metric_sha256), "d" * 64,
    ):  # fmt: skip
        assert said in text


def test_the_twin_has_the_same_numbers(made, folder):
    twin = (folder / "sample" / "report.md").read_text(encoding="utf-8")
    for row in made.sample().rows:
        label = row_label(row).replace("\u00a0", " ")
        mine = [line for line in twin.splitlines() if line.startswith(("| " + label + " |", "| *" + label))]
        assert mine
        if row.srocc:
            assert any(f"{abs(row.srocc.value):.3f}" in line for line in mine)
        if row.certified:
            assert any(f"{math.ceil(10 * row.certified.psnr_at_half_sd.value) / 10:.1f}" in line for line in mine)


@pytest.mark.parametrize("name", ["sample", "hostile", "large", "empty"])
def test_every_table_of_the_twin_has_as_many_cells_in_each_line(folder, name):
    lines = (folder / name / "report.md").read_text(encoding="utf-8").splitlines()
    width = 0
    for before, line in zip(["", *lines], lines, strict=False):
        if not line.startswith("|"):
            continue
        count = len(re.findall(r"(?<!\\)\|", line)) - 1
        width = count if not before.startswith("|") else width
        assert count == width, line
    assert name == "empty" or width
