"""Heads: networks that score the numbers of a front end, trained under the noise that certifies them.

>>> import torch
>>> from certiqa.heads import Head, HeadShape
>>> Head(HeadShape(inputs=5, hidden=4))(torch.zeros(2, 5)).tolist()
[50.0, 50.0]
"""

from certiqa.heads.config import HeadConfig
from certiqa.heads.examples import Examples, from_datasets
from certiqa.heads.files import read_head, write_head
from certiqa.heads.network import Head, HeadShape
from certiqa.heads.training import train

__all__ = ["Examples", "Head", "HeadConfig", "HeadShape", "from_datasets", "read_head", "train", "write_head"]
