"""Readers for the field's data sets with human scores: their tables as published, their images, their splits."""

from certiqa.data.sets.dataset import DataSet
from certiqa.data.sets.facts import Facts
from certiqa.data.sets.problem import Problem
from certiqa.data.sets.record import Record
from certiqa.data.sets.registry import info, names, open_dataset

__all__ = ["DataSet", "Facts", "Problem", "Record", "info", "names", "open_dataset"]
