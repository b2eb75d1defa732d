"""The built-in metric fine-tuned with NT, the gradient-norm penalty of arXiv 2403.11397: an empirical defence.

>>> import torch
>>> from certiqa.metrics import load
>>> load("builtin-nt", "cpu")(torch.rand(2, 3, 64, 96)).shape
torch.Size([2])
"""

from __future__ import annotations

from functools import partial

from certiqa.metrics.builtin_variant import load_variant, variant_card

__all__ = ["CARD", "load"]

CARD = variant_card(
    "builtin-nt",
    "the built-in network fine-tuned with NT (gradient-norm penalty): an empirical defence, no proof",
    "defenses",
    "3494563260656066a4eeec76ffb5382792337e9ecb7964b91940f814f9ec0c44",
)

load = partial(load_variant, CARD)
