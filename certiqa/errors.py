"""Every exception that certiqa raises on purpose.

The tree::

    CertiqaError
    ├── InputError (ValueError)            an argument breaks a rule: names parameter, rule, value and remedy
    │   ├── ImageError                     an image cannot be read, or is not an RGB image in range
    │   └── UnknownNameError               no metric, sample or option of that name; near names are suggested
    ├── ModelError (RuntimeError)          the metric (or denoiser) that was plugged in misbehaves
    │   ├── GradientError                  an attack needs the gradient of a score, and the model gives none
    │   ├── ModelOutputError               wrong shape, not finite, on another device, not a real number
    │   └── AuditError                     not fit to be smoothed: carries the hazards by name
    ├── WeightsError (RuntimeError)        a weight file is missing or not the one whose hash is on record
    ├── CertificateError (ValueError)      a stored certificate cannot be read, or contradicts itself
    ├── DataError (ValueError)             a data set on disk cannot be used as it is: carries all its problems
    ├── SoundnessAlarm (RuntimeError)      more certificates failed under attack than alpha explains: carries the count
    └── MissingExtraError (ImportError)    an optional package is not installed: the exact install line

Catch :class:`CertiqaError` to catch them all.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

__all__ = [
    "AuditError",
    "CertificateError",
    "CertiqaError",
    "DataError",
    "GradientError",
    "ImageError",
    "InputError",
    "MissingExtraError",
    "ModelError",
    "ModelOutputError",
    "SoundnessAlarm",
    "UnknownNameError",
    "WeightsError",
]


class CertiqaError(Exception):
    """Base of all errors that certiqa raises on purpose."""


class InputError(CertiqaError, ValueError):
    """An argument breaks a rule."""

    @classmethod
    def of(cls, parameter: str, rule: str, value: object, remedy: str = "") -> InputError:
        """Build the message in the house form: parameter, rule, value, remedy.

        >>> print(InputError.of("sigma", "must be a finite number > 0", -1, "Try sigma=0.12."))
        The parameter 'sigma' must be a finite number > 0. Got -1 instead. Try sigma=0.12.
        """
        shown = (
            repr(value) if isinstance(value, str | int | float | tuple | list | type(None)) else type(value).__name__
        )
        shown = shown if len(shown) <= 120 else shown[:117] + "..."
        return cls(f"The parameter {parameter!r} {rule}. Got {shown} instead.{' ' + remedy if remedy else ''}")


class ImageError(InputError):
    """An image cannot be read, or is not an RGB image in range."""


class UnknownNameError(InputError):
    """Nothing of that name is known."""

    @classmethod
    def among(cls, kind: str, name: str, known: Iterable[str]) -> UnknownNameError:
        """Name what was asked for, the nearest known names, and all of them.

        >>> print(UnknownNameError.among("model", "bultin", ["builtin"]))
        Unknown model 'bultin'. Did you mean 'builtin'? Known: builtin.
        """
        names = sorted(known)
        near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
        hint = f" Did you mean {' or '.join(repr(n) for n in near)}?" if near else ""
        return cls(f"Unknown {kind} {name!r}.{hint} Known: {', '.join(names) or 'none'}.")


class ModelError(CertiqaError, RuntimeError):
    """The metric or denoiser that was plugged in misbehaves."""


class GradientError(ModelError):
    """The score does not hang on the image by a graph: an attack that needs its gradient has nothing to follow."""


class ModelOutputError(ModelError):
    """A score has the wrong shape, is not finite, or lies on another device."""


class AuditError(ModelError):
    """The model is not fit to be smoothed.

    Attributes:
        hazards: the names of the hazards found (see :mod:`certiqa.smoothing.audit`).
    """

    def __init__(self, message: str, hazards: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.hazards = hazards


class WeightsError(CertiqaError, RuntimeError):
    """A weight file is missing or is not the one whose hash is on record."""


class CertificateError(CertiqaError, ValueError):
    """A stored certificate cannot be read, or contradicts itself."""


class DataError(CertiqaError, ValueError):
    """A data set on disk cannot be used as it is; everything that is wrong is said at once.

    Attributes:
        problems: all of them (see :mod:`certiqa.data.sets.problem`).
    """

    def __init__(self, message: str, problems: tuple[Any, ...] = ()) -> None:
        super().__init__(message)
        self.problems = problems


class SoundnessAlarm(CertiqaError, RuntimeError):  # noqa: N818
    """More certificates failed under attack than their failure probability explains.

    Attributes:
        found: the :class:`certiqa.evaluation.Soundness` that says so.
    """

    def __init__(self, message: str, found: Any) -> None:
        super().__init__(message)
        self.found = found


class MissingExtraError(CertiqaError, ImportError):
    """An optional package is not installed."""

    @classmethod
    def of(cls, package: str, extra: str, purpose: str) -> MissingExtraError:
        """Say what is missing, what for, and the exact line that installs it.

        >>> print(MissingExtraError.of("matplotlib", "plots", "plot()"))
        plot() needs the package 'matplotlib', which is not installed. Run: pip install 'certiqa[plots]'
        """
        return cls(
            f"{purpose} needs the package {package!r}, which is not installed. Run: pip install 'certiqa[{extra}]'"
        )
