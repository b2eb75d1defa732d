"""Errors of a run: one line on stderr each, the other images go on, the exit code remembers."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from certiqa._counted import counted
from certiqa.errors import CertiqaError

__all__ = ["BAD_INPUT", "INTERRUPTED", "Complaints", "complain"]

BAD_INPUT = 2
INTERRUPTED = 130


def complain(problem: object, about: str = "") -> int:
    """Print one line on stderr, with the image it is about unless it says so itself; the exit code for it."""
    text, name = " ".join(str(problem).split()), " ".join(about.split())
    where = f"{name}: " if name and name not in text else ""
    print(f"certiqa: error: {where}{text}", file=sys.stderr, flush=True)
    return BAD_INPUT


class Complaints:
    """What went wrong in this run.

    Attributes:
        code: the exit code so far.
    """

    def __init__(self) -> None:
        self.code = 0

    def add(self, problem: object, about: str) -> None:
        """Print it, and remember."""
        self.code = complain(problem, about)

    def attempt(self, about: str, step: Callable[[], object]) -> None:
        """Take one step; an error that certiqa raises on purpose is printed and remembered."""
        try:
            step()
        except CertiqaError as error:
            self.add(error, about)

    def each(self, images: Sequence[str], work: Callable[[int, str], object]) -> None:
        """Work through all images, whatever happens to some of them; Ctrl-C keeps what is done."""
        for index, image in enumerate(images):
            try:
                self.attempt(image, lambda index=index, image=image: work(index, image))  # type: ignore[misc]
            except KeyboardInterrupt:
                complain(f"interrupted at {image}: {index} of {counted(len(images), 'image')} done and kept")
                self.code = INTERRUPTED
                return
