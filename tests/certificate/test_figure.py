"""The figure: drawn for every kind of certificate, and honest about where the proof ends."""

import builtins
import io
import sys

import numpy as np
import pytest

from certiqa.errors import MissingExtraError

SCORES = np.random.Generator(np.random.Philox(key=3)).normal(50, 5, 200)


def draw(certificate):
    figure = certificate.plot()
    figure.savefig(io.BytesIO(), dpi=20)
    return figure


@pytest.fixture(autouse=True)
def _needs_matplotlib():
    pytest.importorskip("matplotlib")


@pytest.mark.parametrize("side", ["both", "upper", "lower"])
@pytest.mark.parametrize("output_range", [None, (0.0, 100.0)])
@pytest.mark.parametrize("at", [None, 0.1])
def test_all_kinds(side, output_range, at, made):
    certificate = made(SCORES, side=side, output_range=output_range, at=at)
    left, right = draw(certificate).axes
    assert left.get_ylabel() == "score"
    assert left.get_xlim() == (0, pytest.approx(1.1 * certificate.largest_eps()))
    low, high = left.get_ylim()
    assert low < SCORES.min() < SCORES.max() < high
    labels = left.get_legend_handles_labels()[1]
    assert "certified: all eps at once" in labels
    beyond = "only the range of the metric" if output_range else "n = 200 proves nothing"
    assert beyond in labels
    assert ("eps declared beforehand" in labels) is (at is not None and side == "both") or output_range or at
    assert "200 scores under noise, sigma 0.1" in right.get_xlabel()
    assert any(child.get_xlabel().startswith("PSNR") for child in left.child_axes)


@pytest.mark.parametrize(
    "scores",
    [
        [3.0] * 60,
        [0.0] * 60,
        [5.0],
        [5.0, 6.0],
        [np.nan] * 3 + [1.0] * 40,
        [np.nan] * 20 + list(SCORES),
        [1e6, 1e6 + 1],
    ],
    ids=["constant", "zeros", "one", "two", "NaN and constant", "NaN", "large"],
)
@pytest.mark.parametrize("side", ["both", "upper"])
@pytest.mark.parametrize("at", [None, 0.1])
def test_odd_samples(scores, side, at, made):
    assert len(draw(made(scores, side=side, at=at)).axes) == 2


def test_the_title_names_picture_model_and_score(made):
    certificate = made(SCORES)
    title = certificate.plot().get_suptitle()
    assert title.startswith("tensor under ")
    assert title.endswith(f"smoothed score {certificate.score:.4g}")


def test_on_axes_of_the_caller(made):
    from matplotlib.figure import Figure

    figure = Figure()
    left, right = figure.subplots(1, 2)
    assert made(SCORES).plot((left, right)) is figure
    assert left.has_data()
    assert right.has_data()
    assert figure.get_suptitle() == ""


def test_without_matplotlib(made, monkeypatch):
    original = builtins.__import__

    def hidden(name, *rest):
        if name.split(".")[0] == "matplotlib":
            raise ImportError(name)
        return original(name, *rest)

    monkeypatch.setattr(builtins, "__import__", hidden)
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(MissingExtraError) as error:
        made(SCORES).plot()
    assert str(error.value) == (
        "Certificate.plot() needs the package 'matplotlib', which is not installed. Run: pip install 'certiqa[plots]'"
    )
    assert isinstance(error.value, ImportError)
