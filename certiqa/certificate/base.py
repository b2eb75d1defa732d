"""Certificate: what every kind of proof about one image's score answers, says and stores."""

from __future__ import annotations

import dataclasses
import json
import math
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from certiqa import _checks as check
from certiqa.certificate.interval import Curve, Interval
from certiqa.certificate.kinds import from_dict, from_json, kind_of
from certiqa.certificate.provenance import Provenance
from certiqa.certificate.words import Row, front_end_lines, table_lines
from certiqa.errors import InputError
from certiqa.frontends import SizedFrontEnd
from certiqa.statistics import percentile
from certiqa.statistics.statements import Side, Statement

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Certificate"]


class Certificate(ABC):
    """What was proved about one image, whatever the kind of proof.

    The guarantee, in every kind: except with probability :attr:`failure_probability`, for every change delta of the
    image with ||delta||_2 <= eps, the score at x + delta lies in ``bounds(eps)`` and differs from the score at x by at
    most ``tau(eps)``. Every eps is an l2 length in the pixels of the image as it was given, intensities in [0, 1],
    whatever front end stands before the score.

    Certificates are made by :func:`certiqa.certify`. The kinds:
    :class:`~certiqa.certificate.MedianCertificate` and :class:`~certiqa.certificate.LipschitzCertificate`.

    Attributes:
        kind: name of the kind of proof, as JSON spells it.
        alpha: failure probability that was asked for; 0 for a proof without chance.
        side: "both"; "upper" (only rises are bounded) or "lower".
        shape: (3, H, W) of the image as it was given.
        front_end: what stands between the image and the noise, or the head, with its Lipschitz constant.
        output_range: (lowest, highest) score, enforced; None if unknown.
        range_enforced_by: "model", "certiqa" (scores are clamped) or None.
        lower_better: direction of the metric; None if unknown.
        assumptions: what the proof takes for granted, in words.
        method: how the score is made, in words.
        provenance: where it all comes from.
    """

    kind: ClassVar[str]
    scored: ClassVar[str] = "score"
    """What the intervals are of, in a word."""

    alpha: float
    side: Side
    at: float | None
    shape: tuple[int, int, int]
    front_end: SizedFrontEnd
    output_range: tuple[float, float] | None
    range_enforced_by: str | None
    lower_better: bool | None
    assumptions: tuple[str, ...]
    method: str
    provenance: Provenance

    # -- what is proved -----------------------------------------------------------------------------------------------

    @property
    @abstractmethod
    def score(self) -> float:
        """The score of the image as it is printed."""

    @property
    @abstractmethod
    def n(self) -> int:
        """Number of scores that it rests on; 0 for a proof without sampling."""

    @property
    def failures(self) -> int:
        """How many of these scores were NaN."""
        return 0

    @property
    def failure_probability(self) -> float:
        """With which probability an answer may be false, over the noise of the certificate; 0: never."""
        return self.alpha

    @abstractmethod
    def bounds(self, eps: float | None = None) -> Interval:
        """The interval that no attack of l2 length <= eps can make the score leave."""

    @abstractmethod
    def tau(self, eps: float | None = None, *, statement: Statement = "drift") -> float:
        """The largest change of the score that an attack of l2 length <= eps can cause (tau-closeness)."""

    @abstractmethod
    def radius(self, tau: float, *, statement: Statement = "drift") -> float:
        """The largest eps whose certified change is at most tau."""

    @abstractmethod
    def largest_eps(self) -> float:
        """The eps up to which more is proved than the enforced range."""

    @abstractmethod
    def curve(self, eps: npt.ArrayLike | None = None, *, points: int = 129) -> Curve:
        """Bounds and tau for many eps; all of it holds at once."""

    @property
    def dimension(self) -> int:
        """Number of values of the image as it was given, 3HW."""
        return math.prod(self.shape)

    def eps_for(self, radius: float) -> float:
        """The eps, in the image's own pixels, that an l2 radius behind the front end covers.

        Without a front end the two are the same.
        """
        return self.front_end.before(check.check_eps(radius, "radius"))

    def psnr(self, eps: float) -> float:
        """PSNR in dB of an attack of length eps on this image."""
        return percentile.psnr_db(check.check_eps(eps), self.dimension)

    def _grid(self, eps: npt.ArrayLike | None, end: float, points: int) -> npt.NDArray[np.float64]:
        """The radii of a curve: as given, or ``points`` from 0 to a little beyond ``end``."""
        if eps is None:
            check.check_count(points, "points", 2)
            return np.linspace(0.0, 1.1 * end, points)
        return np.array([check.check_eps(e) for e in np.atleast_1d(np.asarray(eps)).tolist()])

    def named(self, image: str) -> Self:
        """The same certificate, with another name of its image in the provenance."""
        provenance = dataclasses.replace(self.provenance, image=image)
        return dataclasses.replace(self, provenance=provenance)  # type: ignore[type-var]  # every kind is a dataclass

    # -- words, files, figures ----------------------------------------------------------------------------------------

    def rows(self, eps: tuple[float, ...] = ()) -> list[Row]:
        """The answers at these eps (default: a few that suit the certificate), as the words and tables show them."""
        return kind_of(self.kind).rows(self, eps)

    def score_words(self) -> list[str]:
        """What the score is and how it was made, in lines of text."""
        return kind_of(self.kind).score_lines(self)

    def guarantee_words(self) -> str:
        """The guarantee, with its failure probability."""
        return kind_of(self.kind).guarantee_words(self)

    def nothing_proved(self, shown: list[Row]) -> str | None:
        """That nothing is proved at any eps of these rows, and what would do; None if something is."""
        return kind_of(self.kind).nothing_proved(self, shown)

    def notes(self, shown: list[Row]) -> list[str]:
        """What has to be said below a table of these rows."""
        return kind_of(self.kind).notes(self, shown)

    def header_lines(self) -> list[str]:
        """Which image, which metric, which score, behind which front end."""
        p, (_, height, width) = self.provenance, self.shape
        model = p.model + (f" behind {p.denoiser}" if p.denoiser else "")
        title = f"{p.image} ({width}x{height}) under {model}"
        return [title, *self.score_words(), *front_end_lines(self.front_end)]

    def __str__(self) -> str:
        shown = self.rows()
        head = [*self.header_lines(), self.guarantee_words()]
        return "\n".join([*head, "", *table_lines(shown, self.scored), "", *self.notes(shown)])

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Certificate):
            return NotImplemented
        return self.to_dict() == other.to_dict()

    @abstractmethod
    def __hash__(self) -> int: ...

    def to_dict(self, *, reveal_seed: bool = False) -> dict[str, Any]:
        """Plain data with full provenance that JSON can hold; the seed of the noise only if ``reveal_seed``."""
        return kind_of(self.kind).write(self, reveal_seed)

    def to_json(self, path: str | Path | None = None, *, reveal_seed: bool = False) -> str:
        """The certificate as JSON text; with ``path``, written there too.

        Raises:
            InputError: ``path`` cannot be written; the certificate is as it was.
        """
        text = json.dumps(self.to_dict(reveal_seed=reveal_seed), indent=1, allow_nan=False)
        if path is not None:
            try:
                Path(path).write_text(text + "\n", encoding="utf-8")
            except OSError as error:
                rule = f"must be a file that can be written ({error.strerror or error})"
                raise InputError.of("path", rule, str(path), "Make its folder first, or name another.") from error
        return text

    @staticmethod
    def from_dict(data: object) -> Certificate:
        """The inverse of :meth:`to_dict`, for every kind; recomputes what it states, and refuses contradictions.

        That finds accidents and careless edits. It is no signature: who writes new scores writes a new certificate.

        Raises:
            CertificateError: not a certificate, of a newer format or an unknown kind, incomplete, or contradictory.
        """
        found: Certificate = from_dict(data)
        return found

    @staticmethod
    def from_json(source: str | Path) -> Certificate:
        """Read a certificate from JSON text, or from a file (a :class:`~pathlib.Path`, or a string that is no JSON).

        Raises:
            CertificateError: as :meth:`from_dict`, or the file cannot be read.
        """
        found: Certificate = from_json(source)
        return found

    def plot(self, axes: tuple[Axes, Axes] | None = None) -> Figure:
        """Draw the interval against eps, and what it rests on; needs the extra [plots].

        Args:
            axes: two matplotlib axes to draw on; default: a new figure, not shown (use ``savefig``).

        Raises:
            MissingExtraError: matplotlib is not installed.
        """
        figure: Figure = kind_of(self.kind).plot(self, axes)
        return figure
