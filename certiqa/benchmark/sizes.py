"""Sizes of attack in a config: those of the command line, and multiples of sigma."""

from __future__ import annotations

from dataclasses import dataclass

from certiqa._checks import real
from certiqa.certificate import Certificate, MedianCertificate
from certiqa.errors import InputError
from certiqa.trial.size import Eps

__all__ = ["Size"]


@dataclass(frozen=True)
class Size:
    """One.

    Attributes:
        text: as the config gives it.
        of_sigma: so many sigma, behind the front end; None: see ``eps``.
        eps: in another unit.
    """

    text: str
    of_sigma: float | None
    eps: Eps | None

    @classmethod
    def parse(cls, text: object) -> Size:
        """Read it.

        Raises:
            InputError: another form, or not > 0.

        >>> Size.parse("0.5 sigma").of_sigma, Size.parse("linf:2/255").eps.unit
        (0.5, 'linf')
        """
        if not isinstance(text, str):
            raise InputError.of("at", "must be texts, as '1 sigma' or 'linf:2/255'", text)
        clean = " ".join(text.split())
        number, _, unit = clean.rpartition(" ")
        if unit == "sigma":
            try:
                times = real(float(number))
            except ValueError:
                times = None
            if times is None or times <= 0:
                raise InputError.of("at", "must be a number > 0 and 'sigma'", text, "Try '1 sigma'.")
            return cls(clean, times, None)
        eps = Eps.parse(clean, "at")
        if eps.value <= 0:
            raise InputError.of("at", "must be > 0", text)
        return cls(clean, None, eps)

    def length(self, certificate: Certificate) -> float:
        """The l2 length, in the pixels of the image as given."""
        if self.of_sigma is not None:
            if not isinstance(certificate, MedianCertificate):
                rule = f"must not be in sigma for certificates of kind {certificate.kind!r}, which have none"
                raise InputError.of("at", rule, self.text)
            return certificate.eps_for(self.of_sigma * certificate.sigma)
        return 0.0 if self.eps is None else self.eps.length(certificate.dimension)
