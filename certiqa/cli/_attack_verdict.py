"""``--certify``: the certificate of the clean image, put to the test by the attack."""

from __future__ import annotations

from typing import Any

from certiqa.certifiers.verdicts import Verdict
from certiqa.data.images import Picture, read_image
from certiqa.errors import InputError
from certiqa.evaluation.alarms import soundness_of
from certiqa.trial.attacked import Attacked
from certiqa.trial.defended import Defended

__all__ = ["Verdicts", "scores_for"]


class Verdicts:
    """What became of each image's certificate; nothing, if ``n`` is None.

    Args:
        n: scores of each certificate, and fresh scores at each attacked image.
        seed: of the certificate's noise, which the attack never sees.
    """

    def __init__(self, n: int | None, seed: int) -> None:
        self._n, self._seed = n, seed
        self._found: list[Verdict] = []

    def judge(self, target: Defended, clean: Picture, found: Attacked) -> dict[str, Any] | None:
        """The verdict on one attacked 8-bit image as JSON, at the attack's own length.

        Raises:
            CertiqaError: the image cannot be certified.
        """
        if self._n is None:
            return None
        certifier = target.certifier(self._n, self._seed)
        one = certifier.judge(certifier.certify(clean), clean, read_image(found.result.quantised), n=self._n)
        self._found.append(one)
        return {**one.to_dict(), "words": one.words()}

    def lines(self) -> list[str]:
        """One line an image, and the count."""
        if not self._found:
            return []
        return [*(f"certificate {one.words()}" for one in self._found), soundness_of(self._found).words()]

    def check(self) -> None:
        """Nothing.

        Raises:
            SoundnessAlarm: more certificates failed than their failure probability explains.
        """
        if self._found:
            soundness_of(self._found).check()


def scores_for(certify: bool, sigma: float | None, n: int) -> int | None:
    """How many scores; None without --certify.

    Raises:
        InputError: there is no noise to certify under, or too few scores.
    """
    if not certify:
        return None
    if sigma is None:
        raise InputError.of("--certify", "must come with --sigma: certificates are of smoothed metrics", True)
    if n < 100:
        raise InputError.of("--n", "must be 100 at least with --certify", n, "Try --n 1000.")
    return n
