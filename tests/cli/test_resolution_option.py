"""certiqa certify --resolution."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import certiqa

Run = Callable[..., Any]


def the_line(result: Any) -> dict[str, Any]:
    (line,) = result.stdout.splitlines()
    data: dict[str, Any] = json.loads(line)
    return data


@pytest.mark.parametrize(("text", "size"), [("8", (8, 12)), ("8x6", (8, 6)), ("8X6", (8, 6)), ("32", (32, 48))])
def test_it_reaches_the_certificate(run: Run, text: str, size: tuple[int, int]) -> None:
    data = the_line(run("certify", "a.png", "--resolution", text, "--json", "-"))
    assert tuple(data["front_end"]["output_shape"][1:]) == size
    assert data["shape"] == [3, 16, 24]
    assert not certiqa.Certificate.from_dict(data).front_end.is_identity


def test_the_images_own_size_is_no_resize(run: Run) -> None:
    same = the_line(run("certify", "a.png", "--resolution", "16", "--json", "-"))
    assert same["front_end"]["front_end"] == {"name": "identity"}


def test_sizes_of_attacks_stay_those_of_the_original(run: Run) -> None:
    options = ["--resolution", "8", "--eps", "linf:0.2/255", "--tau", "1.5", "--json", "-"]
    data = the_line(run("certify", "a.png", *options))
    assert data["at"] == pytest.approx(0.2 / 255 * math.sqrt(3 * 16 * 24))
    (tau,) = data["asked"]["tau"]
    certificate = certiqa.Certificate.from_dict(data)
    assert tau["eps"] == certificate.radius(1.5)


def test_the_text_is_that_of_the_certificate(run: Run, folder: Path) -> None:
    result = run("certify", "a.png", "--resolution", "8", "--json", "out.json")
    text = result.stdout.rstrip("\n").rsplit("\n", 1)[0]
    assert text == str(certiqa.Certificate.from_json(folder / "out.json"))
    assert text.count("the image is resized to 12x8 before the noise; eps is in the original image's pixels") == 1


@pytest.mark.parametrize("text", ["", "x", "8x", "8x6x3", "8.5", "eight", "8,6", "8*6"])
def test_what_is_no_resolution(run: Run, text: str) -> None:
    result = run("certify", "a.png", "--resolution", text)
    assert result.exit_code == 2
    (error,) = result.errors
    assert "The parameter '--resolution' must be the shorter side, or HEIGHTxWIDTH" in error


@pytest.mark.parametrize("text", ["0", "1", "-8", "8x1", "5000"])
def test_resolutions_out_of_range(run: Run, text: str) -> None:
    result = run("certify", "a.png", "--resolution", text)
    assert result.exit_code == 2
    (error,) = result.errors
    assert "in whole pixels from 2 to 4096" in error


def test_a_metric_that_needs_more_pixels(run: Run) -> None:
    result = run("certify", "a.png", "--resolution", "7", model="net")
    assert result.exit_code == 2
    assert "resized to 10x7" in result.errors[0] or "resized to 11x7" in result.errors[0]


def test_help_has_an_example(run: Run) -> None:
    result = run("certify", "--help", model=None, n=None)
    assert "certiqa certify photo.jpg --model builtin-noise --resolution 64" in result.stdout
