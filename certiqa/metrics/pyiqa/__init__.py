"""The no-reference metrics of the package pyiqa, as ``pyiqa:NAME``: an adapter, to be used with the extra ``[pyiqa]``.

pyiqa is not a part of certiqa, and is published for noncommercial use only; its licence is that of the metric's card.
Listing names and reading cards does not import it. The package unpickles the weights that it downloads, so loading a
metric trusts its hub; a file given as ``weights=`` is read without unpickling code.

What the adapter looks after is said in :class:`certiqa.metrics.pyiqa.metric.PyiqaMetric`; what is known of single
metrics (crops, resizes, one image at a time, no gradient) stands in :mod:`certiqa.metrics.pyiqa.traits`.
"""

from certiqa.metrics.pyiqa.build import load
from certiqa.metrics.pyiqa.catalogue import card, names

__all__ = ["card", "load", "names"]
