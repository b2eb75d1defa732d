"""What is drawn lies where the numbers say."""

import re
from dataclasses import replace

import pytest

from certiqa.evaluation.correlation import Estimate
from certiqa.report.figures.attacked import attacked
from certiqa.report.figures.curves import examples
from certiqa.report.figures.figure import DASHES, dashes_of
from certiqa.report.figures.frontier import LINF_2, frontier
from certiqa.report.figures.levels import levels
from certiqa.report.figures.strength import strength
from certiqa.report.groups import budget_parts, groups
from certiqa.report.palette import styles
from certiqa.report.scale import Scale, range_of, ticks


@pytest.fixture(scope="module")
def first(made):
    comparison = made.sample()
    return groups(comparison)[0], styles(comparison.rows)


def one_row(first, **changes):
    """A group of one certified row with one attack."""
    group, look = first
    row = next(row for row in group.rows if row.defence == "DMS-IQA")
    return replace(group, rows=(replace(row, **({"attacked": row.attacked[:1]} | changes)),)), look


def places(drawing, colour):
    """Where the marks of a colour are."""
    found = []
    for text in re.findall(rf'<g fill="var\(--{colour}\)".*?</g>', drawing):
        found += [(float(x), float(y)) for x, y in re.findall(r"translate\(([-\d.]+) ([-\d.]+)\)", text)]
    return found


def test_the_frontier_has_stronger_to_the_right_and_better_above(first):
    group, look = first
    figure = frontier(group, look)
    assert figure.panels[0].wide is not None
    for drawing in (figure.panels[0].drawing, figure.panels[0].wide):
        rows = sorted(
            (r for r in group.rows if r.defence == "DMS-IQA"), key=lambda r: r.certified.psnr_at_half_sd.value
        )
        marks = sorted(places(str(drawing.inside), look["DMS-IQA"].colour), reverse=True)
        assert len(marks) == len(rows) == 3
        heights = sorted(rows, key=lambda r: -r.srocc.value)
        assert [rows.index(r) for r in heights] == sorted(range(3), key=lambda i: marks[i][1])
        xs = [r.certified.psnr_at_half_sd.value for r in rows]
        first_gap, second_gap = marks[0][0] - marks[1][0], marks[1][0] - marks[2][0]
        assert first_gap / second_gap == pytest.approx((xs[1] - xs[0]) / (xs[2] - xs[1]), rel=0.02)
        assert "l_inf 2/255" in drawing.inside
        assert "undefended 0.670" in drawing.inside
    assert pytest.approx(42.11, abs=0.01) == LINF_2
    assert "constant predictor" in figure.notes[0]
    assert "constant predictor" not in str(figure.panels[0].drawing.inside)


def test_no_frontier_without_an_srocc(first):
    group, look = one_row(first, srocc=None)
    assert frontier(group, look) is None


def test_scores_outside_of_their_bands_are_crosses(first):
    group, look = one_row(first)
    one = group.rows[0].attacked[0]
    points = tuple(replace(p, after=p.upper + 1, inside=False) if i < 3 else p for i, p in enumerate(one.points))
    outside = sum(p.inside is False for p in points)
    assert 3 <= outside < len(points)
    group, look = one_row(first, attacked=(replace(one, points=points),))
    (figure,) = attacked(group, look, 10)
    drawing = str(figure.panels[0].drawing.inside)
    assert drawing.count("l7 7m0-7l-7 7") == outside
    dots = re.search(r'd="([^"]*)" stroke="var\(--ink\)"[^>]*stroke-linecap="round"', drawing)[1]
    assert dots.count("h0") == len(points) - outside
    assert f"({len(points) - outside} of {len(points)} inside)" in figure.panels[0].heading


def test_bands_span_what_is_certified(first):
    group, look = one_row(first)
    one = group.rows[0].attacked[0]
    kept = tuple(replace(p, before=50.0, after=50.0, lower=low, upper=60.0) for p, low in zip(one.points, (40.0, None)))  # noqa: B905
    group, look = one_row(first, attacked=(replace(one, points=kept),))
    (figure,) = attacked(group, look, 10)
    drawing = figure.panels[0].drawing
    d = re.search(r'd="([^"]*)" stroke="var\(--c\d\)"', str(drawing.inside))[1]
    (x0, low, high), (x1, edge, same) = [[float(n) for n in re.findall(r"[\d.]+", part)] for part in d.split("M")[1:]]
    assert x0 < x1
    assert high == same < low < edge, "an open side reaches the edge"
    middle = float(re.search(r'd="M[\d.]+ ([\d.]+)h[\d.]+M', str(drawing.inside))[1])
    assert middle == pytest.approx((low + high) / 2, abs=0.1)


def test_panels_beyond_the_limit_are_counted(first):
    group, look = first
    runs = sum(len(row.attacked) for row in group.rows)
    rows = sum(bool(row.attacked) for row in group.rows)
    shown, others = attacked(group, look, rows + 4)
    assert (len(shown.panels), len(others.panels)) == (rows, 4)
    assert others.notes[0].startswith(f"{runs - rows - 4} more panels")
    (alone,) = attacked(group, look, 1)
    assert len(alone.panels) == rows, "the strongest attack on each row is always there"
    assert alone.notes[0].startswith(f"{runs - rows} more panels")


def test_levels_show_the_strongest_attacks(first):
    group, look = first
    figure = levels(group, look, 2)
    assert [panel.heading for panel in figure.panels] == [
        "apgd:steps=10, linf:4/255, raise",
        "apgd:steps=10, linf:8/255, raise",
    ]
    assert figure.notes[0].startswith("4 weaker attacks")
    marks = places(str(figure.panels[1].drawing.inside), "ink")
    assert len(marks) == 5
    assert [y for _, y in marks] == sorted(y for _, y in marks), "it falls from level to level, so y grows"
    assert levels(one_row(first, attacked=())[0], look, 2) is None


def test_strength_needs_two_budgets(first):
    group, look = first
    figure = strength(group, look)
    assert [panel.heading for panel in figure.panels] == ["fgsm, raise", "apgd:steps=10, raise"]
    (x2, y2), (x4, y4), (x8, y8) = places(str(figure.panels[1].drawing.inside), "ink")
    assert (x8 - x4) / (x4 - x2) == pytest.approx(2, rel=0.02), "4 to 8 is twice as far as 2 to 4"
    assert y2 > y4 > y8
    assert strength(one_row(first)[0], look) is None


@pytest.mark.parametrize(
    ("budget", "parts"),
    [
        ("linf:4/255", ("linf", 4.0)),
        ("l2:0.5", ("l2", 0.5)),
        ("x", None),
        ("l2:a/b", None),
        ("l2:1/0", None),
        ("l2:nan", None),
    ],
)
def test_budgets(budget, parts):
    assert budget_parts(budget) == parts


def test_the_curve_of_an_example_stops_where_nothing_is_certified(made):
    one = made.example(1)
    (shown,) = examples((one,), {})
    upper, lower = (
        re.findall(r"[\d.]+ [\d.]+", d)
        for d in sorted(re.findall(r'd="(M[^"Z]*)" stroke="var\(--accent\)"', str(shown.panel.drawing.inside)), key=len)
    )
    assert len(lower) == sum(value is not None for value in one.lower) == 14
    assert len(upper) == sum(value is not None for value in one.upper) == 13
    assert [row[1].text for row in shown.data.rows][-1] == "unbounded"
    assert "it stays in [" in shown.panel.drawing.description


def test_sigmas_of_one_defence_have_lines_of_their_own(first):
    group, _ = first
    found = dashes_of(group.rows)
    assert [found[f"MS, σ\u00a0{sigma:g}"] for sigma in (0.06, 0.12, 0.25)] == list(DASHES[:3])


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-3, 7), (38.1, 79.2), (0, 1e-5), (0, 3e6), (0.61, 0.62)])
def test_ticks_are_round_and_inside(low, high):
    found = ticks(low, high)
    assert 3 <= len(found) <= 8
    assert all(low <= value <= high for value in found)


def test_scales():
    assert Scale(0, 10, 100, 0)(20) == 0, "what is beyond an end lies on it"
    assert range_of([float("nan"), None, float("inf")]) == (0.0, 1.0)
    low, high = range_of([0.0], floor=0.0)
    assert low == 0 < high


def test_an_interval_that_is_not_a_number_is_not_drawn(first):
    group, look = one_row(first, srocc=Estimate(0.5, (float("nan"), 0.6)))
    assert "nan" not in str(frontier(group, look).panels[0].drawing.inside)
