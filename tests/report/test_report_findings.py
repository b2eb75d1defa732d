"""The sentences are right for whatever was found."""

from dataclasses import replace

import pytest

from certiqa.evaluation.correlation import Estimate
from certiqa.report.findings import findings
from certiqa.report.palette import styles


def row(made, name, srocc=0.5, psnr=None, moved=1.0, adaptive=True, alarms=None, **more):
    """A row with one attack; ``psnr`` None: without a certificate."""
    random_ = made.random.Random(1)
    entry = (name, "certified" if psnr else "empirical", (0.1,), (1.0,), 1.0, (psnr,))
    found = made.one_row(random_, "d", "m", 0.5, 10.0, entry, 0, points=4)
    one = replace(found.attacked[0], rmse_over_sd=moved, rmse=Estimate(10 * moved, (9 * moved, 11 * moved)),
                  adaptive=adaptive, alarms=alarms)  # fmt: skip
    half = srocc if isinstance(srocc, Estimate) or srocc is None else Estimate(srocc, (srocc - 0.02, srocc + 0.02))
    return replace(found, srocc=half, attacked=(one,), **more)


def undefended(made, srocc=0.6, moved=2.0):
    return row(made, "undefended", srocc, None, moved, kind="none", sigma=None)


def said(made, *rows, **more):
    found = findings(made.comparison(rows, **more))
    return {label: text.replace("\u00a0", " ") for label, text in found.found[0][1]}


@pytest.mark.parametrize(
    ("base", "others", "parts"),
    [
        (0.6, {"A": 0.55, "B": 0.5}, ("0.600", "A, σ 0.1 agrees best", "0.050 below", "do not overlap")),
        (0.6, {"A": 0.5, "B": 0.61}, ("B, σ 0.1 agrees best", "0.010 above", "overlap, so these images do not settle")),
        (0.6, {"A": 0.6}, ("as much as the undefended metric",)),
        (-0.6, {"A": -0.55, "B": 0.7}, ("A, σ 0.1 agrees best", "0.050 below", "most negative is the best")),
        (0.6, {"A": 0.5, "B": 0.5}, ("shared by 2 rows",)),
        (0.6, {"A": Estimate(0.5, None)}, ("(no interval)", "nothing can be said about chance")),
        (0.6, {"A": None}, ("0.600",)),
    ],
)
def test_agreement(made, base, others, parts):
    rows = [row(made, name, srocc) for name, srocc in others.items()]
    text = said(made, undefended(made, base), *rows)["Agreement"]
    for part in parts:
        assert part in text


def test_agreement_without_the_undefended_or_without_anything(made):
    assert "not there to compare with" in said(made, row(made, "A"))["Agreement"]
    turned = said(made, row(made, "A", -0.5), row(made, "B", 0.1))["Agreement"]
    assert "most negative is the best" in turned
    assert "A, σ 0.1 agrees best" in turned
    assert said(made, row(made, "A", None))["Agreement"] == "No SROCC with human scores is there."
    assert said(made, row(made, "A", Estimate(float("nan"), None)))["Agreement"].startswith("No SROCC")


def test_the_strongest_certificate_is_the_one_of_least_psnr(made):
    text = said(made, undefended(made), row(made, "A", psnr=70.0), row(made, "B", psnr=59.93), row(made, "C"))[
        "Certificates"
    ]
    assert "The strongest certificate is that of B, σ 0.1" in text
    assert "above 60.0 dB" in text
    assert "A, σ 0.1 is the next defence, 10.1 dB behind" in text
    assert "No certificate: undefended and C." in text


def test_a_row_with_alarms_is_never_the_strongest(made, read, tmp_path):
    from certiqa.report import write

    rows = (undefended(made), row(made, "A", psnr=70.0, alarms=0), row(made, "B", psnr=60.0, alarms=1))
    text = said(made, *rows)["Certificates"]
    assert "that of A, σ 0.1" in text
    assert "Left out because of soundness alarms: B, σ 0.1." in text
    assert "none of them can be quoted" in said(made, *rows[2:])["Certificates"]
    page = read(write(made.comparison(rows), tmp_path)[0].read_text(encoding="utf-8"))
    summary = next(table for key, table in page.tables.items() if key.startswith("summary"))
    marked = [line[0]["text"] for line in summary if "best" in line[4]["class"]]
    assert marked == [], "with one sound certificate there is nothing to compare"
    assert "do not quote" in summary[3][0]["text"]


def test_a_row_of_a_certified_defence_without_certificate_is_named_by_its_sigma(made):
    bare = replace(row(made, "A"), kind="certified", sigma=0.5)
    assert "No certificate: A, σ 0.5." in said(made, row(made, "A", psnr=70.0), bare)["Certificates"]


def test_certificates_that_reach_nothing(made):
    weak = row(made, "A", psnr=70.0)
    weak = replace(weak, certified=replace(weak.certified, psnr_at_half_sd=None))
    assert "None of 1 certified row keeps" in said(made, weak)["Certificates"]
    assert "nothing here is proved" in said(made, row(made, "A"))["Certificates"]


def test_attacks(made):
    rows = [undefended(made, moved=2.0), row(made, "A", moved=2.5), row(made, "B", moved=0.5, adaptive=False)]
    text = said(made, *rows)["Attacks"]
    assert "the undefended score moves by 2.00 SD" in text
    assert "B, σ 0.1 moves least, by 0.50 SD" in text
    assert "A, σ 0.1 moves most, by 2.50 SD" in text
    assert "1 of 2 defended rows moves as far as the undefended metric or farther" in text
    assert "The attack on B, σ 0.1 did not know the defence" in text
    assert said(made, replace(rows[0], attacked=()))["Attacks"] == "No attack was run."


def test_the_constant_never_wins(made):
    constant = row(made, "constant predictor", 0.99, psnr=20.0, moved=0.0, kind="constant")
    found = said(made, undefended(made), row(made, "A", psnr=70.0), constant)
    assert not any("constant" in text for text in found.values())
    cautions = findings(made.comparison((undefended(made), constant))).cautions
    assert any("it is the floor" in text for text in cautions)
    assert any("no constant predictor" in text for text in findings(made.comparison((undefended(made),))).cautions)


def test_alarms_are_shouted(made, tmp_path):
    from certiqa.report import write

    rows = (undefended(made), row(made, "A", psnr=60.0, alarms=2), row(made, "B", psnr=61.0, alarms=0))
    found = findings(made.comparison(rows))
    assert len(found.alarms) == 1
    assert found.alarms[0].startswith("2 soundness alarms: A, σ\u00a00.1 of m on d")
    assert not any("No soundness alarm" in text for text in found.cautions)
    page, twin, *_ = write(made.comparison(rows), tmp_path)
    for path in (page, twin):
        text = path.read_text(encoding="utf-8")
        assert text.index("SOUNDNESS ALARM") < text.index("What was found\n" if path is twin else "What was found</h2>")
    quiet = findings(made.comparison(rows[::2]))
    assert quiet.alarms == ()
    assert any("No soundness alarm: in 1 run of attacks" in text for text in quiet.cautions)
    assert any("could not arise" in text for text in findings(made.comparison(rows[:1])).cautions)


@pytest.mark.parametrize(
    ("complete", "missing", "expected"),
    [(True, (), ()), (False, ("a", "b"), ("a", "b")), (True, ("a",), ("a",)), (False, (), None)],
)
def test_what_is_missing(made, complete, missing, expected):
    found = findings(made.comparison((undefended(made),), complete=complete, missing=missing)).incomplete
    assert found == expected if expected is not None else "was not recorded" in found[0]


def test_an_incomplete_run_is_announced_at_the_top(pages, read):
    text = read(pages["sample"]).text
    assert text.index("This run is incomplete") < text.index("Agreement The undefended")
    assert "This run is incomplete" not in read(pages["large"]).text


def test_a_defence_has_one_style(made):
    found = styles(made.sample().rows)
    assert len({(s.colour, s.mark) for s in found.values()}) == len(found) == 11
    assert found["undefended"].colour == "ink"
    assert found["constant predictor"].dashed
