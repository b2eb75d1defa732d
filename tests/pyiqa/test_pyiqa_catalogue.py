import sys

import pytest

import certiqa
from certiqa.errors import InputError, MissingExtraError, UnknownNameError
from certiqa.metrics import CropGrid
from certiqa.metrics.pyiqa import card, names
from certiqa.metrics.pyiqa.catalogue import LICENCE, parse_range
from certiqa.metrics.pyiqa.traits import _TYPES, Traits, traits_of
from certiqa.metrics.registry import families

INSTALL = r"pip install 'certiqa\[pyiqa\]'"


def test_without_pyiqa_the_install_line_is_given(absent):
    for ask in (names, lambda: card("hyperiqa"), lambda: certiqa.metrics.card("pyiqa:hyperiqa")):
        with pytest.raises(MissingExtraError, match=INSTALL):
            ask()
    assert families() == {"pyiqa": False}
    assert not [name for name in certiqa.metrics.names() if name.startswith("pyiqa:")]


def test_a_pyiqa_of_another_shape_is_not_taken_for_one(fake):
    (fake.folder / "default_model_configs.py").unlink()
    with pytest.raises(MissingExtraError, match="does not know this version"):
        names()


def test_names_are_the_no_reference_metrics_and_import_nothing(fake):
    for name in [name for name in sys.modules if name.split(".")[0] == "pyiqa"]:
        del sys.modules[name]
    assert names() == ("clipscore", "fid", "hyperiqa", "liqe", "liqe_mix", "toy", "worse")
    assert card("toy").name == "pyiqa:toy"
    assert not [name for name in sys.modules if name.split(".")[0] == "pyiqa"]
    assert families() == {"pyiqa": True}
    assert {"pyiqa:toy", "builtin"} <= set(certiqa.metrics.names())
    assert "pyiqa:lpips" not in certiqa.metrics.names()


def test_cards(fake):
    toy, worse, hyper = card("toy"), card("worse"), certiqa.metrics.card("pyiqa:hyperiqa")
    assert (toy.lower_better, toy.output_range, toy.extra, toy.needs_weights) == (False, (0.0, 1.0), "pyiqa", False)
    assert (worse.lower_better, worse.output_range) == (True, None)
    assert hyper.input == CropGrid(224, 25, 1)
    assert "Su et al." in hyper.paper
    assert "PolyForm" in toy.licence
    assert "weights" in toy.licence
    assert "PolyForm Noncommercial" in LICENCE
    assert "set of images" in card("fid").summary
    assert not any(card(name).range_enforced for name in names())


def test_a_metric_with_a_reference_is_refused(fake):
    with pytest.raises(InputError, match="reference"):
        card("lpips")
    with pytest.raises(InputError, match="pyiqa:lpips"):
        certiqa.metrics.load("pyiqa:lpips", "cpu")


def test_an_unknown_name_is_answered_with_near_ones(fake):
    with pytest.raises(UnknownNameError, match="Did you mean 'hyperiqa'"):
        certiqa.metrics.load("pyiqa:hyperiq", "cpu")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("~0, ~1", (0.0, 1.0)),
        ("0, 100", (0.0, 100.0)),
        ("~-3, ~3", (-3.0, 3.0)),
        ("0, 2.5", (0.0, 2.5)),
        ("~-1, ~0.1", (-1.0, 0.1)),
        ("0, ~", None),
        ("~, 2", None),
        ("~0, ~", None),
        ("1, 1", None),
        ("quality: 0, 1; rank: 0, 2", None),
        (None, None),
        ("", None),
    ],
)
def test_ranges(text, expected):
    assert parse_range(text) == expected


def test_the_table_of_traits_is_consistent():
    assert traits_of({"type": "Nothing known"}) == Traits()
    for kind, traits in _TYPES.items():
        assert traits.refusal or traits.paper or kind == "Entropy"
        assert not traits.uniform_crops or isinstance(traits.input, CropGrid)
    vgg, inception = (traits_of({"type": "NIMA", "base_model_name": name}) for name in ("vgg16", "inception_resnet_v2"))
    assert (vgg.input.shorter, inception.input.shorter) == (224, 299)
    assert traits_of({"type": "MUSIQ", "pretrained": "ava"}).untrained == {"num_class": 10}
    assert traits_of({"type": "LIQE", "pretrained": "mix"}).untrained == {"mtl": True}
    face = traits_of({"type": "CFANet", "model_name": "topiq_nr_gfiqa_res50", "test_img_size": 512})
    assert not face.differentiable
    assert face.at_once == 1
