"""What certiqa knows of pyiqa's networks, from reading the source of pyiqa 0.1.16; by network type, as data.

Randomness and coupling, from the same reading: in eval mode no network draws random numbers while it scores, except
that ``compare2score`` sets the global generators of torch and NumPy to fixed states at every call. Networks that accept
exactly one image are given one at a time, so their scores cannot depend on a batch. Neither is taken on trust: the
audit of certiqa.certify looks at the scores themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from certiqa.metrics.policy import AnySize, CropGrid, InputPolicy, Resized

__all__ = ["Traits", "traits_of"]

_ANY = AnySize()


@dataclass(frozen=True)
class Traits:
    """Facts of one network that pyiqa's own configuration does not state.

    Attributes:
        paper: where it comes from.
        input: what it does with the image's size.
        at_once: how many images it may be given together; None: any number. 1 where pyiqa accepts one image, or where
            the crops of one image already fill a batch.
        differentiable: whether gradients reach the image.
        uniform_crops: whether its crops are those of pyiqa's uniform_crop (certiqa.metrics.pyiqa.crops).
        note: what a user should know, in a few words.
        refusal: why certiqa cannot use it; empty if it can.
        untrained: options that pyiqa derives from the name of the published weights, for a weight file of one's own.
        texts: whether it keeps features of texts, computed from its weights (certiqa.metrics.pyiqa.texts).
        texts_on_disk: whether the file in which pyiqa keeps them is of the published weights for certain.
    """

    paper: str = ""
    input: InputPolicy = _ANY
    at_once: int | None = None
    differentiable: bool = True
    uniform_crops: bool = False
    note: str = ""
    refusal: str = ""
    untrained: Mapping[str, Any] = field(default_factory=dict)
    texts: bool = False
    texts_on_disk: bool = False


_NO_GRADIENT = "no gradient reaches the image"
_ONE_NO_GRADIENT: dict[str, Any] = {"at_once": 1, "differentiable": False, "note": f"one at a time; {_NO_GRADIENT}"}
_SET = "scores a set of images, not one image"


def _uniform_crops(paper: str, count: int) -> Traits:
    note = "an image of exactly 224x224 is scored as it is, where pyiqa enlarges it and takes equal crops"
    return Traits(paper, CropGrid(224, count, 1), at_once=1, uniform_crops=True, note=note)


def _center(paper: str, shorter: int, mode: Any = "bilinear") -> Traits:
    return Traits(paper, Resized(None, None, shorter, mode, True), note="then the central square")


_TYPES: dict[str, Traits] = {
    "AFINE": Traits(
        "Chen et al., Toward Generalized Image Quality Assessment, CVPR 2025",
        AnySize(32),
        at_once=1,
        differentiable=False,
        note=f"height and width must be multiples of 32; one at a time; {_NO_GRADIENT}",
    ),
    "ARNIQA": Traits("Agnolucci et al., WACV 2024", AnySize(32)),
    "BRISQUE": Traits("Mittal, Moorthy, Bovik, IEEE Transactions on Image Processing 21(12), 2012"),
    "CFANet": Traits("Chen et al., TOPIQ, IEEE Transactions on Image Processing, 2024", AnySize(32)),
    "CLIPIQA": Traits("Wang, Chan, Loy, AAAI 2023", AnySize(32)),
    "CLIPScore": Traits("Hessel et al., EMNLP 2021", refusal="compares an image with a caption"),
    "CNNIQA": Traits("Kang et al., CVPR 2014", AnySize(7)),
    "Compare2Score": Traits(
        "Zhu et al., NeurIPS 2024",
        at_once=1,
        differentiable=False,
        note=f"sets the global random generators, which the adapter puts back; one at a time; {_NO_GRADIENT}",
    ),
    "DBCNN": Traits(
        "Zhang et al., IEEE Transactions on Circuits and Systems for Video Technology 30(1), 2018", AnySize(16)
    ),
    "Entropy": Traits("", differentiable=False, note=f"a histogram; {_NO_GRADIENT}"),
    "FGResQ": Traits("arXiv 2508.14475", Resized(256, 256, None, "bilinear", False), note="then the central square"),
    "FID": Traits("Heusel et al., NeurIPS 2017", refusal=_SET),
    "HyperNet": _uniform_crops("Su et al., CVPR 2020", 25),
    "ILNIQE": Traits(
        "Zhang, Zhang, Bovik, IEEE Transactions on Image Processing 24(8), 2015",
        note="resized to 524x524 by a bicubic of its own",
    ),
    "InceptionScore": Traits("Salimans et al., NeurIPS 2016", refusal=_SET),
    "LAIONAes": _center("github.com/christophschuhmann/improved-aesthetic-predictor", 224, "bicubic"),
    "LIQE": Traits("Zhang et al., CVPR 2023", CropGrid(224, 15, 224), texts=True),
    "MACLIP": Traits("github.com/zhix000/MA-CLIP", AnySize(224), at_once=1, note="needs a GPU; one at a time"),
    "MANIQA": _uniform_crops("Yang et al., CVPR Workshops 2022", 20),
    "MUSIQ": Traits("Ke et al., ICCV 2021"),
    "MetaIQA": Traits("Zhu et al., CVPR 2020", Resized(224, 224, None, "bilinear", False)),
    "NIMA": _center("Talebi, Milanfar, IEEE Transactions on Image Processing 27(8), 2018", 299),
    "NIQE": Traits("Mittal, Soundararajan, Bovik, IEEE Signal Processing Letters 20(3), 2013", CropGrid(96, None, 96)),
    "NRQM": Traits(
        "Ma et al., Computer Vision and Image Understanding 158, 2017",
        differentiable=False,
        note=f"random forests; {_NO_GRADIENT}",
    ),
    "PAQ2PIQ": Traits("Ying et al., CVPR 2020", AnySize(32)),
    "PI": Traits("Blau et al., ECCV Workshops 2018", AnySize(104), note="its part NRQM gives no gradient"),
    "PIQE": Traits(
        "Venkatanath et al., National Conference on Communications 2015",
        AnySize(16),
        differentiable=False,
        note=f"rounds to whole grey levels first; {_NO_GRADIENT}",
    ),
    "QAlign": Traits("Wu et al., ICML 2024", **_ONE_NO_GRADIENT),
    "QReAlign": Traits("github.com/Q-Future/Q-ReAlign", **_ONE_NO_GRADIENT),
    "QualiCLIP": Traits("Agnolucci et al., arXiv 2403.11176", AnySize(32)),
    "TReS": _uniform_crops("Golestaneh, Dadsetan, Kitani, WACV 2022", 50),
    "UNIQUE": Traits("Zhang et al., IEEE Transactions on Image Processing 30, 2021", AnySize(32)),
    "URanker": Traits("Guo et al., AAAI 2023", note="the gradient leaves out its histogram"),
    "WaDIQaM": Traits("Bosse et al., IEEE Transactions on Image Processing 27(1), 2018", CropGrid(32, None, 33)),
}

_FACE = Traits(_TYPES["CFANet"].paper, **{**_ONE_NO_GRADIENT, "note": f"needs a face; one at a time; {_NO_GRADIENT}"})
_SWIN = Traits(_TYPES["CFANet"].paper, Resized(384, 384, None, "bilinear", True))


def _topiq(options: Mapping[str, Any]) -> Traits:
    if "gfiqa" in options.get("model_name", ""):
        return _FACE
    if "swin" in options.get("semantic_model_name", ""):
        return _SWIN
    size = options.get("test_img_size")
    known = _TYPES["CFANet"]
    return Traits(known.paper, Resized(None, None, int(size), "bilinear", True)) if size else known


def traits_of(options: Mapping[str, Any]) -> Traits:
    """What is known of the network that these options of pyiqa (``metric_opts``) build; nothing, for an unknown type.

    >>> str(traits_of({"type": "HyperNet"}).input)
    '25 crops of 224x224, from 1x1'
    >>> str(traits_of({"type": "CFANet", "test_img_size": 384}).input)
    'resized to shorter side 384 (bilinear, antialias)'
    """
    kind = str(options.get("type", ""))
    if kind == "CFANet":
        return _topiq(options)
    known = _TYPES.get(kind, Traits())
    if kind == "NIMA" and options.get("base_model_name") == "vgg16":
        return _center(known.paper, 224)
    if kind == "MUSIQ" and options.get("pretrained") == "ava":
        return replace(known, untrained={"num_class": 10})
    if kind == "LIQE" and options.get("pretrained") == "mix":
        return replace(known, untrained={"mtl": True}, texts_on_disk=True)
    return known
