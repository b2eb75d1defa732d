"""Front ends by name, as a certificate's JSON spells them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from certiqa.errors import InputError
from certiqa.frontends.base import FrontEnd
from certiqa.frontends.energies import Energies
from certiqa.frontends.identity import Identity
from certiqa.frontends.learned import Learned
from certiqa.frontends.resize import Resize

__all__ = ["from_dict", "register"]

_Maker = Callable[[Mapping[str, Any]], FrontEnd]


def _resize(data: Mapping[str, Any]) -> FrontEnd:
    given = data["resolution"]
    return Resize(tuple(given) if isinstance(given, list) else given)


_makers: dict[str, _Maker] = {
    Energies.name: Energies.from_dict,
    Identity.name: lambda data: Identity(),
    Learned.name: Learned.from_dict,
    Resize.name: _resize,
}


def register(name: str, make: _Maker) -> None:
    """Let certificates behind a front end of one's own be read back: ``make(to_dict())`` must give it again.

    Raises:
        InputError: the name is taken.
    """
    if name in _makers:
        raise InputError.of("name", "must be one that no front end has yet", name)
    _makers[name] = make


def from_dict(data: Mapping[str, Any]) -> FrontEnd:
    """The front end whose :meth:`~FrontEnd.to_dict` this is.

    Raises:
        InputError: no front end of that name, or a parameter breaks its rule.

    >>> from_dict({"name": "resize", "resolution": 96})
    Resize(resolution=96)
    """
    name = data.get("name")
    if not isinstance(name, str) or name not in _makers:
        remedy = "certiqa.frontends.register makes your own known."
        raise InputError.of("front_end", f"must be one of {', '.join(sorted(_makers))}", name, remedy)
    try:
        found = _makers[name](data)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError.of("front_end", f"must have the parameters of {name!r} ({error!r})", dict(data)) from error
    if found.to_dict() != dict(data):
        raise InputError.of("front_end", f"must have the parameters of {name!r}, and no others", dict(data))
    return found
