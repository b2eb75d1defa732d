"""Errors of a run: one line on stderr each, the other images go on, the exit code remembers.

A stdout that cannot be written to ends the run: nobody could read the rest.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, TextIO, TypeVar

from certiqa._counted import counted
from certiqa.errors import CertiqaError

__all__ = ["BAD_INPUT", "INTERRUPTED", "Complaints", "Watched", "complain", "warn"]

BAD_INPUT = 2
INTERRUPTED = 130
T = TypeVar("T")


def complain(problem: object, about: str = "") -> int:
    """Print one line on stderr, with the image it is about unless it says so itself; the exit code for it."""
    text, name = " ".join(str(problem).split()), " ".join(about.split())
    where = f"{name}: " if name and name not in text else ""
    print(f"certiqa: error: {where}{text}", file=sys.stderr, flush=True)
    return BAD_INPUT


def warn(text: str) -> None:
    """Print one line on stderr that is no error."""
    print(f"certiqa: warning: {text}", file=sys.stderr, flush=True)


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


class Watched:
    """A text stream that remembers why it could not be written to: from then on an OSError is known to be its own.

    Attributes:
        lost: the first error; None if there was none.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.lost: OSError | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write, or remember why not."""
        return self._remembering(lambda: self._stream.write(text))

    def flush(self) -> None:
        """Flush, or remember why not."""
        self._remembering(self._stream.flush)

    def _remembering(self, step: Callable[[], T]) -> T:
        try:
            return step()
        except OSError as error:
            self.lost = self.lost or error
            raise

    def ended(self) -> int | None:
        """The exit code if it could not be written to, with the one line that says so; None if all was written.

        A reader that went away, as head does, has what it wanted: that is left as it is.
        """
        with contextlib.suppress(OSError):  # it is remembered
            self.flush()
        if self.lost is None or isinstance(self.lost, BrokenPipeError):
            return None
        os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())  # for what is left, when Python exits
        why = self.lost.strerror or self.lost
        return complain(
            f"stdout cannot be written to ({why}): the run ends here, and files that were saved before are kept. "
            "Send stdout to a place with room."
        )
