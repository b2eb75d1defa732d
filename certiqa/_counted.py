"""A number with its noun, in the singular where it is one."""

from __future__ import annotations

__all__ = ["counted"]


def counted(number: int, one: str, many: str = "") -> str:
    """So many of them; ``many`` is the plural where it is not made by an s.

    >>> counted(1, "image"), counted(0, "image"), counted(2, "process", "processes")
    ('1 image', '0 images', '2 processes')
    """
    return f"{number} {one if number == 1 else many or one + 's'}"
