"""Reading a table of a config: a key that is not known or not of its kind is named, with what would do."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from certiqa._checks import real
from certiqa.errors import CertiqaError, InputError

__all__ = ["Table"]

T = TypeVar("T")
_NONE = object()


class Table:
    """One table of the config, whose keys are taken one by one; :meth:`end` refuses what nobody took.

    Args:
        data: as the TOML reader gives it.
        where: of it, as errors name it: "certificates", "defence[2]"; empty for the whole config.
        known: every key that it may have.

    Raises:
        InputError: it is no table, or has an unknown key.

    >>> table = Table({"name": "small", "seeed": 1}, "", ("name", "seed"))
    Traceback (most recent call last):
    certiqa.errors.InputError: The parameter 'seeed' must be a key of the config. Got 1 instead. Did you mean 'seed'?
    Known: name, seed.
    """

    def __init__(self, data: object, where: str, known: Sequence[str]) -> None:
        if not isinstance(data, Mapping):
            raise InputError.of(where, f"must be a table with the keys {', '.join(known)}", data)
        for key, value in data.items():
            if key not in known:
                near = difflib.get_close_matches(str(key), known, n=1, cutoff=0.5)
                hint = f"Did you mean {near[0]!r}? " if near else ""
                rule = f"must be a key of {where or 'the config'}"
                path = f"{where}.{key}" if where else str(key)
                raise InputError.of(path, rule, value, f"{hint}Known: {', '.join(known)}.")
        self._data = {key: value for key, value in data.items() if value is not None}  # TOML has no null, JSON has
        self._where = where

    def __contains__(self, key: str) -> bool:
        return key in self._data

    def path(self, key: str) -> str:
        """The key, as errors name it."""
        return f"{self._where}.{key}" if self._where else key

    def text(self, key: str, default: Any = _NONE, among: Iterable[str] | None = None) -> Any:
        """A text that is not empty; ``among``: one of these."""
        value = self._value(key, default)
        if value is default:
            return value
        if not isinstance(value, str) or not value.strip():
            raise InputError.of(self.path(key), "must be a text that is not empty", value)
        if among is not None and value not in (names := sorted(among)):
            near = difflib.get_close_matches(value, names, n=1, cutoff=0.5)
            hint = f"Did you mean {near[0]!r}?" if near else ""
            raise InputError.of(self.path(key), f"must be one of {', '.join(map(repr, names))}", value, hint)
        return value

    def count(self, key: str, default: Any = _NONE, least: int = 1) -> Any:
        """A whole number, at least ``least``."""
        value = self._value(key, default)
        if value is default:
            return value
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise InputError.of(self.path(key), f"must be a whole number >= {least}", value)
        return value

    def number(self, key: str, default: Any = _NONE) -> Any:
        """A finite number."""
        value = self._value(key, default)
        if value is default:
            return value
        found = real(value)
        if found is None:
            raise InputError.of(self.path(key), "must be a finite number", value)
        return found

    def switch(self, key: str, default: bool) -> bool:
        """true or false."""
        value = self._value(key, default)
        if not isinstance(value, bool):
            raise InputError.of(self.path(key), "must be true or false", value)
        return value

    def values(self, key: str, check: Callable[[Any], T], default: Any = _NONE, least: int = 0) -> Any:
        """A list; each value through ``check``, none twice."""
        value = self._value(key, default)
        if value is default:
            return value
        if not isinstance(value, list | tuple) or len(value) < least:
            words = "a list" if not least else f"a list of {least} at least"
            raise InputError.of(self.path(key), f"must be {words}", value)
        found = [self.checked(f"{key}[{number}]", check, one) for number, one in enumerate(value, 1)]
        for number, one in enumerate(found):
            if one in found[:number]:
                raise InputError.of(self.path(key), "must not hold a value twice", str(value[number]))
        return tuple(found)

    def tables(self, key: str, read: Callable[[Any, str], T], least: int = 1) -> tuple[T, ...]:
        """A list of tables, [[key]], each read by ``read(data, where)``."""
        value = self._value(key, ())
        if not isinstance(value, list | tuple) or len(value) < least:
            raise InputError.of(self.path(key), f"must be {least} table{'s' * (least > 1)} at least, [[{key}]]", value)
        return tuple(read(one, f"{self.path(key)}[{number}]") for number, one in enumerate(value, 1))

    def checked(self, key: str, check: Callable[[Any], T], value: Any) -> T:
        """``check(value)``, whose complaint is told with the place in the config."""
        try:
            return check(value)
        except CertiqaError as error:
            raise InputError(f"{self.path(key)}: {error}") from None

    def get(self, key: str, default: Any = _NONE) -> Any:
        """The bare value."""
        return self._value(key, default)

    def _value(self, key: str, default: Any) -> Any:
        if key in self._data:
            return self._data[key]
        if default is _NONE:
            raise InputError.of(self.path(key), "must be given", None)
        return default
