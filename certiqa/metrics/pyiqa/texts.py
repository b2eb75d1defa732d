"""LIQE compares an image with texts; pyiqa computes their features once, and keeps them in a file.

The name of that file does not say of which weights they are: any LIQE but the published ``liqe_mix`` reads, or writes,
``liqe_text_feat.pt``, also one that is built without weights, or for more texts. And they are no part of the state
dictionary, so weights that are put in later leave them as they were.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import torch
from torch import nn

from certiqa.errors import ModelError
from certiqa.metrics.pyiqa.catalogue import PACKAGE

__all__ = ["no_text_cache", "settle_texts"]

_FOLDER = "DEFAULT_CACHE_DIR"


@contextmanager
def no_text_cache() -> Iterator[None]:
    """Inside, LIQE finds no text features on disk, and leaves none there. Not for several threads at once.

    Raises:
        ModelError: the installed pyiqa keeps them elsewhere.
    """
    module: Any = import_module(f"{PACKAGE}.archs.liqe_arch")
    if not isinstance(getattr(module, _FOLDER, None), str):
        raise _unknown()
    with tempfile.TemporaryDirectory() as folder:
        before = getattr(module, _FOLDER)
        setattr(module, _FOLDER, folder)
        try:
            yield
        finally:
            setattr(module, _FOLDER, before)


def settle_texts(net: nn.Module, *, renew: bool) -> None:
    """Let the features of the texts be those of the weights (``renew``), and let the texts themselves go.

    A network that found its features on disk has no texts: without them in either, both have one fingerprint.

    Raises:
        ModelError: the installed pyiqa computes them in another way.
    """
    if renew:
        texts, encode = getattr(net, "joint_texts", None), getattr(net, "get_text_features", None)
        if not isinstance(texts, torch.Tensor) or not callable(encode) or not hasattr(net, "text_features"):
            raise _unknown()
        with torch.no_grad():
            net.text_features = encode(texts.to(next(net.parameters()).device))
    vars(net).pop("joint_texts", None)


def _unknown() -> ModelError:
    return ModelError("LIQE of the installed pyiqa does not keep its text features as certiqa knows it.")
