"""The built-in metric fine-tuned by adversarial training: an empirical defence, no proof.

>>> import torch
>>> from certiqa.metrics import load
>>> load("builtin-at", "cpu")(torch.rand(2, 3, 64, 96)).shape
torch.Size([2])
"""

from __future__ import annotations

from functools import partial

from certiqa.metrics.builtin_variant import load_variant, variant_card

__all__ = ["CARD", "load"]

CARD = variant_card(
    "builtin-at",
    "the built-in network fine-tuned by adversarial training: an empirical defence, no proof",
    "defenses",
    "fa40143aa321a43bdaf1e0c9bcd4bc3d34bf17a2019dec128e186046258184c2",
)

load = partial(load_variant, CARD)
