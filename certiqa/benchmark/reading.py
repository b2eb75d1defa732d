"""A config from a TOML file, or one of those that ship with the package."""

from __future__ import annotations

import tomllib
from importlib import resources
from pathlib import Path

from certiqa.benchmark.config import Config
from certiqa.errors import InputError, UnknownNameError

__all__ = ["preset_text", "presets", "read_config"]


def presets() -> tuple[str, ...]:
    """Their names.

    >>> presets()
    ('cpu', 'full', 'paper-dms', 'paper-nt', 'smoke')
    """
    folder = resources.files("certiqa.benchmark") / "presets"
    return tuple(sorted(one.name.removesuffix(".toml") for one in folder.iterdir() if one.name.endswith(".toml")))


def preset_text(name: str) -> str:
    """The TOML of a preset, to begin a config of one's own with.

    Raises:
        UnknownNameError: no such preset.

    >>> preset_text("smoke").startswith("#")
    True
    """
    if name not in presets():
        raise UnknownNameError.among("preset", name, presets())
    return (resources.files("certiqa.benchmark") / "presets" / f"{name}.toml").read_text(encoding="utf-8")


def read_config(given: str | Path) -> Config:
    """The config of a preset, or of a .toml file; folders in a file are seen from the file.

    Raises:
        UnknownNameError: neither a preset nor a .toml.
        InputError: no such file, no TOML, or a key or value breaks its rule.

    >>> read_config("smoke").name
    'smoke'
    """
    text = str(given)
    if not text.endswith(".toml"):
        if text not in presets():
            raise UnknownNameError(
                f"{UnknownNameError.among('preset', text, presets())} Your own: a file ending in .toml."
            )
        return Config.of(tomllib.loads(preset_text(text)))
    path = Path(given)
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError.of("CONFIG", f"must be a file that can be read ({error.strerror})", text) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError.of("CONFIG", f"must be TOML ({error})", text) from error
    for one in found.get("data", []) if isinstance(found.get("data"), list) else []:
        if isinstance(one, dict) and isinstance(one.get("root"), str):
            one["root"] = str(path.parent / Path(one["root"]).expanduser())
    return Config.of(found)
