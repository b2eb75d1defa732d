"""LinearityIQA: a ResNeXt-101 that is trained to be linear in the human scores, by the norm-in-norm loss.

Li, Jiang, Jiang: Norm-in-Norm Loss with Faster Convergence and Better Performance for Image Quality Assessment, ACM
Multimedia 2020 (arXiv:2008.03889). Written anew after the authors' repository, from which no code is taken; equations
are cited by number only where the repository gives the number.

No weights ship with certiqa; the licence of the published ones is not stated. :func:`load` takes a checkpoint that
https://github.com/lidq92/LinearityIQA links to (``p1q2.pth``, ``p1q2plus0.1variant.pth``), or one of that format that
was trained with the loss here.

Importing this loads torch only; building the network needs timm: pip install 'certiqa[linearityiqa]'.
"""

from certiqa.metrics.linearityiqa.checkpoint import Checkpoint, from_checkpoint, read_checkpoint, to_checkpoint
from certiqa.metrics.linearityiqa.linear_map import LinearMap, fit_linear_map
from certiqa.metrics.linearityiqa.loading import load, load_linearityiqa
from certiqa.metrics.linearityiqa.network import CARD, LinearityIQA, Predictions
from certiqa.metrics.linearityiqa.norm_in_norm import branch_loss, norm_in_norm_loss
from certiqa.metrics.linearityiqa.pooling import POOLS, pyramid_pool

__all__ = [
    "CARD",
    "POOLS",
    "Checkpoint",
    "LinearMap",
    "LinearityIQA",
    "Predictions",
    "branch_loss",
    "fit_linear_map",
    "from_checkpoint",
    "load",
    "load_linearityiqa",
    "norm_in_norm_loss",
    "pyramid_pool",
    "read_checkpoint",
    "to_checkpoint",
]
