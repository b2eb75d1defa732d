"""What every training is given: a precision, data sets."""

from __future__ import annotations

from certiqa.data.sets import names, open_dataset
from certiqa.data.sets.dataset import DataSet
from certiqa.errors import InputError

__all__ = ["bfloat16", "named_dataset", "no_dataset"]


def bfloat16(precision: str) -> bool:
    """Whether ``--precision`` says so.

    Raises:
        InputError: it is neither bfloat16 nor float32.
    """
    if precision not in ("bfloat16", "float32"):
        raise InputError.of("--precision", "must be bfloat16 or float32", precision)
    return precision == "bfloat16"


def named_dataset(text: str) -> DataSet | None:
    """The data set of NAME:DIR; None if the text has another form or no data set has the name.

    Raises:
        CertiqaError: it is not whole.
    """
    name, colon, root = text.partition(":")
    return open_dataset(name, root) if colon and name.casefold() in names() else None


def no_dataset(rule: str, text: str) -> InputError:
    """``--data`` breaks its rule; the data sets are listed."""
    return InputError.of("--data", rule, text, f"Data sets: {', '.join(names())}.")
