"""Certifier: the protocol of what makes certificates of one metric, whatever the kind of proof."""

from __future__ import annotations

from typing import Protocol

from certiqa.certificate import Certificate
from certiqa.certifiers.verdicts import Verdict
from certiqa.data.images import Picture
from certiqa.frontends import FrontEnd
from certiqa.smoothing.audit import Finding
from certiqa.smoothing.sampler import Progress

__all__ = ["Certifier"]


class Certifier(Protocol):
    """A metric with its front end and its kind of proof, every argument checked; what is above it asks nothing else.

    Whoever holds a certifier, a comparison or the command line, needs no noise level: it asks for certificates, and
    certificates answer in the pixels of the image.
    """

    @property
    def kind(self) -> str:
        """The kind of its certificates."""

    @property
    def front_end(self) -> FrontEnd:
        """What stands before the noise, or the head."""

    def check(self, picture: Picture) -> None:
        """Raise ImageError or InputError if the picture does not fit the metric or the front end; nothing is scored."""

    def audit(self, picture: Picture) -> tuple[Finding, ...]:
        """Look for what would break the proof; what is only to be reported comes back.

        Raises:
            AuditError: refused, by the names of the hazards.
            ModelError: the model raised, or returned something else than scores.
        """

    def certify(self, picture: Picture, report: Progress | None = None) -> Certificate:
        """Audit, and make the certificate of one picture.

        Raises:
            ModelError: the model failed (AuditError: not fit for this kind of proof).
        """

    def judge(
        self, certificate: Certificate, original: Picture, attacked: Picture, *, seed: int | None = None
    ) -> Verdict:
        """Put a certificate to the test of one attack: did the score leave the interval at the attack's own length?

        Args:
            certificate: one of this certifier's, of the original.
            original: the picture that was certified.
            attacked: what the attack made of it, of the same size.
            seed: of the noise that judges, which neither the certificate nor the attack may have used; None: fresh.

        Raises:
            InputError: another picture than the certified one, or another size.
            ModelError: the model failed on the attacked picture.
        """
