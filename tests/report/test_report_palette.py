"""Colours are told apart by people with colour vision deficiencies, and stand out from the page."""

import itertools
import math

import pytest

from certiqa.report.palette import DARK, HUES, LIGHT

SEEN = {  # Machado, Oliveira and Fernandes 2009, severity 1
    "as they are": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}


def linear(colour):
    values = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values]


def contrast(one, other):
    low, high = sorted(
        sum(w * v for w, v in zip((0.2126, 0.7152, 0.0722), linear(c), strict=True)) for c in (one, other)
    )
    return (high + 0.05) / (low + 0.05)


def lab(rgb):
    r, g, b = (min(max(v, 0), 1) for v in rgb)
    xyz = (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.95047, 0.2126 * r + 0.7152 * g + 0.0722 * b, \
          (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.08883  # fmt: skip
    x, y, z = (t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def seen(colour, how):
    return lab([sum(m * v for m, v in zip(line, linear(colour), strict=True)) for line in SEEN[how]])


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("how", SEEN)
def test_hues_differ(theme, how):
    hues = [theme[f"c{i + 1}"] for i in range(HUES)]
    assert min(math.dist(seen(a, how), seen(b, how)) for a, b in itertools.combinations(hues, 2)) > 20


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_contrasts(theme):
    for i in range(HUES):
        assert contrast(theme[f"c{i + 1}"], theme["card"]) >= 3
    for text, behind in (
        ("ink", "page"), ("ink", "card"), ("ink", "mark"), ("quiet", "page"), ("quiet", "card"), ("quiet", "mark"),
        ("accent", "page"), ("accent", "card"), ("alarm", "alarm-page"), ("alarm", "card"), ("caution", "caution-page"),
        ("ink", "alarm-page"), ("ink", "caution-page"),
    ):  # fmt: skip
        assert contrast(theme[text], theme[behind]) >= 4.5, (text, behind)


def test_the_contrast_is_that_of_wcag():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
